// An MCP server over the standard streams that misbehaves as a test says: what it does stands in
// the name of the tool that is called. Arguments of the program: "stateless" (2026-07-28), "silent"
// (no answer to what it does not know), "ends" (at once), "pages" (of its list).

#include "activities/tool/mcp/message.h"
#include "dalsegno/json.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace dalsegno::mcp {
namespace {

Json parsed(std::string_view text) { return *parse_json(text); }

Json text_result(std::string_view text) {
  Json block;
  block.set("type", "text").set("text", text);
  Json result;
  result.set("content", Json::Array{std::move(block)});
  return result;
}

class Server {
 public:
  explicit Server(std::set<std::string> modes) : modes_(std::move(modes)) {}

  void run() {
    for (std::string line; std::getline(std::cin, line);) {
      auto const message = read_message(line);
      if (!message) continue;
      if (message->kind == Message::Kind::request) handle(*message);
      if (message->kind == Message::Kind::result) answered(*message);
      if (message->method == "notifications/cancelled") cancelled_ = true;
    }
  }

 private:
  [[nodiscard]] bool is(std::string const& mode) const { return modes_.contains(mode); }
  static void say(std::string const& line) { std::cout << line << "\n" << std::flush; }
  static void answer(Json const& id, Json result) { say(write_result(id, std::move(result))); }

  void handle(Message const& message) {
    if (message.method == "server/discover" && is("stateless")) {
      answer(
          message.id,
          parsed(
              R"({"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"resultType":"complete",
                                    "_meta":{"io.modelcontextprotocol/serverInfo":{"name":"scripted","version":"2"}}})"));
    } else if (message.method == "initialize" && !is("stateless")) {
      answer(
          message.id,
          parsed(R"({"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true}},
                                    "serverInfo":{"name":"scripted","version":"1"}})"));
    } else if (message.method == "ping") {
      answer(message.id, Json(Json::Object{}));
    } else if (message.method == "tools/list") {
      list(message);
    } else if (message.method == "tools/call") {
      call(message);
    } else if (!is("silent")) {
      say(write_error(message.id, -32601, "Method not found"));
    }
  }

  [[nodiscard]] Json tool(std::string_view name) const {
    Json out;
    out.set("name", name).set("description", std::string(name) + " things");
    out.set(
        "inputSchema",
        parsed(
            name == "echo" && is_changed_
                ? R"({"type":"object","properties":{"text":{"type":"string"},"to":{"type":"string"}}})"
                : R"({"type":"object","properties":{"text":{"type":"string"}}})"));
    if (name == "lie")
      out.set(
          "outputSchema",
          parsed(
              R"({"type":"object","required":["sum"],"properties":{"sum":{"type":"integer"}}})"));
    if (name == "broken") out.set("inputSchema", parsed(R"({"type":"object","properties":7})"));
    return out;
  }

  void list(Message const& message) {
    std::vector<std::string_view> const names{"ask",
                                              "broken",
                                              "change",
                                              "chatter",
                                              "die",
                                              "echo",
                                              "fail",
                                              "flood",
                                              "garbage",
                                              "hang",
                                              "lie",
                                              "odd.name",
                                              "progress",
                                              "refuse",
                                              "report",
                                              "spawn",
                                              "stall"};
    auto const cursor = message.params.text("cursor");
    std::size_t const begin = cursor.empty() ? 0 : std::stoul(std::string(cursor));
    std::size_t const end = is("pages") ? std::min(begin + 3, names.size()) : names.size();
    Json::Array tools;
    for (auto i = begin; i < end; ++i) tools.push_back(tool(names[i]));
    Json result;
    result.set("tools", std::move(tools));
    if (end < names.size()) result.set("nextCursor", std::to_string(end));
    answer(message.id, std::move(result));
  }

  void call(Message const& message) {
    auto const name = message.params.text("name");
    auto const* const arguments = message.params.find("arguments");
    if (name == "echo")
      return answer(message.id,
                    text_result(arguments == nullptr ? "nothing" : arguments->text("text")));
    if (name == "die") std::raise(SIGKILL);
    if (name == "hang") return report_progress(message, 1);  // and nothing more
    if (name == "stall") {                                   // not even its input is read
      std::cerr << "stalling" << std::endl;
      for (;;) pause();
    }
    if (name == "flood") return flood(message);
    if (name == "garbage")
      return say("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"text\":\"\xff\xfe\"}}");
    if (name == "chatter") {
      say("starting up ...");
      return answer(message.id, text_result("calm"));
    }
    if (name == "change") {
      is_changed_ = true;
      say(write_notification("notifications/tools/list_changed", {}));
      return answer(message.id, text_result("changed"));
    }
    if (name == "fail") {
      auto result = text_result("the disk is full");
      result.set("isError", true);
      return answer(message.id, std::move(result));
    }
    if (name == "lie") {
      auto result = text_result("4");
      result.set("structuredContent", parsed(R"({"sum":"four"})"));
      return answer(message.id, std::move(result));
    }
    if (name == "refuse") return say(write_error(message.id, -32602, "no such thing"));
    if (name == "progress") return progress(message);
    if (name == "ask") return ask(message);
    if (name == "report") return report(message);
    if (name == "spawn") return spawn(message);
    if (name == "odd.name")
      return answer(message.id, text_result(cancelled_ ? "cancelled" : "not cancelled"));
    say(write_error(message.id, -32602, "Unknown tool"));
  }

  static void flood(Message const& message) {
    std::cout << R"({"jsonrpc":"2.0","id":)" << to_string(message.id)
              << R"(,"result":{"content":[{"type":"text","text":")";
    std::string const block(1U << 20U, 'x');
    for (int i = 0; i < 50; ++i) std::cout << block;
    std::cout << "\"}]}}\n" << std::flush;
  }

  static void report_progress(Message const& message, int progress) {
    Json params;
    params.set("progressToken", *message.params.find("_meta")->find("progressToken"))
        .set("progress", progress)
        .set("total", 3)
        .set("message", "step");
    say(write_notification("notifications/progress", std::move(params)));
  }
  static void progress(Message const& message) {
    for (int i = 1; i <= 3; ++i) report_progress(message, i);
    answer(message.id, text_result("done"));
  }

  void ask(Message const& message) {
    auto const question =
        parsed(R"({"message":"Who?","requestedSchema":{"type":"object","properties":
      {"name":{"type":"string","default":"Anna"},"age":{"type":"integer"}}}})");
    if (!is("stateless")) {
      asking_ = message.id;
      Json request;
      request.set("jsonrpc", "2.0")
          .set("id", "q1")
          .set("method", "elicitation/create")
          .set("params", question);
      return say(to_string(request));
    }
    if (auto const* const responses = message.params.find("inputResponses")) {
      auto said = to_string(*responses->find("who"));
      return answer(message.id,
                    text_result(std::string(message.params.text("requestState")) + " " + said));
    }
    Json input;
    input.set("method", "elicitation/create").set("params", question);
    Json inputs;
    inputs.set("who", std::move(input));
    Json result;
    result.set("resultType", "input_required")
        .set("requestState", "opaque")
        .set("inputRequests", std::move(inputs));
    answer(message.id, std::move(result));
  }
  void answered(Message const& message) {
    if (!asking_.is_null())
      answer(std::exchange(asking_, {}), text_result(to_string(message.result)));
  }

  /// What it was given: variables, descriptors beside the three, limits.
  static void report(Message const& message) {
    Json out;
    Json::Array variables;
    for (char** variable = environ; *variable != nullptr; ++variable)
      variables.push_back(std::string_view(*variable));
    Json::Array descriptors;
    for (int i = 3; i < 1'000; ++i)
      if (::fcntl(i, F_GETFD) >= 0) descriptors.push_back(i);
    rlimit data{};
    ::getrlimit(RLIMIT_DATA, &data);
    rlimit cpu{};
    ::getrlimit(RLIMIT_CPU, &cpu);
    out.set("environment", std::move(variables)).set("descriptors", std::move(descriptors));
    out.set("memory", std::uint64_t{data.rlim_cur}).set("cpu", std::uint64_t{cpu.rlim_cur});
    out.set("is_leader", ::getpgrp() == ::getpid());
    Json result;
    result.set("content", Json::Array{}).set("structuredContent", std::move(out));
    answer(message.id, std::move(result));
  }

  /// Starts a process that would outlive it, and holds a pipe of ours open.
  static void spawn(Message const& message) {
    int const child = ::fork();
    if (child == 0) {
      for (;;) ::pause();
    }
    answer(message.id, text_result(std::to_string(child)));
  }

  std::set<std::string> const modes_;
  bool is_changed_ = false;
  bool cancelled_ = false;
  Json asking_;
};

}  // namespace
}  // namespace dalsegno::mcp

int main(int argc, char** argv) {
  std::set<std::string> modes(argv + 1, argv + argc);
  if (modes.contains("ends")) {
    std::cerr << "no licence found" << std::endl;
    return 3;
  }
  dalsegno::mcp::Server(std::move(modes)).run();
  return 0;
}
