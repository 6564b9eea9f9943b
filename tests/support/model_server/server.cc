#include "tests/support/model_server/server.h"

#include "tests/support/model_server/chat_writer.h"
#include "tests/support/model_server/embeddings_writer.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <utility>

#include <sys/socket.h>

namespace dalsegno::test {
namespace {

std::string head_of(std::string_view status,
                    std::string_view type,
                    std::optional<std::size_t> length,
                    std::string_view more = "") {
  std::string head = "HTTP/1.1 " + std::string(status) + "\r\nContent-Type: " + std::string(type) +
                     "\r\n" + std::string(more);
  if (length)
    head += "Content-Length: " + std::to_string(*length) + "\r\n\r\n";
  else
    head += "Transfer-Encoding: chunked\r\n\r\n";
  return head;
}

bool send_whole(Socket const& socket,
                std::string_view body,
                std::string_view status = "200 OK",
                std::string_view more = "") {
  return socket.write(head_of(status, "application/json", body.size(), more) + std::string(body));
}

std::string in_chunk(std::string_view bytes) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  return size + std::string(bytes) + "\r\n";
}

/// Each event in two writes, cut where nobody expects it.
bool send_event(Socket const& socket, std::string_view event) {
  auto const cut = event.size() / 3;
  return socket.write(in_chunk(event.substr(0, cut))) && socket.write(in_chunk(event.substr(cut)));
}

/// The tools and messages, each as its bytes in the request: what a server would have cached.
std::string prompt_of(Json const& request) {
  std::string prompt;
  for (auto const* const part : {"tools", "system", "messages"})
    if (auto const* const value = request.find(part)) {
      if (auto const* const list = value->as_array())
        for (auto const& entry : *list) prompt += to_string(entry) + "\n";
      else
        prompt += to_string(*value) + "\n";
    }
  return prompt;
}

std::size_t number(Json const& order, std::string_view name, std::size_t otherwise) {
  auto const* const value = order.find(name);
  return value != nullptr && value->as_integer() != nullptr
             ? static_cast<std::size_t>(*value->as_integer())
             : otherwise;
}

}  // namespace

void Server::serve(Socket const& listener) {
  for (;;) {
    int const file = ::accept4(listener.file(), nullptr, nullptr, SOCK_CLOEXEC);
    if (file < 0) continue;
    std::thread([this, file] { converse(Socket(file)); }).detach();
  }
}

void Server::converse(Socket socket) {
  std::string buffer;
  while (auto const request = read_message(socket, buffer))
    if (!answer(socket, *request)) return;
}

bool Server::answer(Socket const& socket, WebMessage const& request) {
  auto const begin = request.start.find(' ') + 1;
  auto const path = request.start.substr(begin, request.start.find(' ', begin) - begin);
  if (path == "/v1/chat/completions") return answer_call(socket, request, true);
  if (path == "/v1/messages") return answer_call(socket, request, false);
  if (path == "/v1/embeddings") return answer_embeddings(socket, request);
  std::unique_lock lock(mutex_);
  if (path == "/script") {
    auto const orders = parse_json(request.body);
    if (!orders || orders->as_array() == nullptr) return send_whole(socket, "", "400 Bad Request");
    for (auto const& order : *orders->as_array()) orders_.push_back(order);
  } else if (path == "/requests") {
    return send_whole(socket, to_string(requests_));
  } else if (path.starts_with("/wait/")) {
    auto const count = std::stoul(path.substr(6));
    changed_.wait(lock, [&] { return requests_.size() >= count; });
  } else if (path.starts_with("/open/")) {
    open_gates_.insert(path.substr(6));
    changed_.notify_all();
  } else {
    return send_whole(socket, R"({"error":{"message":"no such path"}})", "404 Not Found");
  }
  return send_whole(socket, "{}");
}

Json Server::next_order(WebMessage const& request) {
  Json headers{Json::Object{}};
  for (auto const& [name, value] : request.headers) headers.set(name, value);
  Json entry;
  entry.set("path", request.start).set("headers", std::move(headers)).set("body", request.body);
  std::unique_lock lock(mutex_);
  requests_.push_back(std::move(entry));
  changed_.notify_all();
  if (orders_.empty()) return {};
  auto order = std::move(orders_.front());
  orders_.pop_front();
  if (auto const gate = std::string(order.text("gate")); !gate.empty())
    changed_.wait(lock, [&] { return open_gates_.contains(gate); });
  return order;
}

bool Server::answer_call(Socket const& socket, WebMessage const& request, bool is_chat) {
  auto order = next_order(request);
  auto const body = parse_json(request.body);
  if (!body) return send_whole(socket, R"({"error":{"message":"no JSON"}})", "400 Bad Request");
  auto const* const messages = body->find("messages");
  bool const answers = !order.is_null() &&
                       (order.find("content") || order.find("tool_calls") || order.find("refusal"));
  auto const said = answers ? order : witless_answer(messages == nullptr ? Json() : *messages);
  auto prompt = prompt_of(*body);
  Counts counts{.prompt = prompt.size() / 4, .cached = 0, .output = to_string(said).size() / 4};
  {
    std::lock_guard const lock(mutex_);
    counts.cached = std::min(cache_.pass(std::move(prompt)) / 4 / 16 * 16, counts.prompt);
  }
  auto const model = body->text("model");
  auto const* const stream = body->find("stream");
  bool const streams = stream != nullptr && stream->as_bool() && *stream->as_bool() &&
                       order.text("fault") != "not_streamed";
  auto const* const options = body->find("stream_options");
  auto const events = is_chat ? streamed_chat(said, model, counts, options != nullptr)
                              : streamed_messages(said, model, counts);
  if (order.find("fault") && order.text("fault") != "not_streamed")
    return misbehave(socket, order, events, streams);
  if (!streams)
    return send_whole(
        socket, is_chat ? whole_chat(said, model, counts) : whole_messages(said, model, counts));
  if (!socket.write(head_of("200 OK", "text/event-stream", std::nullopt))) return false;
  std::chrono::milliseconds const pace(number(order, "pace_ms", 0));
  for (auto const& event : events) {
    if (!send_event(socket, event)) return false;
    if (pace.count() > 0) std::this_thread::sleep_for(pace);
  }
  return socket.write("0\r\n\r\n");
}

bool Server::answer_embeddings(Socket const& socket, WebMessage const& request) {
  auto const order = next_order(request);
  if (order.find("fault")) return misbehave(socket, order, {}, false);
  auto const body = parse_json(request.body);
  if (!body) return send_whole(socket, R"({"error":{"message":"no JSON"}})", "400 Bad Request");
  return send_whole(socket, embeddings_of(*body));
}

bool Server::misbehave(Socket const& socket,
                       Json const& order,
                       std::vector<std::string> const& events,
                       bool streams) {
  auto const fault = order.text("fault");
  auto const stream_head = [&] {
    socket.write(head_of("200 OK", "text/event-stream", std::nullopt));
  };
  // A streamed body that is all there is, or the same as one piece of JSON.
  auto const send_body = [&](std::string const& json) {
    if (!streams) return send_whole(socket, json);
    stream_head();
    return socket.write(in_chunk("data: " + json + "\n\n")) &&
           socket.write(in_chunk("data: [DONE]\n\n") + "0\r\n\r\n");
  };
  auto const send_some = [&] {
    stream_head();
    auto const count = std::min(number(order, "events", 2), events.size());
    for (std::size_t i = 0; i < count; ++i) send_event(socket, events[i]);
  };
  if (fault == "status") {  // {"status": "429 Busy", "headers": "Retry-After: 1\r\n", "body"}
    return send_whole(socket, order.text("body"), order.text("status"), order.text("headers"));
  }
  if (fault == "body") return send_body(std::string(order.text("body")));
  if (fault == "invalid_utf8")
    return send_body(
        "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"\xff\xfe\"},"
        "\"delta\":{\"content\":\"\xff\xfe\"}}]}");
  if (fault == "huge") {  // {"bytes"}: text without end, in one line
    auto const bytes = number(order, "bytes", 50'000'000);
    socket.write(head_of("200 OK", streams ? "text/event-stream" : "application/json", bytes));
    std::string const piece(65'536, 'x');
    for (std::size_t sent = 0; sent < bytes; sent += piece.size())
      if (!socket.write(std::string_view(piece).substr(0, std::min(piece.size(), bytes - sent))))
        return false;
    return true;
  }
  if (fault == "cut") send_some();  // {"events"}: so many, then it closes
  if (fault == "short") {           // {"events"}: so many, then an end in order
    send_some();
    return socket.write("0\r\n\r\n");
  }
  if (fault == "close_after_head") stream_head();
  if (fault == "hang_after") send_some();  // {"events"}
  if (fault == "hang" || fault == "hang_after") socket.wait_for_close();
  if (fault == "pings") {
    stream_head();
    while (socket.write(in_chunk(": still here\n\n"))) {
    }
  }
  if (fault == "die") {  // {"events"}
    send_some();
    std::raise(SIGKILL);
  }
  return false;  // "close", and the end of those above
}

}  // namespace dalsegno::test
