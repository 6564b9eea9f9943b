#include "activities/http/response_reader.h"

#include "dalsegno/json.h"
#include "tests/support/shared_data.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace dalsegno::http {
namespace {

/// What comes of some bytes, given in pieces of this size.
struct Outcome {
  std::string failure;  ///< "none"
  unsigned status = 0;
  std::vector<Header> headers;
  std::string body;

  friend bool operator==(Outcome const&, Outcome const&) = default;
};

Outcome read(std::string_view bytes,
             std::size_t piece = std::string_view::npos,
             bool in_order = true) {
  Outcome out;
  Limits const limits{.head_bytes = 4'096, .body_bytes = 65'536};
  HeadSink const on_head = [](Response const&) {};
  BodySink const on_body = [&](std::string_view text) {
    out.body += text;
    return true;
  };
  ResponseReader reader(limits, false, on_head, on_body);
  std::optional<Failure> failure;
  while (!bytes.empty() && !failure && !reader.done()) {
    failure = reader.read(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  if (!failure) failure = reader.end(in_order);
  out.failure = failure ? std::string(name_of(failure->kind)) : "none";
  auto head = reader.take_head();
  out.status = head.status;
  out.headers = std::move(head.headers);
  return out;
}

std::string latin1(std::string_view utf8) {
  std::string out;
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    auto const byte = static_cast<unsigned char>(utf8[i]);
    if (byte < 0x80)
      out += utf8[i];
    else
      out += static_cast<char>((byte & 3U) << 6 | (static_cast<unsigned char>(utf8[++i]) & 0x3fU));
  }
  return out;
}

TEST(ResponseReader, is_led_astray_by_no_spelling_of_transfer_encoding) {
  auto const folder = dalsegno::test::shared_data("te-obfuscation");
  if (!folder) GTEST_SKIP() << "the folder te-obfuscation of the shared test data is not here";
  auto const spellings = parse_json(dalsegno::test::read_bytes(*folder / "headers.json"));
  ASSERT_TRUE(spellings) << spellings.error().detail;
  int refused = 0;
  for (auto const& spelling : *spellings->as_array()) {
    auto const line = latin1(spelling.text("header_latin1"));
    // With a length: either it is refused, or the length counts and nothing is decoded.
    std::string const body = "3\r\nabc\r\n0\r\n\r\n";
    auto const head = std::string("HTTP/1.1 200 OK\r\n").append(line).append("\r\n");
    auto const length = "Content-Length: " + std::to_string(body.size()) + "\r\n";
    auto const both = read(std::string(head).append(length).append("\r\n").append(body));
    if (both.failure == "none")
      EXPECT_EQ(both.body, body) << spelling.text("name");
    else
      ++refused;
    // Without: only the one right spelling decodes.
    auto const alone = read(std::string(head).append("\r\n").append(body));
    bool const is_right = is_header(header(alone.headers, "transfer-encoding"), "chunked");
    if (alone.failure == "none" && alone.body == "abc")
      EXPECT_TRUE(is_right) << spelling.text("name");
  }
  EXPECT_GT(refused, 0);
}

rc::Gen<std::string> answer_like() {
  auto const piece = rc::gen::element<std::string>("HTTP/1.1 200 OK\r\n",
                                                   "HTTP/1.1 103 Early Hints\r\n\r\n",
                                                   "HTTP/1.0 404 No\r\n",
                                                   "Content-Length: 5\r\n",
                                                   "Transfer-Encoding: chunked\r\n",
                                                   "X: y\r\n",
                                                   "\r\n",
                                                   "5\r\nhello\r\n",
                                                   "0\r\n\r\n",
                                                   "hello",
                                                   "\n",
                                                   ":",
                                                   " ",
                                                   "3;a=b\r\nabc\r\n",
                                                   "Trailer: x\r\n",
                                                   "X:\x01\r\n");
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(piece), [](auto const& pieces) {
    std::string text = "HTTP/1.1 200 OK\r\n";
    for (auto const& each : pieces) text += each;
    return text;
  });
}

RC_GTEST_PROP(ResponseReader, does_not_care_where_the_bytes_are_cut, ()) {
  auto const bytes = *answer_like();
  auto const whole = read(bytes);
  auto const size = *rc::gen::inRange<std::size_t>(1, 20);
  auto const pieces = read(bytes, size);
  RC_CLASSIFY(whole.failure == "none");
  // Of a message that is both wrong and cut off, either may be seen first.
  RC_ASSERT((pieces.failure == "none") == (whole.failure == "none"));
  if (whole.failure == "none") RC_ASSERT(pieces == whole);
}

}  // namespace
}  // namespace dalsegno::http
