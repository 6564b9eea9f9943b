// The only source that sees Beast. Its parser gives us lines, lengths and chunks; what it lets pass
// is judged here.

#include "activities/http/response_reader.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

namespace dalsegno::http {
namespace beast = boost::beast;
namespace {

constexpr unsigned max_interim_answers = 5;

}  // namespace

/// One message, interim ones before it included.
class ResponseReader::Parser final {
 public:
  Parser(Limits const& limits, bool is_to_head, HeadSink const& on_head, BodySink const& on_body)
      : limits_(limits), is_to_head_(is_to_head), on_head_(on_head), on_body_(on_body) {
    begin_message();
  }

  std::optional<Failure> read(std::string_view bytes);
  std::optional<Failure> end(bool in_order);
  [[nodiscard]] bool has_head() const { return has_head_; }
  [[nodiscard]] bool done() const { return is_stopped_ || (has_head_ && message_->is_done()); }
  [[nodiscard]] bool leaves_connection_open() const {
    return has_head_ && message_->is_done() && !is_stopped_ && !failure_ && pending_.empty() &&
           message_->keep_alive();
  }
  Response take_head() { return std::move(response_); }

 private:
  /// Beast's parser, which calls us back.
  class Message final : public beast::http::basic_parser<false> {
   public:
    explicit Message(Parser& owner) : owner_(owner) {}

   private:
    using Text = beast::string_view;
    using Code = beast::error_code;

    void on_request_impl(beast::http::verb, Text, Text, int, Code&) override {}
    void on_response_impl(int status, Text, int version, Code&) override {
      owner_.begin_head(status, version);
    }
    void on_field_impl(beast::http::field, Text name, Text value, Code& code) override {
      // Fields after the last chunk come here too.
      if (!owner_.has_head_ && !owner_.add_header(name, value))
        code = beast::http::error::bad_field;
    }
    void on_header_impl(Code& code) override {
      if (!owner_.end_head()) code = beast::http::error::bad_transfer_encoding;
    }
    void on_body_init_impl(boost::optional<std::uint64_t> const&, Code&) override {}
    std::size_t on_body_impl(Text piece, Code& code) override {
      if (!owner_.add_body(piece)) code = beast::http::error::body_limit;
      return piece.size();
    }
    void on_chunk_header_impl(std::uint64_t, Text, Code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, Text piece, Code& code) override {
      if (!owner_.add_body(piece)) code = beast::http::error::body_limit;
      return piece.size();
    }
    void on_finish_impl(Code&) override {}

    Parser& owner_;
  };

  void begin_message();
  void begin_head(int status, int version);
  // These return false when the message is to be given up; why is in failure_ or is_stopped_.
  bool add_header(std::string_view name, std::string_view value);
  bool end_head();
  bool add_body(std::string_view piece);

  bool give_up(FailureKind kind, std::string message) {
    if (!failure_) failure_ = Failure{kind, std::move(message)};
    return false;
  }

  Limits const& limits_;
  bool const is_to_head_;
  HeadSink const& on_head_;
  BodySink const& on_body_;

  std::optional<Message> message_;
  std::string pending_;  // bytes that Beast has not taken yet
  std::size_t head_bytes_ = 0;
  unsigned interim_answers_ = 0;
  int version_ = 0;
  Response response_;
  std::size_t body_bytes_ = 0;
  bool has_head_ = false;
  bool is_stopped_ = false;
  std::optional<Failure> failure_;
};

void ResponseReader::Parser::begin_message() {
  message_.emplace(*this);
  message_->eager(true);
  message_->skip(is_to_head_);
  message_->body_limit(boost::none);  // counted here, and said better
  message_->header_limit(static_cast<std::uint32_t>(limits_.head_bytes));
}

void ResponseReader::Parser::begin_head(int status, int version) {
  response_ = {};
  response_.status = static_cast<unsigned>(status);
  version_ = version;
}

bool ResponseReader::Parser::add_header(std::string_view name, std::string_view value) {
  if (response_.headers.size() == limits_.header_count)
    return give_up(FailureKind::too_large,
                   "the answer has more than " + std::to_string(limits_.header_count) + " headers");
  auto const is_control = [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  };
  if (std::ranges::any_of(value, is_control))
    return give_up(FailureKind::malformed, "a header of the answer has a control character");
  response_.headers.push_back({std::string(name), std::string(value)});
  return true;
}

bool ResponseReader::Parser::end_head() {
  auto const count = [this](std::string_view name) {
    return std::ranges::count_if(response_.headers,
                                 [&](Header const& entry) { return is_header(entry.name, name); });
  };
  auto const encodings = count("transfer-encoding");
  auto const lengths = count("content-length");
  bool const is_chunked = encodings == 1 && version_ == 11 &&
                          is_header(header(response_.headers, "transfer-encoding"), "chunked");
  bool const is_number = std::ranges::all_of(header(response_.headers, "content-length"),
                                             [](char c) { return c >= '0' && c <= '9'; });
  if (encodings + lengths > 1 || (encodings == 1 && !is_chunked) || !is_number)
    return give_up(FailureKind::malformed,
                   "the answer's length is ambiguous: it must have one Content-Length, or exactly "
                   "Transfer-Encoding: chunked, or neither");
  if (response_.status == 101)
    return give_up(FailureKind::malformed, "the answer changes the protocol, which was not asked");
  if (response_.status / 100 == 1) return true;
  has_head_ = true;
  on_head_(response_);
  return true;
}

bool ResponseReader::Parser::add_body(std::string_view piece) {
  if (piece.size() > limits_.body_bytes - body_bytes_)
    return give_up(
        FailureKind::too_large,
        "the answer's body has more than " + std::to_string(limits_.body_bytes) + " bytes");
  body_bytes_ += piece.size();
  is_stopped_ = !on_body_(piece);
  return !is_stopped_;
}

std::optional<Failure> ResponseReader::Parser::read(std::string_view bytes) {
  assert(!done() && !failure_);
  pending_ += bytes;
  while (!pending_.empty() && !done()) {
    bool const was_head = has_head_;
    beast::error_code code;
    auto const taken = message_->put(boost::asio::buffer(pending_), code);
    pending_.erase(0, taken);
    if (!was_head) head_bytes_ += taken;
    if (is_stopped_) return std::nullopt;
    // Beast's own limit can be got round with many short lines; this one counts bytes.
    if (!has_head_ && head_bytes_ + pending_.size() > limits_.head_bytes)
      give_up(FailureKind::too_large,
              "the answer's head has more than " + std::to_string(limits_.head_bytes) + " bytes");
    if (failure_) return failure_;
    if (code == beast::http::error::need_more) {
      // What waits behind the head is the beginning of a line of chunks, or of fields after them.
      if (has_head_ && pending_.size() > limits_.head_bytes)
        give_up(FailureKind::too_large, "a line or the end of the answer's chunks is too long");
      return failure_;
    }
    if (code == beast::http::error::header_limit)
      give_up(FailureKind::too_large, "the answer's head is too large");
    if (code && !failure_)
      give_up(FailureKind::malformed, "the answer is not HTTP as it should be: " + code.message());
    if (failure_) return failure_;
    if (!has_head_ && message_->is_done()) {  // an interim answer
      if (++interim_answers_ > max_interim_answers)
        give_up(FailureKind::malformed, "more than five interim answers");
      if (failure_) return failure_;
      begin_message();
    } else if (taken == 0) {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<Failure> ResponseReader::Parser::end(bool in_order) {
  if (done()) return std::nullopt;
  if (has_head_ && in_order && message_->need_eof()) {
    beast::error_code code;
    message_->put_eof(code);
    if (!code && message_->is_done()) return std::nullopt;
  }
  return Failure{FailureKind::cut_off,
                 has_head_ ? "the connection ended within the answer's body"
                           : "the connection ended before the answer's head"};
}

ResponseReader::ResponseReader(Limits const& limits,
                               bool is_to_head,
                               HeadSink const& on_head,
                               BodySink const& on_body)
    : parser_(std::make_unique<Parser>(limits, is_to_head, on_head, on_body)) {}
ResponseReader::~ResponseReader() = default;

std::optional<Failure> ResponseReader::read(std::string_view bytes) { return parser_->read(bytes); }
std::optional<Failure> ResponseReader::end(bool in_order) { return parser_->end(in_order); }
bool ResponseReader::has_head() const { return parser_->has_head(); }
bool ResponseReader::done() const { return parser_->done(); }
bool ResponseReader::leaves_connection_open() const { return parser_->leaves_connection_open(); }
Response ResponseReader::take_head() { return parser_->take_head(); }

}  // namespace dalsegno::http
