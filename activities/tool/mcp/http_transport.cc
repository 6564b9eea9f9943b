#include "activities/tool/mcp/http_transport.h"

#include "activities/http/retry_after.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace dalsegno::mcp {
namespace {

using activities::SseEvent;
using activities::SseParser;
using Clock = Patience::Clock;

constexpr std::size_t max_error_bytes = 65'536;
constexpr std::chrono::milliseconds default_retry{1'000};
constexpr std::chrono::milliseconds longest_retry{60'000};
constexpr std::chrono::milliseconds time_for_a_word{5'000};
constexpr std::chrono::hours as_long_as_it_takes{24 * 365};

/// Waits; false when it was stopped.
bool wait(std::condition_variable_any& changed,
          std::mutex& mutex,
          std::stop_token const& stop,
          Clock::time_point until) {
  std::unique_lock lock(mutex);
  changed.wait_until(lock, stop, until, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace

/// What has come of the answer to one request, over one stream or several.
class HttpTransport::Reading {
 public:
  /// `reach` must outlive it.
  Reading(HttpTransport& transport, std::optional<std::uint64_t> id, Reach const& reach)
      : transport_(transport), id_(id), reach_(reach), parser_(transport.options_.message_bytes) {}

  void take_head(http::Response const& head) {
    status_ = head.status;
    body_.clear();
    parser_ = SseParser(transport_.options_.message_bytes);
    is_stream_ = head.status == 200 &&
                 http::header(head.headers, "content-type").starts_with("text/event-stream");
  }
  /// False: nothing more is wanted.
  bool take_body(std::string_view piece) {
    if (is_stream_) return take_stream(piece);
    auto const limit = status_ == 200 ? transport_.options_.message_bytes : max_error_bytes;
    if (body_.size() + piece.size() > limit) {
      if (status_ == 200) give_up_too_large();
      return false;
    }
    body_ += piece;
    return true;
  }

  /// Where a whole answer has come, it is read.
  void finish() {
    if (is_stream_ || answer || fault) return;
    auto message = read_message(body_);
    if (message && id_ && (message->answers(*id_) || message->kind == Message::Kind::error)) {
      answer = std::move(*message);
    } else if (status_ == 200) {
      fault = malformed(message ? "it answers another request" : message.error().detail);
    }
  }

  [[nodiscard]] bool is_stream() const { return is_stream_; }
  [[nodiscard]] unsigned status() const { return status_; }
  [[nodiscard]] std::string const& body() const { return body_; }
  [[nodiscard]] std::string const& last_id() const { return last_id_; }
  [[nodiscard]] std::uint64_t events() const { return events_; }
  [[nodiscard]] std::chrono::milliseconds retry() const { return retry_; }

  std::optional<Message> answer;
  std::optional<Fault> fault;

 private:
  static Fault malformed(std::string const& why) {
    return {.type = "malformed_answer",
            .message = "the server sent something that is no message: " + presentable(why, 300),
            .retryable = false,
            .outcome_unknown = true};
  }
  void give_up_too_large() {
    fault = Fault{.type = "too_large",
                  .message = "the server sent a message of more than " +
                             std::to_string(transport_.options_.message_bytes) + " bytes",
                  .retryable = false,
                  .outcome_unknown = true};
  }
  bool take_stream(std::string_view piece) {
    auto const fed = parser_.feed(piece, [this](SseEvent const& event) { take_event(event); });
    if (!fed && !answer) give_up_too_large();
    if (!parser_.last_id().empty()) last_id_ = parser_.last_id();
    if (auto const asked = parser_.retry_ms())
      retry_ = std::min(std::chrono::milliseconds(std::min<std::uint64_t>(*asked, 1'000'000'000)),
                        longest_retry);
    return !answer && !fault;
  }
  void take_event(SseEvent const& event) {
    ++events_;
    if (event.data.empty() || answer || fault) return;
    auto message = read_message(event.data);
    if (!message)
      fault = malformed(message.error().detail);
    else if (id_ && message->answers(*id_))
      answer = std::move(*message);
    else
      transport_.take(*message, reach_);
  }

  HttpTransport& transport_;
  std::optional<std::uint64_t> const id_;
  Reach const& reach_;
  SseParser parser_;
  bool is_stream_ = false;
  unsigned status_ = 0;
  std::string body_;
  std::string last_id_;
  std::uint64_t events_ = 0;
  std::chrono::milliseconds retry_ = default_retry;
};

HttpTransport::HttpTransport(http::Client const& client,
                             HttpOptions options,
                             Authorizer* authorizer,
                             Peer& peer)
    : client_(client), options_(std::move(options)), authorizer_(authorizer), peer_(peer) {}

HttpTransport::~HttpTransport() { close(); }

OrFault<std::uint64_t> HttpTransport::open() {
  std::scoped_lock const lock(mutex_);
  if (closing_.stop_requested())
    return std::unexpected(Fault{.type = "cancelled", .message = "the client is closed"});
  return connection_;
}

void HttpTransport::speak(std::string_view version, bool is_stateless) {
  std::scoped_lock const lock(mutex_);
  version_ = version;
  is_stateless_ = is_stateless;
}

void HttpTransport::note_session(http::Response const& head) {
  auto const session = http::header(head.headers, "mcp-session-id");
  if (session.empty() || head.status / 100 != 2) return;
  std::scoped_lock const lock(mutex_);
  if (!is_stateless_) session_ = session;
}

std::vector<http::Header> HttpTransport::headers(std::vector<http::Header> more) {
  auto out = options_.headers;
  out.insert(out.end(), more.begin(), more.end());
  if (authorizer_ != nullptr)
    if (auto value = authorizer_->header(); !value.empty()) out.push_back({"Authorization", value});
  std::scoped_lock const lock(mutex_);
  if (!version_.empty()) out.push_back({"MCP-Protocol-Version", version_});
  if (!session_.empty()) out.push_back({"Mcp-Session-Id", session_});
  return out;
}

http::SendOptions HttpTransport::send_options(Patience const& patience) const {
  http::SendOptions options;
  options.limits = options_.limits;
  auto const left = std::chrono::ceil<std::chrono::milliseconds>(patience.end() - Clock::now());
  options.limits.head = options.limits.total = std::max(left, std::chrono::milliseconds(0));
  options.limits.head = std::min(options.limits.head, patience.idle());
  options.limits.body_bytes = SIZE_MAX / 2;  // what is too much is decided for each message
  options.limits.redirects = 0;
  options.body_pace = [&patience] {
    return http::BodyDeadline{patience.deadline(), "the server's answer"};
  };
  return options;
}

// ---- requests ----

HttpTransport::Sent HttpTransport::send(Outgoing const& request, Reading& reading) {
  auto options = send_options(request.patience);
  options.routes = request.reach.routes;
  options.policy = request.reach.policy;
  options.on_contact = request.reach.on_contact;
  options.stop = request.stop;
  options.keep_alive = true;
  options.on_head = [&](http::Response const& head) {
    note_session(head);
    reading.take_head(head);
  };
  options.on_body = [&](std::string_view piece) { return reading.take_body(piece); };
  auto more = request.headers;
  more.push_back({"Content-Type", "application/json"});
  more.push_back({"Accept", "application/json, text/event-stream"});
  Sent sent;
  auto all = headers(std::move(more));
  sent.authorization = http::header(all, "authorization");
  sent.session = http::header(all, "mcp-session-id");
  sent.answer = client_.send(
      {.method = "POST", .url = options_.url, .headers = std::move(all), .body = request.message},
      options);
  return sent;
}

OrFault<Message> HttpTransport::exchange(Outgoing const& request) {
  Reading reading(*this, request.id, request.reach);
  auto sent = send(request, reading);
  // A server may ask for more than it was shown twice: for a token, and for one with more rights.
  for (int i = 0;
       i < 3 && (sent.answer.response.status == 401 || sent.answer.response.status == 403);
       ++i) {
    auto const challenge = http::header(sent.answer.response.headers, "www-authenticate");
    if (authorizer_ == nullptr || challenge.empty()) break;
    if (sent.answer.response.status == 403 && !challenge.contains("insufficient_scope")) break;
    if (auto const renewed = authorizer_->renew(sent.authorization, challenge); !renewed)
      return std::unexpected(renewed.error());
    sent = send(request, reading);
  }
  if (!sent.answer.failure) reading.finish();
  bool is_stateless = false;
  {
    std::scoped_lock const lock(mutex_);
    is_stateless = is_stateless_;
  }
  auto const& failure = sent.answer.failure;
  bool const is_broken_off = !failure || failure->kind == http::FailureKind::cut_off;
  if (reading.is_stream() && is_broken_off && !reading.answer && !reading.fault && !is_stateless)
    resume(request, reading);
  if (reading.answer) {
    auto& answer = *reading.answer;
    if (!answer.answers(request.id) && reading.status() != 400)
      return std::unexpected(fault_of_status(sent, reading.body()));
    return std::move(answer);
  }
  if (reading.fault) return std::unexpected(*reading.fault);
  bool const is_given_up = failure && (failure->kind == http::FailureKind::cancelled ||
                                       failure->kind == http::FailureKind::timed_out);
  if (is_given_up && !is_stateless && request.method != "initialize") {
    // Without a session the end of the connection says it.
    Json params;
    params.set("requestId", request.id).set("reason", "nobody waits for it any longer");
    post_quietly(write_notification("notifications/cancelled", std::move(params)), request.reach);
  }
  if (failure || !reading.is_stream()) return std::unexpected(fault_of(sent, reading.body()));
  return std::unexpected(Fault{.type = "cut_off",
                               .message = "the stream ended before the answer came",
                               .retryable = true,
                               .outcome_unknown = true});
}

void HttpTransport::resume(Outgoing const& request, Reading& reading) {
  for (unsigned idle = 0; idle < options_.resumptions && !reading.last_id().empty();) {
    auto const until = Clock::now() + reading.retry();
    if (until > request.patience.end() || !wait(changed_, mutex_, request.stop, until)) return;
    auto const before = reading.events();
    auto options = send_options(request.patience);
    options.routes = request.reach.routes;
    options.policy = request.reach.policy;
    options.on_contact = request.reach.on_contact;
    options.stop = request.stop;
    options.on_head = [&](http::Response const& head) { reading.take_head(head); };
    options.on_body = [&](std::string_view piece) { return reading.take_body(piece); };
    auto all = headers({{"Accept", "text/event-stream"}, {"Last-Event-ID", reading.last_id()}});
    auto const answer = client_.send(
        {.method = "GET", .url = options_.url, .headers = std::move(all), .body = {}}, options);
    if (reading.answer || reading.fault) return;
    bool const is_refused = answer.response.status / 100 == 4;
    if (is_refused || (answer.failure && !http::may_pass(answer.failure->kind))) return;
    idle = reading.events() > before ? 0 : idle + 1;
  }
}

OrFault<> HttpTransport::notify(std::string const& message, Patience const& patience) {
  return post(message, patience, {});
}

OrFault<> HttpTransport::post(std::string const& message,
                              Patience const& patience,
                              Reach const& reach) {
  Reading reading(*this, std::nullopt, reach);
  Outgoing const request{.method = {}, .message = message, .patience = patience, .reach = reach};
  auto const sent = send(request, reading);
  if (sent.answer.failure || sent.answer.response.status / 100 != 2)
    return std::unexpected(fault_of(sent, reading.body()));
  return {};
}

Fault HttpTransport::fault_of(Sent const& sent, std::string_view body) {
  auto const& answer = sent.answer;
  if (!answer.failure) return fault_of_status(sent, body);
  auto const kind = answer.failure->kind;
  return {.type = std::string(http::name_of(kind)),
          .message = presentable(answer.failure->message, 1'000),
          .retryable = http::may_pass(kind),
          .outcome_unknown = http::may_have_happened(kind)};
}

Fault HttpTransport::fault_of_status(Sent const& sent, std::string_view body) {
  auto const& response = sent.answer.response;
  auto const status = response.status;
  Fault fault{.type = "unexpected_status",
              .message = "the server answered with HTTP status " + std::to_string(status),
              .status = status};
  if (!body.empty()) fault.message += ": " + presentable(body, 300);
  if (status == 401) fault.type = "unauthorized";
  if (status == 403) fault.type = "forbidden";
  if (status == 429 || status == 503) {
    fault.type = status == 429 ? "rate_limited" : "unavailable";
    fault.retryable = true;
    fault.retry_after = http::retry_after(
        http::header(response.headers, "retry-after"),
        "",
        std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now()));
  } else if (status >= 500) {
    fault.type = "server_error";
    fault.retryable = fault.outcome_unknown = true;
  }
  if (status == 404 && !sent.session.empty()) {
    // It has forgotten us, and so has done nothing.
    fault.type = "session_lost";
    fault.retryable = true;
    std::scoped_lock const lock(mutex_);
    if (session_ == sent.session) {  // else another request has noticed it before
      session_.clear();
      version_.clear();
      ++connection_;
    }
  }
  return fault;
}

// ---- what the server says by itself ----

void HttpTransport::take(Message const& message, Reach const& reach) {
  if (message.kind == Message::Kind::notification) peer_.notified(message);
  if (message.kind == Message::Kind::request) post_quietly(peer_.asked(message), reach);
}

void HttpTransport::post_quietly(std::string const& message, Reach const& reach) {
  Patience const patience(time_for_a_word, time_for_a_word);
  auto const posted = post(message, patience, reach);
  if (!posted) return;  // the request that it belongs to shows what is wrong
}

void HttpTransport::listen() {
  if (!options_.listens) return;
  std::scoped_lock const lock(listen_mutex_);
  if (closing_.stop_requested()) return;
  listener_ = std::jthread([this](std::stop_token const& stop) { stream(stop); });
}

void HttpTransport::stream(std::stop_token const& stop) {
  Patience const patience(as_long_as_it_takes, as_long_as_it_takes);
  Reach const reach;
  Reading reading(*this, std::nullopt, reach);
  for (unsigned idle = 0; idle < options_.resumptions && !stop.stop_requested();) {
    auto const before = reading.events();
    auto options = send_options(patience);
    options.limits.head = options_.limits.head;
    options.stop = stop;
    options.on_head = [&](http::Response const& head) { reading.take_head(head); };
    options.on_body = [&](std::string_view piece) {
      return reading.is_stream() && reading.take_body(piece);
    };
    std::vector<http::Header> more{{"Accept", "text/event-stream"}};
    if (!reading.last_id().empty()) more.push_back({"Last-Event-ID", reading.last_id()});
    auto const answer = client_.send(
        {.method = "GET", .url = options_.url, .headers = headers(std::move(more)), .body = {}},
        options);
    // Most servers have no such stream, and say so.
    if (!reading.is_stream() && !answer.failure) return;
    if (answer.failure && !http::may_pass(answer.failure->kind)) return;
    reading.fault.reset();
    idle = reading.events() > before ? 0 : idle + 1;
    if (!wait(changed_, mutex_, stop, Clock::now() + reading.retry())) return;
  }
}

void HttpTransport::close() {
  if (!closing_.request_stop()) return;
  {
    std::scoped_lock const lock(listen_mutex_);
    listener_.request_stop();
    if (listener_.joinable()) listener_.join();
  }
  std::string session;
  {
    std::scoped_lock const lock(mutex_);
    session = session_;
  }
  if (session.empty()) return;
  Patience const patience(time_for_a_word, time_for_a_word);
  static_cast<void>(
      client_.send({.method = "DELETE", .url = options_.url, .headers = headers({}), .body = {}},
                   send_options(patience)));
}

}  // namespace dalsegno::mcp
