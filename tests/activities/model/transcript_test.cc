#include "activities/model/transcript.h"

#include "dalsegno/ids.h"
#include "tests/support/shared_data.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <fstream>
#include <initializer_list>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::activities {
namespace {

/// What is in `text`, read as the file "talks.jsonl".
TranscriptFile read_text(std::string_view text, TranscriptLimits limits = {}) {
  TranscriptReader reader(
      std::make_unique<std::istringstream>(std::string(text)), "talks.jsonl", limits);
  TranscriptFile out;
  while (auto transcript = reader.next()) {
    if (*transcript) {
      out.transcripts.push_back(**transcript);
    } else {
      out.errors.push_back(transcript->error());
    }
  }
  return out;
}

std::vector<std::string> details(TranscriptFile const& file) {
  std::vector<std::string> out;
  for (auto const& error : file.errors) out.push_back(error.detail);
  return out;
}

std::vector<std::string> names(TranscriptFile const& file) {
  std::vector<std::string> out;
  for (auto const& transcript : file.transcripts) out.push_back(transcript.id);
  return out;
}

/// The messages of a text that has one good transcript.
std::vector<RecordedMessage> messages_of(std::string_view text) {
  auto const file = read_text(text);
  EXPECT_TRUE(file.errors.empty()) << details(file).front();
  EXPECT_EQ(file.transcripts.size(), 1U);
  return file.transcripts.empty() ? std::vector<RecordedMessage>()
                                  : file.transcripts.front().messages;
}

/// The only error of a transcript with these messages, without "talks.jsonl:1: ".
std::string error_of_messages(std::string_view messages) {
  auto const file = read_text("{\"messages\":[" + std::string(messages) + "]}");
  EXPECT_TRUE(file.transcripts.empty()) << messages;
  EXPECT_EQ(file.errors.size(), 1U);
  if (file.errors.empty()) return {};
  std::string_view constexpr place = "talks.jsonl:1: ";
  EXPECT_TRUE(file.errors.front().detail.starts_with(place)) << file.errors.front().detail;
  return file.errors.front().detail.substr(place.size());
}

std::string call(std::string_view id, std::string_view arguments = R"("{}")") {
  return R"({"id":")" + std::string(id) + R"(","type":"function","function":{"name":"find_)" +
         std::string(id) + R"(","arguments":)" + std::string(arguments) + "}}";
}

std::string result(std::string_view id) {
  return R"({"role":"tool","tool_call_id":")" + std::string(id) + R"(","content":"found )" +
         std::string(id) + "\"}";
}

std::string calls(std::string_view list) {
  return R"({"role":"assistant","content":null,"tool_calls":[)" + std::string(list) + "]}";
}

constexpr std::string_view user = R"({"role":"user","content":"hello"})";
constexpr std::string_view answer = R"({"role":"assistant","content":"hi"})";
constexpr std::string_view short_talk = R"({"messages":[{"role":"user","content":"hello"}]})";

std::string joined(std::initializer_list<std::string_view> parts, std::string_view with = ",") {
  std::string out;
  for (auto const part : parts) {
    if (!out.empty()) out += with;
    out += part;
  }
  return out;
}

// ---- shapes of a file ----

TEST(Transcript, is_an_object_with_messages_or_traj_or_a_list_of_messages) {
  auto const file =
      read_text(joined({short_talk,
                        R"({"traj":[{"role":"user","content":"hello"}],"reward":1.0})",
                        R"([{"role":"user","content":"hello"}])"},
                       "\n"));
  EXPECT_TRUE(file.errors.empty());
  ASSERT_EQ(file.transcripts.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    auto const& transcript = file.transcripts[i];
    EXPECT_EQ(transcript.file, "talks.jsonl");
    EXPECT_EQ(transcript.line, i + 1);
    ASSERT_EQ(transcript.messages.size(), 1U);
    EXPECT_EQ(transcript.messages[0].role, "user");
    EXPECT_EQ(transcript.messages[0].content, "hello");
  }
}

TEST(Transcript, may_be_a_whole_file_over_several_lines) {
  std::string_view constexpr text =
      "\n{\n  \"id\": \"monday\",\n  \"messages\": [\n    {\n      \"role\": \"user\",\n"
      "      \"content\": \"hello\"\n    }\n  ]\n}\n";
  auto const file = read_text(text);
  EXPECT_EQ(names(file), std::vector<std::string>{"monday"});
  EXPECT_EQ(file.transcripts.at(0).line, 2U);

  auto const list =
      read_text("[\n{\"role\":\"user\",\"content\":\"hello\"},\n{\"role\":\"assistant\"}\n]");
  EXPECT_EQ(names(list), std::vector<std::string>{"talks-line1"});
  EXPECT_EQ(list.transcripts.at(0).messages.size(), 2U);
}

TEST(Transcript, over_several_lines_has_errors_that_name_the_line) {
  EXPECT_EQ(
      details(
          read_text(
              "{\n  \"messages\": [\n    {\"role\": \"user\"}\n    {\"role\": \"user\"}\n  ]\n}\n"))
          .at(0)
          .find("talks.jsonl:4:5: "),
      0U);
  EXPECT_EQ(
      details(read_text(
          "\n{\n  \"messages\": [\n    {\"role\": \"user\"},\n    {\"role\": \"use\"}\n  ]\n}\n")),
      std::vector<std::string>{
          "talks.jsonl:5: message 2: unknown role \"use\"; did you mean \"user\"?"});
}

TEST(Transcript, lines_may_be_blank_or_end_as_on_windows_and_the_file_may_begin_with_a_mark) {
  auto const file = read_text("\xEF\xBB\xBF" + std::string(short_talk) + "\r\n\r\n \t\n" +
                              std::string(short_talk));
  EXPECT_EQ(details(file), std::vector<std::string>{});
  EXPECT_EQ(names(file), (std::vector<std::string>{"talks-line1", "talks-line4"}));
}

TEST(Transcript, file_that_is_empty_is_an_error) {
  for (auto const* const text : {"", "\n", " \r\n\n"}) {
    EXPECT_EQ(details(read_text(text)),
              std::vector<std::string>{"talks.jsonl:1: the file is empty"});
  }
}

TEST(Transcript, file_that_is_compressed_is_told_apart) {
  EXPECT_EQ(details(read_text("\x1F\x8B\x08\n\n{}\n")),
            std::vector<std::string>{
                "talks.jsonl:1: the file is compressed; unpack it with gunzip first"});
}

TEST(Transcript, bad_lines_do_not_affect_the_others) {
  std::string const good(short_talk);
  std::vector<std::string> const bad = {good.substr(0, 20),
                                        "garbage",
                                        "7",
                                        "null",
                                        "{}",
                                        "[]",
                                        "[1]",
                                        "\xFF\xFE",
                                        "{\"messages\":\"\xC3(\"}",
                                        user.data(),
                                        R"({"messages":[],"traj":[]})",
                                        R"({"messages":{}})"};
  for (auto const& one : bad) {
    for (auto const& other : bad) {
      auto text = one;
      text.append("\n")
          .append(good)
          .append("\n")
          .append(other)
          .append("\n")
          .append(one)
          .append("\n")
          .append(good);
      auto const file = read_text(text);
      EXPECT_EQ(names(file), (std::vector<std::string>{"talks-line2", "talks-line5"})) << text;
      ASSERT_EQ(file.errors.size(), 3U) << text;
      EXPECT_TRUE(file.errors[0].detail.starts_with("talks.jsonl:1:")) << file.errors[0].detail;
      EXPECT_TRUE(file.errors[1].detail.starts_with("talks.jsonl:3:")) << file.errors[1].detail;
      EXPECT_TRUE(file.errors[2].detail.starts_with("talks.jsonl:4:")) << file.errors[2].detail;
    }
  }
}

TEST(Transcript, line_that_is_cut_off_names_the_column_where_it_ends) {
  auto const cut = std::string(short_talk.substr(0, 20));
  for (auto const& text : {cut, cut + "\n", cut + "\n" + std::string(short_talk)}) {
    EXPECT_TRUE(details(read_text(text)).at(0).starts_with("talks.jsonl:1:21: "))
        << details(read_text(text)).at(0);
  }
}

RC_GTEST_PROP(Transcript, cut_off_anywhere_is_an_error_and_no_crash, ()) {
  std::string const whole =
      R"({"id":"é","messages":[)" + joined({user, calls(call("a")), result("a"), answer}) + "]}";
  auto const cut = *rc::gen::inRange<std::size_t>(1, whole.size());
  auto const file = read_text(whole.substr(0, cut) + "\n" + whole);
  RC_ASSERT(file.errors.size() == 1U);
  RC_ASSERT(file.transcripts.size() == 1U);
}

TEST(Transcript, line_that_is_too_long_is_refused_and_passed_over) {
  std::string const long_line =
      R"({"messages":[{"role":"user","content":")" + std::string(1'000'000, 'x') + "\"}]}";
  auto const text = joined({short_talk, long_line, short_talk, long_line}, "\n");
  auto const file = read_text(text, {.line_bytes = long_line.size() - 1});
  EXPECT_EQ(file.transcripts.size(), 2U);
  EXPECT_EQ(details(file),
            (std::vector<std::string>{"talks.jsonl:2: the line is too long",
                                      "talks.jsonl:4: the line is too long"}));
  EXPECT_EQ(file.errors.at(0).code, Errc::too_large);
  EXPECT_EQ(read_text(text, {.line_bytes = long_line.size()}).transcripts.size(), 4U);
}

RC_GTEST_PROP(LineReader, gives_the_lines_of_a_text_whatever_the_limit, ()) {
  auto const lines = *rc::gen::container<std::vector<std::string>>(rc::gen::map(
      rc::gen::pair(rc::gen::inRange(0, 5),
                    rc::gen::elementOf(std::vector<std::size_t>{0, 1, 7, 100'000, 300'000})),
      [](auto const& shape) {
        return std::string(shape.second, static_cast<char>('a' + shape.first));
      }));
  std::string text;
  for (auto const& line : lines) text += line + "\n";
  auto const limit =
      *rc::gen::elementOf(std::vector<std::size_t>{0, 6, 7, 99'999, 250'000, 300'000});
  std::istringstream in(text);
  LineReader reader(in, limit);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    auto const line = reader.next();
    RC_ASSERT(line.has_value());
    RC_ASSERT(line->number == i + 1);
    RC_ASSERT(line->too_long == (lines[i].size() > limit));
    if (!line->too_long) RC_ASSERT(line->text == lines[i]);
    if (*rc::gen::weightedElement<bool>({{1, true}, {4, false}})) {
      // Looking ahead does not move on.
      auto const rest = reader.rest();
      if (rest && !line->too_long) RC_ASSERT(rest->starts_with(lines[i]));
    }
  }
  RC_ASSERT(!reader.next().has_value());
  RC_ASSERT(!reader.next().has_value());
}

// ---- names of sessions ----

std::string named(std::string_view members) {
  return "{" + std::string(members) + R"(,"messages":[{"role":"user","content":"hello"}]})";
}

TEST(TranscriptName, is_the_id_else_task_and_trial_else_the_line) {
  auto const file = read_text(joined({named(R"("id":"monday","task_id":1,"trial":2)"),
                                      named(R"("id":42)"),
                                      named(R"("task_id":1,"trial":2)"),
                                      named(R"("task_id":"book")"),
                                      named(R"("trial":2)"),
                                      named(R"("id":null)"),
                                      named(R"("id":"")")},
                                     "\n"));
  EXPECT_EQ(
      names(file),
      (std::vector<std::string>{
          "monday", "42", "talks-1-2", "talks-book", "talks-line5", "talks-line6", "talks-line7"}));
}

TEST(TranscriptName, that_is_taken_gets_a_number) {
  auto const file = read_text(joined(
      {named(R"("id":"a")"), named(R"("id":"a")"), named(R"("id":"a-2")"), named(R"("id":"a")")},
      "\n"));
  EXPECT_EQ(names(file), (std::vector<std::string>{"a", "a-2", "a-2-2", "a-3"}));
}

TEST(TranscriptName, is_made_valid) {
  std::string const long_name(300, 'n');
  auto const file = read_text(joined({named(R"("id":"a\nb\u0085c/d é")"),
                                      named("\"id\":\"" + long_name + "\""),
                                      named("\"id\":\"" + long_name + "\"")},
                                     "\n"));
  EXPECT_EQ(names(file),
            (std::vector<std::string>{
                "a_b_c/d é", long_name.substr(0, 200), long_name.substr(0, 198) + "-2"}));
}

RC_GTEST_PROP(TranscriptName,
              is_valid_and_unlike_all_others,
              (std::vector<std::string> const& wanted)) {
  SessionNames names;
  std::set<std::string> seen;
  for (auto const& name : wanted) {
    for (auto const& variant :
         {name, name, name + std::string(200, 'x'), std::string(199, 'x') + "é" + name}) {
      auto const taken = names.take(variant);
      RC_ASSERT(valid(SessionId{.name = taken}));
      RC_ASSERT(seen.insert(taken).second);
    }
  }
}

// ---- messages ----

TEST(Conversation, content_may_be_text_or_null_or_absent_or_parts) {
  auto const messages = messages_of(
      R"({"messages":[{"role":"system","content":"be brief"},{"role":"developer"},{"role":"user","content":)"
      R"([{"type":"text","text":"look:"},{"type":"image_url","image_url":{"url":"u"}},"there"]},)"
      R"({"role":"assistant","content":null},{"role":"user","content":[]}]})");
  ASSERT_EQ(messages.size(), 5U);
  EXPECT_EQ(messages[0].content, "be brief");
  EXPECT_EQ(messages[1].content, std::nullopt);
  EXPECT_EQ(messages[2].content,
            "look:\n{\"type\":\"image_url\",\"image_url\":{\"url\":\"u\"}}\nthere");
  EXPECT_EQ(messages[3].content, std::nullopt);
  EXPECT_EQ(messages[4].content, "");
}

TEST(Conversation, arguments_may_be_a_text_of_json_or_an_object_or_any_text) {
  auto const messages = messages_of("[" +
                                    joined({user,
                                            calls(joined({call("a", R"("{\"x\": 1}")"),
                                                          call("b", R"({"x":1})"),
                                                          call("c", R"("{\"x\": ")"),
                                                          call("d", R"("")")}))}) +
                                    "]");
  ASSERT_EQ(messages.size(), 2U);
  auto const& list = messages[1].tool_calls;
  ASSERT_EQ(list.size(), 4U);
  EXPECT_EQ(list[0].id, "a");
  EXPECT_EQ(list[0].name, "find_a");
  EXPECT_EQ(list[0].arguments, *parse_json(R"({"x":1})"));
  EXPECT_EQ(list[0].arguments_text, R"({"x": 1})");
  EXPECT_EQ(list[1].arguments, *parse_json(R"({"x":1})"));
  EXPECT_EQ(list[1].arguments_text, R"({"x":1})");
  EXPECT_EQ(list[2].arguments, Json(R"({"x": )"));
  EXPECT_EQ(list[2].arguments_text, R"({"x": )");
  EXPECT_EQ(list[3].arguments, Json(""));
}

RC_GTEST_PROP(Conversation, results_of_parallel_calls_may_come_in_any_order, ()) {
  auto const count = *rc::gen::inRange<std::size_t>(1, 20);
  std::vector<std::string> ids;
  std::string list;
  for (std::size_t i = 0; i < count; ++i) {
    ids.push_back("c" + std::to_string(i));
    list += (i > 0 ? "," : "") + call(ids.back());
  }
  for (auto i = count; i > 1; --i) std::swap(ids[i - 1], ids[*rc::gen::inRange<std::size_t>(0, i)]);
  std::string text = "[" + std::string(user) + "," + calls(list);
  for (auto const& id : ids) text += "," + result(id);
  auto const messages = messages_of(text + "," + std::string(answer) + "]");
  RC_ASSERT(messages.size() == count + 3);
  for (std::size_t i = 0; i < count; ++i) {
    RC_ASSERT(messages[i + 2].tool_call_id == ids[i]);
    RC_ASSERT(messages[i + 2].name == "find_" + ids[i]);
  }
}

TEST(Conversation, an_id_may_come_back_in_a_later_message) {
  EXPECT_EQ(
      messages_of(
          "[" +
          joined({user, calls(call("a")), result("a"), calls(call("a")), result("a"), answer}) +
          "]")
          .size(),
      6U);
}

TEST(Conversation, may_end_with_open_calls) {
  EXPECT_EQ(messages_of("[" + joined({user, calls(joined({call("a"), call("b")}))}) + "]").size(),
            2U);
  EXPECT_EQ(
      messages_of("[" + joined({user, calls(joined({call("a"), call("b")})), result("b"), user}) +
                  "]")
          .size(),
      4U);
}

struct Refusal {
  std::string messages;
  std::string says;
};

TEST(Conversation, refuses_what_could_not_have_happened) {
  for (auto const& [messages, says] : std::initializer_list<Refusal>{
           {"", "there are no messages"},
           {"7", "message 1: is no object"},
           {"{}", "message 1: has no \"role\""},
           {R"({"role":7})", "message 1: has no \"role\""},
           {R"({"role":"usr"})", "message 1: unknown role \"usr\"; did you mean \"user\"?"},
           {R"({"role":"function","name":"f","content":"1"})",
            "message 1: role \"function\" is the old form of a tool's result; make it role "
            "\"tool\" with a "
            "\"tool_call_id\""},
           {std::string(short_talk),
            "message 1: is a transcript itself; each transcript must stand on a line of its own, "
            "outside of any list"},
           {R"({"role":"user","content":7})",
            "message 1 (user): \"content\" must be a string, null or a list of parts, not of kind "
            "number"},
           {std::string(answer),
            "message 1 (assistant): comes before the first user message: there is nothing that it "
            "answers"},
           {joined({R"({"role":"system","content":"s"})", answer}),
            "message 2 (assistant): comes before the first user message: there is nothing that it "
            "answers"},
           {joined({user, result("a")}),
            "message 2 (tool): there is no open tool call that it could answer"},
           {joined({user, answer, result("a")}),
            "message 3 (tool): there is no open tool call that it could answer"},
           {joined({user, calls(call("a")), result("b")}),
            "message 3 (tool): \"tool_call_id\" \"b\" matches no open call of message 2"},
           {joined({user, calls(call("a")), result("a"), result("a")}),
            "message 4 (tool): call \"a\" has a result already"},
           {joined({user, calls(call("a")), result("a"), calls(call("b")), result("a")}),
            "message 5 (tool): \"tool_call_id\" \"a\" matches no open call of message 4"},
           {joined({user, calls(call("a")), R"({"role":"tool","content":"1"})"}),
            "message 3 (tool): has no \"tool_call_id\""},
           {joined({user, calls(call("a")), answer}),
            "message 3 (assistant): comes before the result of call \"a\" of message 2"},
           {joined({user, calls(joined({call("a"), call("b")})), user, answer}),
            "message 4 (assistant): comes before the result of 2 calls of message 2"},
           {joined({user, calls(joined({call("a"), call("b")})), result("a"), answer}),
            "message 4 (assistant): comes before the result of call \"b\" of message 2"},
           {joined({user, calls(joined({call("a"), call("a")}))}),
            "message 2 (assistant): tool call 2 has the id of an earlier one in the message: "
            "\"a\""},
           {joined({user, calls("7")}), "message 2 (assistant): tool call 1 is no object"},
           {joined({user, calls("{}")}), "message 2 (assistant): tool call 1 has no \"id\""},
           {joined({user, calls(R"({"id":"a"})")}),
            "message 2 (assistant): tool call 1 has no \"function\""},
           {joined({user, calls(R"({"id":"a","function":{}})")}),
            "message 2 (assistant): tool call 1 has no \"name\""},
           {joined({user, calls(call("a", "7"))}),
            "message 2 (assistant): tool call 1 has no \"arguments\" (a string or an object)"},
           {joined({user, calls(R"({"id":"a","type":"custom"})")}),
            "message 2 (assistant): tool call 1 is of type \"custom\"; only functions are known"},
           {joined({user, R"({"role":"assistant","tool_calls":{}})"}),
            "message 2 (assistant): \"tool_calls\" must be a list"},
           {joined({user, R"({"role":"assistant","function_call":{"name":"f","arguments":""}})"}),
            "message 2 (assistant): \"function_call\" is the old form of a tool call; make it an "
            "entry of "
            "\"tool_calls\""},
           {R"({"role":"user","tool_calls":[7]})",
            "message 1 (user): only an assistant message has \"tool_calls\""},
       }) {
    EXPECT_EQ(error_of_messages(messages), says) << messages;
  }
}

// ---- files ----

TEST(TranscriptFile, that_is_missing_or_a_folder_is_an_error_of_the_whole) {
  auto const folder = std::filesystem::temp_directory_path();
  auto const missing = read_transcripts(folder / "no" / "such.jsonl");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  auto const no_file = read_transcripts(folder);
  ASSERT_FALSE(no_file);
  EXPECT_EQ(no_file.error().code, Errc::io);
}

TEST(TranscriptFile, of_recorded_airline_sessions_is_read_in_full) {
  auto const folder = test::shared_data("taubench");
  if (!folder) GTEST_SKIP() << "the shared test data is not here";
  auto const file = read_transcripts(*folder / "gpt-4o-airline.tasks0-27.jsonl");
  ASSERT_TRUE(file) << file.error().detail;
  EXPECT_EQ(details(*file), std::vector<std::string>{});
  EXPECT_EQ(file->transcripts.size(), 112U);
  std::size_t call_count = 0;
  std::size_t results = 0;
  std::size_t content_only = 0;
  for (auto const& transcript : file->transcripts) {
    for (auto const& message : transcript.messages) {
      call_count += message.tool_calls.size();
      for (auto const& one : message.tool_calls)
        EXPECT_NE(one.arguments.as_object(), nullptr) << one.arguments_text;
      if (message.role == "tool") ++results;
      if (message.role == "assistant" && message.tool_calls.empty()) ++content_only;
    }
  }
  EXPECT_EQ(call_count, 730U);
  EXPECT_EQ(results, 730U);
  EXPECT_EQ(content_only, 849U);
  EXPECT_EQ(file->transcripts.front().id, "gpt-4o-airline.tasks0-27-0-0");
}

TEST(TranscriptFile, of_another_shape_has_one_clear_error_a_line) {
  auto const folder = test::shared_data("taubench");
  if (!folder) GTEST_SKIP() << "the shared test data is not here";
  auto const file = read_transcripts(*folder / "retail_few_shot.rows0-39.jsonl");
  ASSERT_TRUE(file) << file.error().detail;
  EXPECT_TRUE(file->transcripts.empty());
  ASSERT_EQ(file->errors.size(), 40U);
  EXPECT_TRUE(file->errors[7].detail.ends_with(".jsonl:8: has neither \"messages\" nor \"traj\""))
      << file->errors[7].detail;
}

}  // namespace
}  // namespace dalsegno::activities
