#include "dalsegno/try.h"
#include "engine/policy/grammar.h"
#include "engine/replay/fold_session.h"
#include "engine/replay/open_approvals.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/store.h"
#include "tools/dalsegno/verbs.h"

#include <CLI/App.hpp>

#include <memory>
#include <string>
#include <vector>

namespace dalsegno::command {
namespace {

constexpr std::size_t shown_id = 12;  // characters: no two requests share so many in practice

struct Options {
  std::vector<std::string> sessions;
};

std::string joined(std::vector<std::string> const& words) {
  std::string text;
  for (auto const& word : words) text += (text.empty() ? "" : ", ") + printable(word);
  return text;
}

Json::Array listed(std::vector<std::string> const& words) { return {words.begin(), words.end()}; }

std::string risk_text(Risk risk) {
  return risk == Risk::undeclared
             ? std::string()
             : std::string(engine::risk_names[static_cast<std::size_t>(risk) - 1]);
}

void print_as_json(PendingApproval const& pending) {
  Json line;
  line.set("id", pending.id).set("tenant", pending.session.tenant);
  line.set("session", pending.session.name)
      .set("operation", static_cast<std::uint64_t>(pending.operation));
  line.set("action", pending.action).set("what", pending.what).set("why", pending.why);
  line.set("rule", pending.rule).set("risk", risk_text(pending.risk));
  auto arguments = parse_json(pending.arguments);
  line.set("arguments", arguments ? std::move(*arguments) : Json(pending.arguments));
  line.set("input_digest", pending.input_digest).set("requester", pending.requester);
  if (!pending.senders.empty()) line.set("senders", listed(pending.senders));
  line.set("approvers", listed(pending.approvers)).set("quorum", std::uint64_t{pending.quorum});
  line.set("granted_by", listed(pending.granted_by));
  if (pending.expires) line.set("expires", to_string(*pending.expires));
  if (pending.escalates_at) {
    line.set("escalates_at", to_string(*pending.escalates_at));
    line.set("escalates_to", listed(pending.escalates_to));
  }
  print_json("dalsegno.approval", std::move(line));
}

void print_as_text(Globals const& globals, PendingApproval const& pending) {
  constexpr std::size_t longest = 300;
  auto const risk = risk_text(pending.risk);
  print(styled(globals, Style::bold, pending.id.substr(0, shown_id)) + "  " +
        printable(to_string(pending.session)) + "@" +
        std::to_string(static_cast<std::uint64_t>(pending.operation)) + "  " +
        (pending.action.empty() ? "asks for " : pending.action + " ") + printable(pending.what) +
        (risk.empty() ? "" : " (" + risk + ")"));
  if (!pending.why.empty() || !pending.rule.empty())
    print("  why        " + printable(pending.why) +
          (pending.rule.empty() ? "" : " (rule " + printable(pending.rule) + ")"));
  std::vector<std::string> refused;
  if (!pending.requester.empty()) refused.push_back(pending.requester);
  for (auto const& sender : pending.senders)
    if (sender != pending.requester) refused.push_back(sender);
  print("  arguments  " + shortened(pending.arguments, longest));
  print("  who        " +
        (pending.approvers.empty() ? std::string("anybody") : joined(pending.approvers)) +
        (refused.empty() ? "" : ", but not " + joined(refused)));
  print("  so far     " + std::to_string(pending.granted_by.size()) + " of " +
        std::to_string(pending.quorum) +
        (pending.granted_by.empty() ? "" : ": " + joined(pending.granted_by)));
  if (pending.escalates_at)
    print("  escalates  " + to_string(*pending.escalates_at) + " to " +
          joined(pending.escalates_to));
  if (pending.expires)
    print("  expires    " + to_string(*pending.expires) +
          (*pending.expires <= globals.now ? " (is over)" : ""));
}

Result<int> approvals(Globals const& globals, Options const& options) {
  TRY(auto const store, open_store(globals));
  TRY(auto const sessions, find_sessions(store, globals, options.sessions));
  std::uint64_t steps = 0;
  std::size_t count = 0;
  for (auto const& session : sessions) {
    if (session.head.status != storage::SessionStatus::open) continue;
    TRY(auto const state, engine::fold_session(*store.log, session.id));
    TRY(auto const open, engine::open_approvals(*store.log, state));
    steps += state.steps;
    count += open.size();
    for (auto const& pending : open) {
      if (globals.json) {
        print_as_json(pending);
      } else {
        print_as_text(globals, pending);
      }
    }
  }
  if (count == 0) say("nothing waits for approval");
  return say_verified(store, steps);
}

}  // namespace

void add_approvals(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = app.add_subcommand("approvals", "list what waits for people to approve it");
  verb->add_option("SESSION", options->sessions, "only these [all]");
  verb->callback([options, &globals] { globals.exit_code = ended(approvals(globals, *options)); });
}

}  // namespace dalsegno::command
