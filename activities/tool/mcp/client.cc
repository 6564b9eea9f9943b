#include "activities/tool/mcp/client.h"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

namespace dalsegno::mcp {
namespace {

constexpr std::array<std::string_view, 4> session_versions{
    session_version, "2025-06-18", "2025-03-26", "2024-11-05"};
constexpr std::int64_t unsupported_version = -32022;
constexpr std::size_t max_pages = 100;
constexpr std::size_t max_tools = 2'000;
constexpr int max_rounds = 16;

Json client_info() {
  Json info;
  info.set("name", "dalsegno").set("version", "0.1.0");
  return info;
}

bool is_stateless_error(Fault const& fault) {
  return fault.code && *fault.code <= -32020 && *fault.code >= -32022;
}

/// Whether the server has said no, in whatever words, to a question of the other era.
bool is_from_server(Fault const& fault) {
  return fault.code.has_value() || fault.status / 100 == 4 || fault.type == "unexpected_status";
}

/// Of a server that does not speak the revision it was asked in.
std::vector<std::string> supported_versions(Fault const& fault) {
  std::vector<std::string> out;
  auto const* const versions = fault.data.find("supported");
  if (versions == nullptr || versions->as_array() == nullptr) return out;
  for (auto const& version : *versions->as_array())
    if (auto const* const name = version.as_string(); name != nullptr && out.size() < 20)
      out.push_back(*name);
  return out;
}

bool names(std::vector<std::string> const& versions, std::string_view version) {
  return std::ranges::find(versions, version) != versions.end();
}

Fault malformed(std::string message) {
  return {.type = "malformed_answer",
          .message = std::move(message),
          .retryable = false,
          .outcome_unknown = true};
}

Json const& empty_object() {
  static Json const empty{Json::Object{}};
  return empty;
}

}  // namespace

/// Where the progress of one request goes.
struct Client::Progress {
  std::mutex mutex;
  ProgressSink sink;  // guarded; empty when the request is over
  Patience* patience = nullptr;
};

Client::Client(MakeTransport const& make, ClientOptions options)
    : options_(std::move(options)), transport_(make(*this)), known_era_(options_.era) {}

Client::~Client() { close(); }

void Client::close() { transport_->close(); }

std::optional<Era> Client::era() const {
  std::scoped_lock const lock(mutex_);
  return spoken_ ? std::optional(spoken_->era) : std::nullopt;
}

std::string Client::version() const {
  std::scoped_lock const lock(mutex_);
  return spoken_ ? spoken_->version : "";
}

Json Client::server() const {
  std::scoped_lock const lock(mutex_);
  return spoken_ ? spoken_->server : Json();
}

Json Client::capabilities() const {
  Json out{Json::Object{}};
  if (!options_.on_elicitation) return out;
  Json form;
  form.set("applyDefaults", true);
  Json elicitation;
  elicitation.set("form", std::move(form));
  out.set("elicitation", std::move(elicitation));
  return out;
}

// ---- connecting ----

OrFault<> Client::connect(RequestOptions const& how) {
  std::scoped_lock const connecting(connect_mutex_);
  auto const opened = transport_->open();
  if (!opened) return std::unexpected(opened.error());
  if (*opened == connection_) return {};
  {
    std::scoped_lock const lock(mutex_);
    spoken_.reset();
  }
  if (auto const done = hand_shake(how); !done) {
    known_era_ = options_.era;  // another server may stand there the next time
    return std::unexpected(done.error());
  }
  // The handshake may have needed a second server, where the first did not stand the question.
  auto const now = transport_->open();
  if (!now) return std::unexpected(now.error());
  connection_ = *now;
  ++list_version_;
  return {};
}

OrFault<> Client::hand_shake(RequestOptions const& how) {
  if (known_era_ != Era::sessions) {
    auto const found = discover(how);
    if (found) {
      known_era_ = Era::stateless;
      return {};
    }
    auto const& fault = found.error();
    bool const is_unanswered = fault.type == "timed_out" || fault.type == "server_ended";
    bool const may_be_older = !is_stateless_error(fault) || fault.type == "unknown_protocol";
    if (known_era_ == Era::stateless || !may_be_older ||
        !(is_from_server(fault) || is_unanswered) || fault.status == 401 || fault.status == 403)
      return found;
    if (auto const again = transport_->open(); !again) return std::unexpected(again.error());
  }
  auto const done = initialize(how);
  if (done) known_era_ = Era::sessions;
  return done;
}

OrFault<> Client::discover(RequestOptions const& how) {
  {
    std::scoped_lock const lock(mutex_);
    spoken_ = Spoken{Era::stateless, std::string(stateless_version), {}};
  }
  transport_->speak(stateless_version, true);
  auto const found = exchange("server/discover", {}, how, options_.discover_time);
  if (found) {
    std::scoped_lock const lock(mutex_);
    auto const* const meta = found->find("_meta");
    auto const* const info =
        meta == nullptr ? nullptr : meta->find("io.modelcontextprotocol/serverInfo");
    if (info != nullptr) spoken_->server = *info;
    return {};
  }
  {
    std::scoped_lock const lock(mutex_);
    spoken_.reset();
  }
  transport_->speak("", false);
  auto fault = found.error();
  if (fault.code == unsupported_version) {
    std::string supported;
    bool has_sessions = false;
    for (auto const& version : supported_versions(fault)) {
      supported += (supported.empty() ? "" : ", ") + presentable(version, 40);
      has_sessions =
          has_sessions || std::ranges::find(session_versions, version) != session_versions.end();
    }
    if (!has_sessions)
      return std::unexpected(
          Fault{.type = "unknown_protocol",
                .message = "the server speaks no revision that we know: " + supported});
    fault.type = "unknown_protocol";
  }
  return std::unexpected(std::move(fault));
}

OrFault<> Client::initialize(RequestOptions const& how) {
  {
    std::scoped_lock const lock(mutex_);
    spoken_ = Spoken{Era::sessions, {}, {}};
  }
  transport_->speak("", false);
  Json params;
  params.set("protocolVersion", session_version)
      .set("capabilities", capabilities())
      .set("clientInfo", client_info());
  auto const answer = exchange("initialize", std::move(params), how);
  auto const fail = [&](Fault fault) -> OrFault<> {
    std::scoped_lock const lock(mutex_);
    spoken_.reset();
    return std::unexpected(std::move(fault));
  };
  if (!answer) return fail(answer.error());
  std::string const version(answer->text("protocolVersion"));
  if (std::ranges::find(session_versions, version) == session_versions.end())
    return fail({.type = "unknown_protocol",
                 .message = "the server speaks revision \"" + presentable(version, 40) +
                            "\", which we do not know"});
  {
    std::scoped_lock const lock(mutex_);
    spoken_->version = version;
    if (auto const* const info = answer->find("serverInfo")) spoken_->server = *info;
  }
  transport_->speak(version, false);
  Patience const patience(options_.answer_time, options_.answer_time);
  if (auto const told =
          transport_->notify(write_notification("notifications/initialized", {}), patience);
      !told)
    return fail(told.error());
  transport_->listen();
  return {};
}

// ---- requests ----

Json Client::with_envelope(Json params,
                           Json const& meta,
                           std::uint64_t id,
                           bool has_progress) const {
  Json out = params.find("_meta") != nullptr ? *params.find("_meta") : Json();
  if (auto const* const members = meta.as_object())
    for (auto const& [name, value] : *members) out.set(name, value);
  if (has_progress) out.set("progressToken", id);
  {
    std::scoped_lock const lock(mutex_);
    if (spoken_ && spoken_->era == Era::stateless)
      out.set("io.modelcontextprotocol/protocolVersion", spoken_->version)
          .set("io.modelcontextprotocol/clientInfo", client_info())
          .set("io.modelcontextprotocol/clientCapabilities", capabilities());
  }
  if (!out.is_null()) params.set("_meta", std::move(out));
  return params;
}

std::vector<http::Header> Client::headers_of(std::string_view method, Json const& params) const {
  std::scoped_lock const lock(mutex_);
  if (!spoken_ || spoken_->era != Era::stateless) return {};
  std::vector<http::Header> out{{"Mcp-Method", std::string(method)}};
  if (method == "tools/call" || method == "prompts/get")
    out.push_back({"Mcp-Name", header_value(params.text("name"))});
  if (method == "resources/read") out.push_back({"Mcp-Name", header_value(params.text("uri"))});
  if (method != "tools/call") return out;
  auto const known = header_parameters_.find(params.text("name"));
  auto const* const arguments = params.find("arguments");
  if (known == header_parameters_.end() || arguments == nullptr) return out;
  auto more = write_header_parameters(known->second, *arguments);
  std::ranges::move(more, std::back_inserter(out));
  return out;
}

OrFault<Json> Client::exchange_once(std::string_view method,
                                    Json params,
                                    RequestOptions const& how,
                                    std::optional<std::chrono::milliseconds> time) {
  auto const id = next_id_++;
  bool const has_progress = method == "tools/call";
  auto const full = with_envelope(std::move(params), how.meta, id, has_progress);
  Patience patience(time.value_or(options_.answer_time), time.value_or(options_.longest_time));
  auto const progress = std::make_shared<Progress>();
  if (has_progress) {
    progress->sink = how.on_progress;
    progress->patience = &patience;
    std::scoped_lock const lock(mutex_);
    progress_.emplace(id, progress);
  }
  Outgoing request{.id = id,
                   .method = std::string(method),
                   .message = write_request(id, method, full),
                   .headers = headers_of(method, full),
                   .patience = patience,
                   .stop = how.stop,
                   .reach = how.reach};
  request.headers.insert(request.headers.end(), how.headers.begin(), how.headers.end());
  auto answer = transport_->exchange(request);
  if (has_progress) {
    {
      std::scoped_lock const lock(mutex_);
      progress_.erase(id);
    }
    std::scoped_lock const lock(progress->mutex);
    progress->sink = nullptr;
    progress->patience = nullptr;
  }
  if (!answer) return std::unexpected(answer.error());
  if (answer->kind == Message::Kind::error)
    return std::unexpected(fault_of_error(answer->code, answer->text, std::move(answer->data)));
  if (answer->result.as_object() == nullptr)
    return std::unexpected(malformed("the result is no object"));
  return std::move(answer->result);
}

OrFault<Json> Client::exchange(std::string_view method,
                               Json params,
                               RequestOptions const& how,
                               std::optional<std::chrono::milliseconds> time) {
  auto answer = exchange_once(method, params, how, time);
  // A server that refuses our revision and names it as one of its own: once more, as it asks.
  if (!answer && answer.error().code == unsupported_version &&
      names(supported_versions(answer.error()), stateless_version))
    answer = exchange_once(method, std::move(params), how, time);
  return answer;
}

OrFault<Json> Client::request(std::string_view method,
                              Json const& params,
                              RequestOptions const& how) {
  for (int attempt = 0;; ++attempt) {
    if (auto const connected = connect(how); !connected) return std::unexpected(connected.error());
    auto answer = exchange(method, params, how);
    if (answer || answer.error().type != "session_lost" || attempt > 0) return answer;
  }
}

OrFault<> Client::ping(RequestOptions const& how) {
  if (auto const connected = connect(how); !connected) return connected;
  // The stateless revision has none; what comes nearest is asking who is there.
  auto const answer = request(era() == Era::stateless ? "server/discover" : "ping", {}, how);
  return answer ? OrFault<>() : std::unexpected(answer.error());
}

OrFault<ToolList> Client::list_tools(RequestOptions const& how) {
  ToolList list;
  std::map<std::string, std::vector<HeaderParameter>, std::less<>> parameters;
  std::string cursor;
  for (std::size_t page = 0;; ++page) {
    Json params;
    if (!cursor.empty()) params.set("cursor", cursor);
    auto const answer = request("tools/list", params, how);
    if (!answer) return std::unexpected(answer.error());
    auto const* const tools = answer->find("tools");
    if (tools == nullptr || tools->as_array() == nullptr)
      return std::unexpected(malformed("tools/list gives no \"tools\""));
    for (auto const& definition : *tools->as_array()) {
      Tool tool{std::string(definition.text("name")), definition};
      auto const* const schema = definition.find("inputSchema");
      if (tool.name.empty() || schema == nullptr || schema->as_object() == nullptr) {
        list.refused.push_back("\"" + presentable(tool.name, 100) +
                               "\" has no name or no input schema");
        continue;
      }
      auto headers = read_header_parameters(*schema);
      if (!headers && era() == Era::stateless) {
        list.refused.push_back("\"" + presentable(tool.name, 100) +
                               "\": " + presentable(headers.error().detail, 300));
        continue;
      }
      if (headers) parameters.insert_or_assign(tool.name, std::move(*headers));
      list.tools.push_back(std::move(tool));
    }
    if (auto const* const fresh = answer->find("ttlMs");
        fresh != nullptr && fresh->as_integer() != nullptr)
      list.fresh_for = std::chrono::milliseconds(std::max<std::int64_t>(*fresh->as_integer(), 0));
    auto const next = answer->text("nextCursor");
    if (next.empty()) break;
    if (page + 1 >= max_pages || list.tools.size() > max_tools)
      return std::unexpected(
          Fault{.type = "too_large", .message = "the list of tools does not end"});
    cursor = next;
  }
  std::scoped_lock const lock(mutex_);
  header_parameters_ = std::move(parameters);
  return list;
}

OrFault<Json> Client::call_tool(std::string_view name,
                                Json const& arguments,
                                RequestOptions const& how) {
  Json more{Json::Object{}};
  for (int round = 0; round < max_rounds; ++round) {
    Json params = more;
    params.set("name", name);
    params.set("arguments", arguments.is_null() ? empty_object() : arguments);
    auto result = request("tools/call", params, how);
    if (!result) return result;
    auto const type = result->text("resultType");
    if (type.empty() || type == "complete") return result;
    if (type != "input_required")
      return std::unexpected(malformed("the result is of the type \"" + presentable(type, 40) +
                                       "\", which we do not know"));
    more = Json(Json::Object{});
    if (auto const* const questions = result->find("inputRequests")) {
      auto answers = answers_to(*questions);
      if (!answers) return answers;
      more.set("inputResponses", std::move(*answers));
    }
    // Nobody's business but the server's: back as it came.
    if (auto const* const state = result->find("requestState")) more.set("requestState", *state);
  }
  return std::unexpected(Fault{
      .type = "input_required",
      .message = "the server asked for input " + std::to_string(max_rounds) + " times in a row"});
}

OrFault<Json> Client::answers_to(Json const& questions) const {
  Json answers{Json::Object{}};
  auto const* const members = questions.as_object();
  if (members == nullptr) return std::unexpected(malformed("\"inputRequests\" is no object"));
  for (auto const& [key, question] : *members) {
    auto const method = question.text("method");
    auto const* const params = question.find("params");
    if (method == "elicitation/create") {
      auto const& asked = params == nullptr ? empty_object() : *params;
      answers.set(key,
                  options_.on_elicitation ? with_defaults(options_.on_elicitation(asked), asked)
                                          : decline());
    } else if (method == "roots/list") {
      Json roots;
      roots.set("roots", Json(Json::Array{}));
      answers.set(key, std::move(roots));
    } else {
      return std::unexpected(Fault{.type = "input_required",
                                   .message = "the server asks for \"" + presentable(method, 100) +
                                              "\", which nobody here can give"});
    }
  }
  return answers;
}

// ---- what the server says by itself ----

void Client::notified(Message const& message) {
  if (message.method == "notifications/tools/list_changed") ++list_version_;
  if (message.method != "notifications/progress") return;
  auto const* const token = message.params.find("progressToken");
  if (token == nullptr || token->as_integer() == nullptr) return;
  std::shared_ptr<Progress> progress;
  {
    std::scoped_lock const lock(mutex_);
    auto const found = progress_.find(static_cast<std::uint64_t>(*token->as_integer()));
    if (found == progress_.end()) return;
    progress = found->second;
  }
  std::scoped_lock const lock(progress->mutex);
  if (progress->patience == nullptr) return;
  progress->patience->sign();
  if (!progress->sink) return;
  try {
    progress->sink(message.params);
  } catch (std::exception const&) {  // whoever listens is not who asked
    progress->sink = nullptr;
  }
}

std::string Client::asked(Message const& message) {
  try {
    if (message.method == "ping") return write_result(message.id, empty_object());
    if (message.method == "elicitation/create")
      return write_result(
          message.id,
          options_.on_elicitation
              ? with_defaults(options_.on_elicitation(message.params), message.params)
              : decline());
    return write_error(message.id, -32601, "this client does not know that method");
  } catch (std::exception const& error) {
    return write_error(message.id, -32603, error.what());
  }
}

}  // namespace dalsegno::mcp
