#include "tools/dalsegno/demo_story.h"

#include "dalsegno/json.h"
#include "dalsegno/try.h"
#include "engine/replay/open_approvals.h"
#include "storage/event/codec.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/store.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <set>
#include <string_view>
#include <variant>

namespace dalsegno::command {
namespace {

constexpr std::size_t text_columns = 86;

/// Calls `visit` with each step of a session's run, in order.
Result<> read_session(Globals const& globals,
                      std::string const& session,
                      std::function<void(storage::Step const&)> const& visit) {
  TRY(auto const store, open_store(globals));
  TRY(auto const found, find_session(*store.log, globals.tenant, session));
  std::optional<Error> error;
  TRY_VOID(store.log->read_steps(found.id, found.head.run, 1, [&](std::string_view bytes) {
    auto const step = storage::decode(bytes, storage::Reading::show);
    if (step) {
      visit(step->step);
    } else {
      error = step.error();
    }
    return !error;
  }));
  if (error) return *error;
  return {};
}

/// `text` in lines of `text_columns`, those after the first led by `indent`.
std::string wrapped(std::string_view text, std::string_view indent) {
  std::string out;
  std::size_t column = 0;
  while (!text.empty()) {
    auto const end = std::min(text.find(' '), text.size());
    auto const word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (column > 0 && column + 1 + word.size() > text_columns) {
      out.append("\n").append(indent);
      column = 0;
    } else if (column > 0) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out;
}

class Teller {
 public:
  explicit Teller(Globals const& globals) : globals_(globals) {}

  void tell(storage::Step const& step) {
    for (auto const& event : step.events) {
      if (auto const* const input = std::get_if<storage::InputReceived>(&event.body)) {
        if (auto const turn = parse_json(input->payload.bytes))
          speak("client", turn->text("content"));
      } else if (auto const* const answer = std::get_if<storage::AnswerGiven>(&event.body)) {
        auto const text = parse_json(answer->answer.bytes);
        if (text && text->as_string() != nullptr) speak("desk", *text->as_string());
      } else if (auto const* const decided = std::get_if<storage::PolicyDecided>(&event.body)) {
        if (decided->action == "tool.call" && !waits(step, event.operation)) decide(*decided);
      } else if (std::holds_alternative<storage::ApprovalRequested>(event.body)) {
        tell_aside("waits for a person to approve it");
      } else if (auto const* const given = std::get_if<storage::ApprovalGiven>(&event.body)) {
        tell_aside((given->granted ? "approved by " : "NOT approved by ") + printable(given->by) +
                   ": " + printable(given->reason));
      }
    }
  }

 private:
  static std::string led(std::string_view who, std::string_view text) {
    std::string lead = "  ";
    lead.append(who).resize(10, ' ');
    return lead.append(text);
  }

  void speak(std::string_view who, std::string_view text) const {
    print(led(who, wrapped(printable(text), "          ")));
  }

  /// The call does not start in this step: people are asked first.
  static bool waits(storage::Step const& step, OperationId operation) {
    return std::ranges::any_of(step.events, [&](storage::Event const& event) {
      return event.operation == operation &&
             std::holds_alternative<storage::ApprovalRequested>(event.body);
    });
  }

  void tell_aside(std::string const& text) const {
    print(styled(globals_, Style::faint, led("", "→ " + text)));
  }

  void decide(storage::PolicyDecided const& decided) const {
    bool const permitted = decided.effect == storage::DecisionEffect::permit;
    auto const verdict =
        styled(globals_, permitted ? Style::good : Style::bad, permitted ? "permitted" : "DENIED");
    auto const rule = decided.rules.empty() ? "no rule" : printable(decided.rules.front());
    print(styled(globals_, Style::faint, led("", "→ " + printable(decided.resource) + ": ")) +
          verdict + styled(globals_, Style::faint, " by " + rule));
  }

  Globals const& globals_;
};

}  // namespace

Result<std::string> waiting_for_approval(Globals const& globals, std::string const& session) {
  TRY(auto const store, open_store(globals));
  TRY(auto const open, engine::open_approvals(*store.log));
  constexpr std::size_t shown = 8;
  for (auto const& pending : open)
    if (pending.session.name == session) return pending.id.substr(0, shown);
  return Error{Errc::not_found, session + " does not wait for approval"};
}

Result<> tell_conversation(Globals const& globals, std::string const& session) {
  Teller teller(globals);
  return read_session(
      globals, session, [&teller](storage::Step const& step) { teller.tell(step); });
}

// The process that wrote a step is known by its epoch.
Result<TwoLives> count_calls(Globals const& globals, std::string const& session) {
  TwoLives lives;
  std::optional<std::uint64_t> first_epoch;
  std::set<OperationId> begun;
  std::set<OperationId> ended;
  TRY_VOID(read_session(globals, session, [&](storage::Step const& step) {
    if (!first_epoch) first_epoch = step.header.epoch;
    bool const before = step.header.epoch == *first_epoch;
    for (auto const& event : step.events) {
      if (std::holds_alternative<storage::AttemptStarted>(event.body)) {
        if (ended.contains(event.operation)) ++lives.made_again;
        if (before) begun.insert(event.operation);
        if (!before) ++lives.calls_after;
      } else if (std::holds_alternative<storage::ModelCompleted>(event.body) ||
                 std::holds_alternative<storage::ToolCompleted>(event.body)) {
        ended.insert(event.operation);
        if (before) ++lives.results_before;
      } else if (std::holds_alternative<storage::AttemptOrphaned>(event.body)) {
        ++lives.orphaned;
      }
    }
  }));
  lives.in_doubt = begun.size() - lives.results_before;
  return lives;
}

}  // namespace dalsegno::command
