#include "activities/model/sse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace dalsegno::activities {

inline void PrintTo(SseEvent const& event, std::ostream* out) {
  *out << '{' << event.type << ", " << event.data << ", " << event.last_id << '}';
}
inline void showValue(SseEvent const& event, std::ostream& out) { PrintTo(event, &out); }

namespace {

using testing::ElementsAre;

std::vector<SseEvent> events_of(std::string_view stream) {
  std::vector<SseEvent> events;
  SseParser parser;
  auto const fed = parser.feed(stream, [&](SseEvent const& event) { events.push_back(event); });
  EXPECT_TRUE(fed) << (fed ? "" : fed.error().detail);
  return events;
}

// ---- the examples of the standard ----

TEST(Sse, joins_the_data_lines_of_an_event) {
  EXPECT_THAT(events_of("data: YHOO\ndata: +2\ndata: 10\n\n"),
              ElementsAre(SseEvent{"message", "YHOO\n+2\n10", ""}));
}

TEST(Sse, passes_over_comments_and_an_event_without_its_blank_line) {
  EXPECT_THAT(events_of(": test stream\n\ndata: first event\nid: 1\n\n"
                        "data:second event\nid\n\ndata:  third event\n"),
              ElementsAre(SseEvent{"message", "first event", "1"},
                          SseEvent{"message", "second event", ""}));
}

TEST(Sse, gives_away_empty_data_and_drops_an_event_without_any) {
  EXPECT_THAT(events_of("data\n\ndata\ndata\n\nevent: lost\n\ndata:"),
              ElementsAre(SseEvent{"message", "", ""}, SseEvent{"message", "\n", ""}));
}

TEST(Sse, takes_off_one_blank_after_the_colon_and_no_more) {
  EXPECT_THAT(events_of("data:test\n\ndata: test\n\ndata:  test\n\n"),
              ElementsAre(SseEvent{"message", "test", ""},
                          SseEvent{"message", "test", ""},
                          SseEvent{"message", " test", ""}));
}

// ---- line ends, the mark, fields ----

TEST(Sse, takes_every_end_of_line_and_a_mark_at_the_start_only) {
  EXPECT_THAT(events_of("\xEF\xBB\xBF"
                        "data: a\r\n\r\ndata: b\r\rdata: c\n\r\n\xEF\xBB\xBF"
                        "data: no field\n\ndata: d\r\n\n"),
              ElementsAre(SseEvent{"message", "a", ""},
                          SseEvent{"message", "b", ""},
                          SseEvent{"message", "c", ""},
                          SseEvent{"message", "d", ""}));
}

TEST(Sse, keeps_type_and_id_as_the_standard_says) {
  EXPECT_THAT(events_of("event: add\nid: 7\ndata: x\n\ndata: y\n\n"
                        "id: with \0 zero\ndata: z\n\n"),
              ElementsAre(SseEvent{"add", "x", "7"},
                          SseEvent{"message", "y", "7"}));  // the literal ends at its zero
  using std::string_literals::operator""s;
  EXPECT_THAT(events_of("id: 7\n\nid: with \0 zero\ndata: z\n\n"s),
              ElementsAre(SseEvent{"message", "z", "7"}));
}

TEST(Sse, believes_a_retry_of_digits_only) {
  SseParser parser;
  auto const feed = [&](std::string_view bytes) {
    EXPECT_TRUE(parser.feed(bytes, [](SseEvent const&) { FAIL(); }));
    return parser.retry_ms();
  };
  EXPECT_EQ(feed("retry: soon\nretry:\nretry: -1\nretry: 1.5\n"), std::nullopt);
  EXPECT_EQ(feed("retry: 1500\n\n"), 1500);
  EXPECT_EQ(feed("retry: 99999999999999999999999\n"), 1500);
}

// ---- size ----

TEST(Sse, refuses_an_event_over_the_limit_wherever_its_bytes_stand) {
  for (auto const& giant :
       std::vector<std::string>{"data: " + std::string(100, 'x'),
                                ":" + std::string(100, 'x'),
                                std::string(100, 'x'),
                                "data: 123456789012345678901234567890\ndata: "
                                "123456789012345678901234567890\ndata: 1234567890123456789"}) {
    SseParser parser(64);
    EXPECT_TRUE(parser.feed("data: fine\n\n", [](SseEvent const&) {}));
    auto const fed = parser.feed(giant, [](SseEvent const&) { FAIL(); });
    ASSERT_FALSE(fed) << giant;
    EXPECT_EQ(fed.error().code, Errc::too_large);
    EXPECT_FALSE(parser.feed("\n\n", [](SseEvent const&) { FAIL(); })) << "it stays refused";
  }
}

TEST(Sse, a_limit_is_of_one_event_and_not_of_the_stream) {
  SseParser parser(32);
  int count = 0;
  for (int i = 0; i < 1'000; ++i)
    ASSERT_TRUE(parser.feed("data: 0123456789012345\n\n", [&](SseEvent const&) { ++count; }));
  EXPECT_EQ(count, 1'000);
}

// ---- properties ----

/// Streams made of what matters.
rc::Gen<std::string> streams() {
  auto const part = rc::gen::elementOf(std::vector<std::string>{"data",
                                                                "event",
                                                                "id",
                                                                "retry",
                                                                ":",
                                                                ": ",
                                                                "\n",
                                                                "\r",
                                                                "\r\n",
                                                                "\n\n",
                                                                "x",
                                                                "data:",
                                                                " ",
                                                                "12",
                                                                "é",
                                                                "\xEF",
                                                                "\xBB",
                                                                "\xBF",
                                                                "\xff",
                                                                "data: {\"a\":1}\n\n",
                                                                "event: ping\n",
                                                                "id: 3\n",
                                                                ": c\n"});
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(part),
                      [](std::vector<std::string> const& parts) {
                        std::string stream;
                        for (auto const& text : parts) stream += text;
                        return stream;
                      });
}

/// What the standard says, read off the whole stream line by line.
std::vector<SseEvent> naive(std::string stream) {
  if (stream.starts_with("\xEF\xBB\xBF")) stream.erase(0, 3);
  std::string normal;
  for (std::size_t i = 0; i < stream.size(); ++i) {
    if (stream[i] == '\r' && i + 1 < stream.size() && stream[i + 1] == '\n') continue;
    normal += stream[i] == '\r' ? '\n' : stream[i];
  }
  std::vector<SseEvent> events;
  std::string type;
  std::string id;
  std::optional<std::string> data;
  for (std::size_t at = 0; at < normal.size();) {
    auto const end = normal.find('\n', at);
    if (end == std::string::npos) break;
    auto const line = normal.substr(at, end - at);
    at = end + 1;
    if (line.empty()) {
      if (data) events.push_back({type.empty() ? "message" : type, *data, id});
      type.clear();
      data.reset();
      continue;
    }
    auto const colon = line.find(':');
    auto const name = line.substr(0, colon);
    auto value = colon == std::string::npos ? "" : line.substr(colon + 1);
    if (!value.empty() && value[0] == ' ') value.erase(0, 1);
    if (name == "event") type = value;
    if (name == "id") id = value;
    if (name == "data") data = data ? *data + "\n" + value : value;
  }
  return events;
}

RC_GTEST_PROP(SseProperty, reads_what_the_standard_says, ()) {
  auto const stream = *streams();
  RC_ASSERT(events_of(stream) == naive(stream));
}

RC_GTEST_PROP(SseProperty, any_split_gives_the_same_events, ()) {
  auto const stream = *streams();
  std::vector<SseEvent> events;
  SseParser parser;
  for (std::size_t at = 0; at < stream.size();) {
    auto const count = *rc::gen::inRange<std::size_t>(1, 6);
    auto const piece = std::string_view(stream).substr(at, count);
    RC_ASSERT(bool(parser.feed(piece, [&](SseEvent const& event) { events.push_back(event); })));
    at += piece.size();
  }
  RC_ASSERT(events == events_of(stream));
}

}  // namespace
}  // namespace dalsegno::activities
