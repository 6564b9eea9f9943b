#include "tools/dalsegno/send.h"

#include "dalsegno/agent.h"
#include "dalsegno/payload.h"
#include "dalsegno/try.h"
#include "tools/dalsegno/ordered_lines.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/redaction_options.h"
#include "tools/dalsegno/send_line.h"
#include "tools/dalsegno/work.h"

#include <atomic>
#include <condition_variable>
#include <fstream>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <utility>

namespace dalsegno::command {
namespace {

struct Options {
  std::string lines = "-";
  std::string workflow = "inbox";
  std::string policy;
  RedactionOptions redaction;
};

constexpr std::size_t lines_in_flight = 1'024;
constexpr std::size_t longest_line = std::size_t{16} << 20U;

/// What a session is started with when its line does not say.
std::string default_input(std::string_view workflow) {
  if (workflow == "inbox") return "0";
  if (workflow == "agent") return to_json(agent::AgentState{});
  return "null";
}

/// This program has neither models nor tools. A call waits until the program ends and is then left
/// to the next process that works in the store.
class NoFarSide {
 public:
  void serve(Registry& registry) {
    auto const wait = [this](ActivityContext const& context, std::string_view) -> ActivityReply {
      std::unique_lock lock(mutex_);
      over_changed_.wait(lock, [this] { return over_; });
      throw ActivityError("nobody_there",
                          "dalsegno send does not call " + context.name + " itself");
    };
    registry.add_model("*", wait).add_tool("*", wait);
  }
  void end() {
    {
      std::lock_guard const lock(mutex_);
      over_ = true;
    }
    over_changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable over_changed_;
  bool over_ = false;
};

/// Sends the lines of a stream, many at a time.
class Sender {
 public:
  Sender(Globals const& globals,
         Options const& options,
         storage::EventLog const& log,
         engine::Engine& engine)
      : globals_(globals), options_(options), log_(log), engine_(engine) {}

  void send_all(std::istream& in, std::string const& file) {
    std::string text;
    for (std::size_t number = 1; std::getline(in, text); ++number) {
      if (text.ends_with('\r')) text.pop_back();
      if (text.find_first_not_of(" \t") == std::string::npos) continue;
      auto const place = output_.take();
      auto const where = file + ":" + std::to_string(number) + ": ";
      if (text.size() > longest_line) {
        refuse(place,
               where,
               {Errc::too_large,
                "the line is longer than " + std::to_string(longest_line) + " bytes"});
      } else if (auto line = read_send_line(text)) {
        send(place, where, std::move(*line));
      } else {
        refuse(place, where, line.error());
      }
      if (engine_.failure()) break;
    }
    output_.finish();
  }
  [[nodiscard]] bool all_sent() const { return !refused_; }

 private:
  using Place = OrderedLines::Place;

  void refuse(Place place, std::string const& where, Error const& error) {
    refused_ = true;
    output_.fill(place, OrderedLines::Stream::error, where + error.detail);
  }

  void send(Place place, std::string where, SendLine line) {
    SessionId const id{globals_.tenant, line.session};
    engine::SignalInput input{line.signal, std::move(line.payload), line.key, ""};
    // A refused start refuses its signal, by the same error: both go to the same shard, in this
    // order.
    auto const start_error =
        std::make_shared<std::optional<Error>>();  // shared by the two callbacks
    if (auto known = exists(id); !known) {
      return refuse(place, where, known.error());
    } else if (!*known) {
      auto start = line.input.value_or(default_input(options_.workflow));
      engine_.start_session({id, options_.workflow, std::move(start), ""},
                            [start_error](Result<engine::Receipt> const& receipt) {
                              if (!receipt) *start_error = receipt.error();
                            });
    }
    engine_.signal(
        id,
        std::move(input),
        [this, place, where = std::move(where), line = std::move(line), start_error](
            Result<engine::Receipt> const& receipt) {
          if (!receipt) return refuse(place, where, start_error->value_or(receipt.error()));
          Json out;
          out.set("session", line.session).set("key", line.key).set("sequence", receipt->sequence);
          if (receipt->repeated) out.set("repeated", true);
          output_.fill(place, OrderedLines::Stream::out, json_line(std::move(out)));
        });
  }

  /// Also when its start is on its way.
  Result<bool> exists(SessionId const& id) {
    if (known_.contains(id.name)) return true;
    if (!valid(id)) return false;  // its start will say what is wrong
    TRY(auto const head, log_.head(id));
    known_.insert(id.name);
    return head.has_value();
  }

  Globals const& globals_;
  Options const& options_;
  storage::EventLog const& log_;
  engine::Engine& engine_;
  OrderedLines output_{lines_in_flight};
  std::atomic<bool> refused_ = false;
  // Only in send_all.
  std::unordered_set<std::string> known_;
};

Result<int> work(Globals const& globals, Options const& options) {
  std::ifstream file;
  if (options.lines != "-") {
    file.open(options.lines, std::ios::binary);
    if (!file || std::filesystem::is_directory(options.lines)) {
      return Error{Errc::not_found,
                   options.lines + ": there is no such file, or it cannot be read"};
    }
  }
  Registry registry;
  for (auto& workflow : agent::builtin_workflows()) registry.add(std::move(workflow));
  if (registry.find_workflow(options.workflow) == nullptr) {
    return Error{Errc::unknown_workflow,
                 "there is no workflow \"" + options.workflow + "\"; known are agent, inbox"};
  }
  NoFarSide far_side;
  far_side.serve(registry);
  TRY(auto const log, open_store_to_work(globals));
  TRY(auto const interrupted, find_interrupted(*log, [](SessionId const&) { return false; }));
  if (!interrupted.empty()) {
    return Error{Errc::conflict,
                 globals.data.string() + ": session " + interrupted +
                     " waits for a model or a tool, and send has none; finish it first "
                     "(dalsegno run, with its transcript)"};
  }
  TRY(auto active, active_policy(*log));
  auto policy = std::move(active).value_or(engine::PolicySet());
  if (!options.policy.empty()) {
    TRY(policy, read_policy(options.policy));
  }
  if (options.workflow != "inbox" && policy.name().empty()) {
    say("no policy is active in this store: models and tools are denied (--policy names one)");
  }
  TRY(auto const redaction, open_redaction(globals, *log, options.redaction));
  TRY(auto const engine,
      start_engine(
          globals, *log, registry, std::move(policy), redaction ? &redaction->intake() : nullptr));
  Sender sender(globals, options, *log, *engine);
  sender.send_all(options.lines == "-" ? std::cin : file,
                  options.lines == "-" ? "stdin" : options.lines);
  far_side.end();
  engine->stop();
  if (auto const failure = engine->failure())
    return exit_code_for(failure->code);  // it has said why
  return sender.all_sent() ? exit_fine : exit_usage;
}

}  // namespace

void add_send(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb =
      app.add_subcommand("send", "send signals to sessions, and say when each is durable");
  verb->add_option(
          "--lines",
          options->lines,
          "a file (-: standard input) with an object a line: {session, key, signal, payload}")
      ->required();
  verb->add_option("--workflow",
                   options->workflow,
                   "what starts a session that does not exist: inbox, agent [inbox]");
  verb->add_option("--policy", options->policy, "a policy document [the one that was active last]");
  add_redaction_options(*verb, options->redaction);
  verb->footer(
      "For each line {session, key, sequence} is printed, in order, once the signal is on disk; "
      "with \"repeated\" when\n"
      "the session had a signal of this key before: it is not taken again, and the sequence is "
      "that of the first.\n"
      "A line may have an \"input\" for the start of its session.\n"
      "Exit codes: 0 all lines are on disk; 2 a line was refused (stderr says which), the store "
      "cannot be opened or\n"
      "refused a write; 3 the store is damaged.\n");
  verb->callback([options, &globals] {
    auto const code = work(globals, *options);
    globals.exit_code = code ? *code : fail(code.error());
  });
}

}  // namespace dalsegno::command
