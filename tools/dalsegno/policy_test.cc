#include "tools/dalsegno/policy.h"

#include "dalsegno/try.h"
#include "engine/policy/problems.h"
#include "engine/policy/time_text.h"
#include "tools/dalsegno/decision_text.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/policy_files.h"
#include "tools/dalsegno/policy_request.h"
#include "tools/dalsegno/printable.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::command {
namespace {

struct Options {
  std::vector<std::string> suites;
  std::vector<std::string> policies;
};

/// What a case expects; what it does not name may be anything.
struct Expected {
  bool permitted = false;
  std::optional<std::vector<std::string>> rules;
  std::optional<std::vector<std::string>> obligations;
  std::optional<std::vector<std::string>> errors;
};

struct Case {
  std::string name;
  std::unique_ptr<WrittenRequest> request;
  Expected expected;
};

struct Suite {
  std::vector<std::string> policies;
  std::vector<Case> cases;
};

constexpr std::array<std::string_view, 4> suite_fields = {
    "dalsegno_policy_test", "policies", "now", "cases"};
constexpr std::array<std::string_view, 3> case_fields = {"name", "request", "expect"};
constexpr std::array<std::string_view, 4> expect_fields = {
    "effect", "rules", "obligations", "errors"};

/// Reads one suite; errors say where in its file.
class SuiteReader {
 public:
  SuiteReader(LocatedJson const& json, std::filesystem::path const& file, Time now)
      : json_(json), file_(file), now_(now) {}

  Result<Suite> read() {
    auto const& root = json_.value;
    TRY_VOID(check(root, "", suite_fields));
    auto const* const version = root.find("dalsegno_policy_test");
    if (version == nullptr || version->as_integer() == nullptr || *version->as_integer() != 1)
      return wrong("", "a suite begins {\"dalsegno_policy_test\": 1");
    if (root.find("now") != nullptr) {
      auto const now = engine::parse_instant(root.text("now"));
      if (!now) return wrong("/now", "\"now\" must be a time as RFC 3339");
      now_ = *now;
    }
    Suite out;
    if (auto const* const policies = root.find("policies")) {
      TRY(auto const names, strings(*policies, "/policies"));
      for (auto const& name : names) out.policies.push_back((file_.parent_path() / name).string());
    }
    auto const* const cases = root.find("cases");
    if (cases == nullptr || cases->as_array() == nullptr)
      return wrong("", "\"cases\", a list, is missing");
    for (std::size_t i = 0; i < cases->as_array()->size(); ++i) {
      TRY(auto one, read_case((*cases->as_array())[i], "/cases/" + std::to_string(i)));
      out.cases.push_back(std::move(one));
    }
    return out;
  }

 private:
  [[nodiscard]] Error wrong(std::string const& pointer, std::string const& what) const {
    auto const place = json_.place(pointer);
    return {Errc::invalid,
            file_.string() + ":" + std::to_string(place.line) + ":" + std::to_string(place.column) +
                ": " + what};
  }

  Result<> check(Json const& value,
                 std::string const& pointer,
                 std::span<std::string_view const> known) const {
    if (value.as_object() == nullptr) return wrong(pointer, "must be an object");
    for (auto const& member : *value.as_object()) {
      if (std::ranges::find(known, member.name) == known.end())
        return wrong(pointer + "/" + member.name + "#key",
                     "unknown field " + engine::quoted(member.name) +
                         engine::suggestion(member.name, known));
    }
    return {};
  }

  Result<std::vector<std::string>> strings(Json const& value, std::string const& pointer) const {
    std::vector<std::string> out;
    if (value.as_array() == nullptr) return wrong(pointer, "must be a list of strings");
    for (auto const& entry : *value.as_array()) {
      if (entry.as_string() == nullptr) return wrong(pointer, "must be a list of strings");
      out.push_back(*entry.as_string());
    }
    return out;
  }

  Result<Case> read_case(Json const& value, std::string const& pointer) const {
    TRY_VOID(check(value, pointer, case_fields));
    Case out;
    out.name = value.text("name");
    if (out.name.empty()) return wrong(pointer, "the case has no \"name\"");
    auto const* const request = value.find("request");
    auto const* const expected = value.find("expect");
    if (request == nullptr || expected == nullptr)
      return wrong(pointer, "a case needs \"request\" and \"expect\"");
    auto read = WrittenRequest::read(*request, now_);
    if (!read) return wrong(pointer + "/request", read.error().detail);
    out.request = std::move(*read);
    TRY(out.expected, read_expected(*expected, pointer + "/expect"));
    return out;
  }

  Result<Expected> read_expected(Json const& value, std::string const& pointer) const {
    TRY_VOID(check(value, pointer, expect_fields));
    Expected out;
    auto const effect = value.text("effect");
    if (effect != "permit" && effect != "deny")
      return wrong(pointer, "\"effect\" must be permit or deny");
    out.permitted = effect == "permit";
    for (auto const& [name, into] : {std::pair("rules", &out.rules),
                                     std::pair("obligations", &out.obligations),
                                     std::pair("errors", &out.errors)}) {
      auto const* const list = value.find(name);
      if (list == nullptr) continue;
      TRY(*into, strings(*list, pointer + "/" + name));
    }
    return out;
  }

  LocatedJson const& json_;
  std::filesystem::path const& file_;
  Time now_;
};

Result<Suite> read_suite(std::filesystem::path const& file, Time now) {
  TRY(auto const text, read_text(file));
  auto const json = parse_located_json(text);
  if (!json) return Error{Errc::invalid, file.string() + ": " + json.error().detail};
  return SuiteReader(*json, file, now).read();
}

/// What differs from what was expected; "" when nothing does.
std::string difference(engine::Decision const& decision, Expected const& expected) {
  if (decision.permitted != expected.permitted)
    return std::string("expected ") + (expected.permitted ? "permit" : "deny") + ", got " +
           verdict_text(decision) + " by " + rules_text(decision.rules) +
           (decision.reason.empty() ? "" : ": " + decision.reason);
  std::vector<std::string> errors;
  errors.reserve(decision.errors.size());
  for (auto const& error : decision.errors) errors.push_back(error.rule);
  std::vector<std::string> obligations;
  obligations.reserve(decision.obligations.size());
  for (auto const& it : decision.obligations) obligations.emplace_back(engine::name_of(it.kind));
  auto const differs = [](std::string_view what,
                          std::optional<std::vector<std::string>> const& wanted,
                          std::vector<std::string> const& found) {
    if (!wanted || *wanted == found) return std::string();
    return "expected " + std::string(what) + " [" + (wanted->empty() ? "" : rules_text(*wanted)) +
           "], got [" + (found.empty() ? "" : rules_text(found)) + "]";
  };
  for (auto const& text : {differs("rules", expected.rules, decision.rules),
                           differs("obligations", expected.obligations, obligations),
                           differs("errors", expected.errors, errors)})
    if (!text.empty()) return text;
  return {};
}

void tell(Globals const& globals,
          std::string const& suite,
          Case const& one,
          engine::Decision const& decision,
          std::string const& difference) {
  if (globals.json) {
    auto line = as_json(decision);
    line.set("suite", suite).set("case", one.name).set("passed", difference.empty());
    if (!difference.empty()) line.set("difference", difference);
    print_json("dalsegno.policy_case", std::move(line));
  } else if (!difference.empty()) {
    print(styled(globals, Style::bad, suite + ": " + printable(one.name + ": " + difference)));
  }
}

Result<int> test(Globals const& globals, Options const& options) {
  std::size_t run = 0;
  std::size_t failed = 0;
  for (auto const& file : options.suites) {
    TRY(auto suite, read_suite(file, globals.now));
    auto const& files = options.policies.empty() ? suite.policies : options.policies;
    if (files.empty())
      return Error{Errc::invalid, file + ": it names no \"policies\"; --policy names some"};
    TRY(auto const policy, read_policies(files));
    for (auto const& one : suite.cases) {
      auto const decision = policy.decide(one.request->request(), *one.request);
      auto const found = difference(decision, one.expected);
      tell(globals, file, one, decision, found);
      ++run;
      failed += found.empty() ? 0 : 1;
    }
  }
  say(std::to_string(run) + " cases, " + std::to_string(failed) + " failed");
  return failed == 0 ? exit_fine : exit_findings;
}

}  // namespace

void add_policy_test(CLI::App& policy, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = policy.add_subcommand(
      "test", "decide about written requests and compare with what is expected");
  verb->fallthrough();
  verb->add_option("SUITES", options->suites, "files with cases (docs/policy.md)")->required();
  verb->add_option("--policy", options->policies, "policy documents [those that the suite names]");
  verb->footer("Ends with 0 when all cases pass, 1 when one fails, 2 when a file is unreadable.");
  verb->callback([options, &globals] { globals.exit_code = ended(test(globals, *options)); });
}

}  // namespace dalsegno::command
