#pragma once

// A store that operators work on with the real command.

#include "tests/e2e/command.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

namespace dalsegno::test {

inline constexpr std::string_view talk =
    R"({"id":"one","messages":[{"role":"user","content":"My password: tr0ub4dor&3x, please."},)"
    R"({"role":"assistant","content":"Noted."},{"role":"user","content":"Bye."}]})";

inline constexpr std::string_view calls = R"({"dalsegno_policy": 1, "name": "calls", "rules": [
  {"id": "calls", "effect": "permit", "actions": ["*.call"]}]})";

inline std::string without_line_end(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

class Govern : public testing::Test {
 protected:
  void SetUp() override {
    write_file(path("talk.jsonl"), std::string(talk) + "\n");
    write_file(path("calls.json"), std::string(calls));
    write_file(path("master"), std::string(64, '1') + "\n");
    chmod(path("master").c_str(), 0600);
  }
  [[nodiscard]] std::string path(std::string const& name) const {
    return (folder_.path() / name).string();
  }
  /// Runs the command on the store; the tokens go through files, as they should.
  [[nodiscard]] Ran run(std::vector<std::string> arguments,
                        std::string const& token = {},
                        std::string const& second = {}) {
    arguments.insert(arguments.end(), {"--data", path("store")});
    if (!token.empty()) arguments.insert(arguments.end(), {"--as", kept(token)});
    if (!second.empty()) arguments.insert(arguments.end(), {"--second", kept(second)});
    auto ran = dalsegno(arguments);
    said_ += ran.err;
    return ran;
  }
  std::string kept(std::string const& token) {
    auto const file = path("token" + std::to_string(++files_));
    write_file(file, token + "\n");
    chmod(file.c_str(), 0600);
    return "file:" + file;
  }
  std::string create(std::vector<std::string> arguments,
                     std::string const& token = {},
                     std::string const& second = {}) {
    arguments.insert(arguments.begin(), {"token", "create"});
    auto const ran = run(std::move(arguments), token, second);
    EXPECT_EQ(ran.code, 0) << ran.err;
    return without_line_end(ran.out);
  }
  std::string id_of(std::string const& owner) {
    auto const list = run({"token", "list"}).out;
    std::smatch found;
    std::regex const line("([0-9a-f]{12})\\toperator\\t" + owner + "\\t");
    return std::regex_search(list, found, line) ? found[1].str() : std::string();
  }
  void appoint_two() {
    ann_ = create({"--owner", "ann", "--scope", "*", "--by", "ann"});
    bob_ = create({"--owner", "bob", "--scope", "*"}, ann_);
  }
  void record(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{
        "run", "--transcript", path("talk.jsonl"), "--master-key-file", path("master")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto const ran = run(std::move(arguments));
    ASSERT_NE(ran.code, 2) << ran.err;
    ASSERT_NE(ran.code, 5) << ran.err;
  }
  /// Everything in the store's files.
  [[nodiscard]] bool store_holds(std::string const& text) const {
    for (auto const& entry : std::filesystem::recursive_directory_iterator(path("store")))
      if (entry.is_regular_file() && read_bytes(entry.path()).find(text) != std::string::npos)
        return true;
    return false;
  }
  void expect_verified() {
    auto const ran = run({"verify"});
    EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
  }

  TemporaryFolder folder_;
  std::string ann_;
  std::string bob_;
  std::string said_;  // on stderr, by all
  int files_ = 0;
};

}  // namespace dalsegno::test
