#include "tools/dalsegno/demo.h"

#include "dalsegno/try.h"
#include "tools/dalsegno/child.h"
#include "tools/dalsegno/demo_story.h"
#include "tools/dalsegno/demo_transcripts.h"
#include "tools/dalsegno/output.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace dalsegno::command {
namespace {

// In the folder of the demonstration.
constexpr auto short_file = "desk.jsonl";
constexpr auto long_file = "lost-bag.jsonl";
constexpr auto paid_file = "upgrade.jsonl";
constexpr auto policy_file = "policy.json";
constexpr auto store_folder = "dalsegno-data";  // where the verbs look when nothing else is said

/// In the middle of the long session, while a call is under way.
constexpr auto kill_after = "17";

Result<> write_file(std::filesystem::path const& path, std::string const& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  if (!out) return Error{Errc::io, path.string() + ": cannot be written"};
  return {};
}

/// A new folder: `wanted`, or a temporary one when that is empty.
Result<std::filesystem::path> make_folder(std::filesystem::path const& wanted) {
  std::error_code code;
  if (wanted.empty()) {
    auto pattern = (std::filesystem::temp_directory_path(code) / "dalsegno-demo-XXXXXX").string();
    if (code || mkdtemp(pattern.data()) == nullptr) {
      return Error{Errc::io, pattern + ": cannot be made: " + std::strerror(errno)};
    }
    return std::filesystem::path(pattern);
  }
  std::filesystem::create_directories(wanted, code);
  if (code) return Error{Errc::io, wanted.string() + ": cannot be made: " + code.message()};
  if (!std::filesystem::is_empty(wanted, code)) {
    return Error{Errc::conflict,
                 wanted.string() + " is not empty; the demonstration wants a new folder"};
  }
  return std::filesystem::absolute(wanted);
}

class Demo {
 public:
  Demo(Globals globals, std::filesystem::path folder)
      : globals_(std::move(globals)), folder_(std::move(folder)) {
    globals_.data = folder_ / store_folder;
    globals_.tenant = "default";
  }

  Result<int> play() {
    TRY_VOID(write_file(folder_ / short_file, demo_short_sessions()));
    TRY_VOID(write_file(folder_ / long_file, demo_long_session()));
    TRY_VOID(write_file(folder_ / paid_file, demo_paid_session()));
    TRY_VOID(write_file(folder_ / policy_file, demo_policy()));
    unsetenv("DALSEGNO_DATA");  // so that the commands below can be typed in the folder
    print(
        "Four sessions at the desk of an airline; the model and the tools are recorded, all else "
        "is real.");
    print("$ cd " + folder_.string());
    TRY_VOID(two_short_sessions());
    TRY_VOID(a_call_that_waits_for_a_person());
    TRY_VOID(a_killed_session());
    TRY_VOID(proof());
    goodbye();
    return exit_fine;
  }

 private:
  void heading(std::string_view text) const {
    print("");
    print(styled(globals_, Style::bold, text));
  }

  /// Shows the command, runs it, and returns how it ended.
  Result<ChildEnd> command(std::vector<std::string> const& arguments) const {
    std::string line = "$ dalsegno";
    for (auto const& argument : arguments) {
      bool const quoted = argument.starts_with('#') || argument.contains(' ');
      line += quoted ? " '" + argument + "'" : " " + argument;
    }
    print(styled(globals_, Style::faint, line));
    return run_self(arguments, folder_);
  }

  /// The same; a command that does not end well ends the demonstration.
  Result<> must(std::vector<std::string> const& arguments) const {
    TRY(auto const end, command(arguments));
    if (end.signal == 0 && end.code == exit_fine) return {};
    return Error{Errc::diverged,
                 "this command should have ended well; the demonstration stops here"};
  }

  Result<> two_short_sessions() const {
    heading("1. A change that is permitted, and a refund that is not");
    print("A rule of policy.json, which is asked before each call:");
    print(styled(globals_, Style::faint, rule_of_policy("refunds")));
    TRY_VOID(must(run_of(short_file)));
    print("");
    TRY_VOID(tell_conversation(globals_, "seat-change"));
    print("");
    return tell_conversation(globals_, "refund-request");
  }

  Result<> a_call_that_waits_for_a_person() const {
    heading("2. A card that nobody sees, and a charge that waits for a person");
    print(styled(globals_, Style::faint, rule_of_policy("cards")));
    TRY_VOID(command(run_of(paid_file)));
    TRY_VOID(must({"approvals"}));
    TRY(auto const id, waiting_for_approval(globals_, "upgrade"));
    TRY_VOID(must({"approve",
                   id,
                   "--as",
                   "Mara Lind",
                   "--role",
                   "supervisor",
                   "--reason",
                   "the fee is right"}));
    TRY_VOID(must(run_of(paid_file)));
    print("");
    TRY_VOID(tell_conversation(globals_, "upgrade"));
    print(
        "The tool was given the card, in memory; the log and the model have a token in its place.");
    return {};
  }

  Result<> a_killed_session() const {
    heading("3. A session whose process is killed, and that goes on");
    auto killed = run_of(long_file);
    killed.insert(killed.end(), {"--kill-after", kill_after});
    TRY(auto const end, command(killed));
    if (end.signal != SIGKILL)
      return Error{Errc::diverged, "it should have killed itself, and did not"};
    TRY(auto const before, count_calls(globals_, "lost-bag"));
    print("The process is dead (SIGKILL). In the log are the results of " +
          std::to_string(before.results_before) + " calls; " + std::to_string(before.in_doubt) +
          " was under way.");
    TRY_VOID(must(run_of(long_file)));
    TRY(auto const lives, count_calls(globals_, "lost-bag"));
    bool const clean = lives.made_again == 0 && lives.orphaned == lives.in_doubt;
    print("The next process made " + std::to_string(lives.calls_after) +
          " calls. Recorded calls made again: " +
          styled(globals_, clean ? Style::good : Style::bad, std::to_string(lives.made_again)) +
          ". The one that was under way is marked");
    print("as orphaned, as it may have run, and was made once more.");
    if (!clean) return Error{Errc::diverged, "that is not as it should be"};
    return {};
  }

  Result<> proof() const {
    heading("4. Why did it say that? And does the log hold?");
    TRY_VOID(must({"why", "lost-bag", "#6"}));
    return must({"verify"});
  }

  void goodbye() const {
    std::error_code code;
    auto const program = std::filesystem::read_symlink("/proc/self/exe", code);
    heading("Look around: cd " + folder_.string() + "; PATH=" + program.parent_path().string() +
            ":$PATH");
    print("  dalsegno show refund-request   the conversation with its decisions");
    print(
        "  dalsegno replay --equivalence  run the workflow again over the log, from every "
        "checkpoint");
    print("  dalsegno log lost-bag          the events, the orphaned attempt among them");
    print(
        "  dalsegno help                  all else; docs/policy.md says how policies are written");
  }

  /// The rule whose id begins so, as it stands in the file.
  static std::string rule_of_policy(std::string const& id) {
    auto const policy = demo_policy();
    auto const begin = policy.find("  {\"id\": \"" + id);
    auto const next = policy.find("\n  {", begin + 1);
    return policy.substr(begin,
                         next == std::string::npos ? policy.rfind("]}") - begin : next - 1 - begin);
  }

  static std::vector<std::string> run_of(std::string const& transcripts) {
    return {"run", "--transcript", transcripts, "--policy", policy_file, "--model", "desk-1"};
  }

  Globals globals_;
  std::filesystem::path folder_;
};

Result<int> demonstrate(Globals const& globals, std::filesystem::path const& wanted) {
  TRY(auto folder, make_folder(wanted));
  return Demo(globals, std::move(folder)).play();
}

}  // namespace

void add_demo(CLI::App& app, Globals& globals) {
  auto* const verb = app.add_subcommand(
      "demo", "four sessions to look at: one denied, one approved, one killed and resumed");
  verb->footer(
      "Plays in a new temporary folder, or in the new or empty folder that --data names, and "
      "leaves it there.\n");
  verb->callback([&app, &globals] {
    auto const wanted = app.count("--data") > 0 ? globals.data : std::filesystem::path();
    auto const code = demonstrate(globals, wanted);
    globals.exit_code = code ? *code : fail(code.error());
  });
}

}  // namespace dalsegno::command
