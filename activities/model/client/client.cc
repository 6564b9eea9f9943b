#include "activities/model/client/client.h"

#include "activities/model/client/http_fault.h"
#include "activities/model/sse.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace dalsegno::activities {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t max_error_bytes = 65'536;
// How long the end of a message may take after the end of its answer. It is only waited for so that
// the connection can be kept.
constexpr std::chrono::milliseconds end_of_message{500};

Time machine_now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

http::Request request_of(ModelTarget const& target, ModelCall const& call) {
  http::Request request;
  request.method = "POST";
  request.headers.push_back({"Content-Type", "application/json"});
  request.headers.push_back(
      {"Accept", call.stream ? "text/event-stream, application/json" : "application/json"});
  if (target.dialect == Dialect::chat) {
    request.url = join_url(target.url, "/chat/completions");
    if (!target.api_key.empty())
      request.headers.push_back({"Authorization", "Bearer " + target.api_key});
    request.body = write_chat_request(call, target.chat);
  } else {
    request.url = join_url(target.url, "/messages");
    if (!target.api_key.empty()) request.headers.push_back({"X-Api-Key", target.api_key});
    request.headers.push_back({"Anthropic-Version", "2023-06-01"});
    request.body = write_messages_request(call, target.messages);
  }
  request.headers.insert(request.headers.end(), target.headers.begin(), target.headers.end());
  return request;
}

/// Reads one answer as it comes.
class Reading {
 public:
  Reading(ModelTarget const& target,
          ModelCall const& call,
          ModelCallOptions const& options,
          std::function<Time()> now)
      : target_(target),
        wants_stream_(call.stream),
        options_(options),
        now_(std::move(now)),
        begun_(Clock::now()),
        latest_(begun_ + options.limits.first_token) {}

  void take_head(http::Response const& head);
  /// False: nothing more is wanted.
  bool take_body(std::string_view piece);
  [[nodiscard]] http::BodyDeadline deadline() const { return {latest_, awaited_}; }
  /// The request is over.
  [[nodiscard]] OrFault<ModelAnswer> finish(http::Answer const& answer);
  [[nodiscard]] std::optional<Time> first_token() const { return first_token_; }
  /// As far as the server has said.
  [[nodiscard]] std::optional<Usage> usage() const;

 private:
  enum class Form : std::uint8_t { unknown, whole, stream };

  [[nodiscard]] bool is_success() const { return status_ / 100 == 2; }
  bool take_stream(std::string_view piece);
  void tell(AnswerDelta delta);
  [[nodiscard]] OrFault<ModelAnswer> read_whole() const;

  ModelTarget const& target_;
  bool const wants_stream_;
  ModelCallOptions const& options_;
  std::function<Time()> const now_;
  Clock::time_point const begun_;
  Clock::time_point latest_;
  std::string_view awaited_ = "the first token";
  unsigned status_ = 0;
  Form form_ = Form::whole;
  std::string body_;  // of an answer that is whole, or an error's
  SseParser parser_;
  std::unique_ptr<AnswerStream> stream_;
  std::optional<ModelFault> fault_;
  std::optional<Time> first_token_;
  bool is_told_ = true;  // deltas are given away
};

void Reading::take_head(http::Response const& head) {
  status_ = head.status;
  auto const type = http::header(head.headers, "content-type");
  if (!is_success() || !wants_stream_)
    form_ = Form::whole;
  else if (type.contains("event-stream"))
    form_ = Form::stream;
  else
    form_ = type.contains("json") ? Form::whole : Form::unknown;
  if (form_ == Form::stream) return;
  latest_ = Clock::now() + options_.limits.between_tokens;
  awaited_ = "the next piece of the answer";
}

bool Reading::take_body(std::string_view piece) {
  if (!is_success()) {
    body_ += piece.substr(0, max_error_bytes - std::min(max_error_bytes, body_.size()));
    return body_.size() < max_error_bytes;
  }
  if (form_ == Form::unknown) {
    // A server that does not say: JSON begins with a brace, no line of a stream does.
    body_ += piece;
    auto const begin = body_.find_first_not_of(" \t\r\n");
    if (begin == std::string::npos) return true;
    form_ = body_[begin] == '{' || body_[begin] == '[' ? Form::whole : Form::stream;
    if (form_ == Form::stream) latest_ = begun_ + options_.limits.first_token;
    if (form_ == Form::stream) return take_stream(std::exchange(body_, {}));
    return true;
  }
  if (form_ == Form::stream) return take_stream(piece);
  if (!first_token_) first_token_ = now_();
  latest_ = Clock::now() + options_.limits.between_tokens;
  body_ += piece;
  return true;
}

bool Reading::take_stream(std::string_view piece) {
  if (!stream_)
    stream_ = target_.dialect == Dialect::chat ? read_chat_stream() : read_messages_stream();
  auto const fed = parser_.feed(piece, [this](SseEvent const& event) {
    if (fault_ || stream_->done()) return;
    auto const taken = stream_->take(event, [this](AnswerDelta delta) { tell(std::move(delta)); });
    if (!taken) fault_ = taken.error();
  });
  if (!fed && !fault_)
    fault_ = ModelFault{.type = "too_large",
                        .message = fed.error().detail,
                        .retryable = false,
                        .retry_after = {},
                        .status = 0};
  if (stream_->done()) {
    latest_ = std::min(latest_, Clock::now() + end_of_message);
    awaited_ = "the end of the message";
  }
  return !fault_;
}

void Reading::tell(AnswerDelta delta) {
  if (!first_token_) first_token_ = now_();
  latest_ = Clock::now() + options_.limits.between_tokens;
  awaited_ = "the next token";
  if (!options_.on_delta || !is_told_) return;
  try {
    options_.on_delta(std::move(delta));
  } catch (...) {  // whoever listens is not who asked
    is_told_ = false;
  }
}

OrFault<ModelAnswer> Reading::read_whole() const {
  return target_.dialect == Dialect::chat ? read_chat_answer(body_) : read_messages_answer(body_);
}

std::optional<Usage> Reading::usage() const {
  if (stream_) return stream_->usage();
  auto const json = parse_json(body_);
  if (!json) return std::nullopt;
  auto const usage = read_usage(*json);
  return usage ? std::optional(*usage) : std::nullopt;
}

OrFault<ModelAnswer> Reading::finish(http::Answer const& answer) {
  if (fault_) return std::unexpected(*fault_);
  bool const is_complete = stream_ != nullptr && stream_->done();
  if (status_ != 0 && !is_success()) {
    // What came of the body says more than that the rest did not.
    if (!answer.failure || !body_.empty()) {
      std::vector<AnswerHeader> headers;
      headers.reserve(answer.response.headers.size());
      for (auto const& [name, value] : answer.response.headers) headers.push_back({name, value});
      return std::unexpected(fault_of_status(status_, headers, body_, now_()));
    }
  }
  if (answer.failure && !is_complete) return std::unexpected(fault_of(*answer.failure));
  if (form_ == Form::whole) return read_whole();
  if (!stream_) return std::unexpected(empty_answer("the answer has no body"));
  return stream_->finish();
}

}  // namespace

ModelCalled ModelClient::call(ModelTarget const& target,
                              ModelCall const& call,
                              ModelCallOptions const& options) const {
  auto const now = options.now ? options.now : machine_now;
  ModelCalled called{std::unexpected(ModelFault{}), now(), {}, {}, {}};
  Reading reading(target, call, options, now);
  auto const& limits = options.limits;
  http::SendOptions sending;
  sending.limits.resolve = limits.resolve;
  sending.limits.connect = limits.connect;
  // What is not streamed has its head when it is done.
  sending.limits.head = call.stream ? limits.first_token : limits.total;
  sending.limits.total = limits.total;
  sending.limits.body_bytes = limits.answer_bytes;
  sending.limits.redirects = 0;
  sending.routes = options.routes;
  sending.policy = options.policy;
  sending.on_contact = options.on_contact;
  sending.stop = options.stop;
  sending.on_head = [&reading](http::Response const& head) { reading.take_head(head); };
  sending.on_body = [&reading](std::string_view piece) { return reading.take_body(piece); };
  sending.body_pace = [&reading] { return reading.deadline(); };
  sending.keep_alive = true;
  called.answer = reading.finish(http_.send(request_of(target, call), sending));
  called.first_token = reading.first_token();
  called.ended = now();
  if (!called.answer) {
    hide_key(called.answer.error().message, target.api_key);
    called.used_in_vain = reading.usage();
  }
  return called;
}

}  // namespace dalsegno::activities
