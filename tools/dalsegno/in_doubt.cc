#include "tools/dalsegno/in_doubt.h"

#include "dalsegno/json.h"
#include "dalsegno/try.h"
#include "engine/replay/fold_session.h"
#include "engine/replay/open_doubts.h"
#include "storage/log/journal.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"

#include <string>
#include <utility>
#include <vector>

namespace dalsegno::command {

namespace {

std::string number(OperationId id) { return std::to_string(static_cast<std::uint64_t>(id)); }

void print_as_json(CallInDoubt const& call, bool under_way) {
  Json line;
  line.set("tenant", call.session.tenant).set("session", call.session.name);
  line.set("operation", static_cast<std::uint64_t>(call.operation));
  line.set("action", call.action).set("what", call.what);
  line.set("attempt", std::uint64_t{call.attempt}).set("idempotency_key", call.idempotency_key);
  auto arguments = parse_json(call.arguments);
  line.set("arguments", arguments ? std::move(*arguments) : Json(call.arguments));
  line.set("reason", call.reason).set("since", to_string(call.since)).set("under_way", under_way);
  print_json("dalsegno.in_doubt", std::move(line));
}

void print_as_text(Globals const& globals, CallInDoubt const& call, bool under_way) {
  constexpr std::size_t longest = 300;
  print(styled(globals,
               Style::bold,
               printable(to_string(call.session)) + " " + number(call.operation)) +
        "  " + call.action + " " + printable(call.what) + ", attempt " +
        std::to_string(call.attempt) + (under_way ? ", under way since " : ", in doubt since ") +
        to_string(call.since));
  print("  why        " + shortened(call.reason, longest));
  print("  arguments  " + shortened(call.arguments, longest));
  print("  key        " + printable(call.idempotency_key));
}

}  // namespace

Result<int> list_in_doubt(
    OpenStore const& store,
    Globals const& globals,
    std::function<bool(SessionId const&, storage::Head const&)> const& wanted) {
  std::vector<SessionId> sessions;
  TRY_VOID(store.log->scan_heads([&](SessionId const& id, storage::Head const& head) {
    if (head.status == storage::SessionStatus::open && id != storage::journal_session() &&
        wanted(id, head))
      sessions.push_back(id);
    return true;
  }));
  std::uint64_t steps = 0;
  std::size_t count = 0;
  auto const show = [&](std::vector<CallInDoubt> const& calls, bool under_way) {
    count += calls.size();
    for (auto const& call : calls) {
      if (globals.json) {
        print_as_json(call, under_way);
      } else {
        print_as_text(globals, call, under_way);
      }
    }
  };
  for (auto const& session : sessions) {
    TRY(auto const state, engine::fold_session(*store.log, session));
    TRY(auto const open, engine::open_doubts(*store.log, state));
    TRY(auto const under_way, engine::under_way_at_most_once(*store.log, state));
    steps += state.steps;
    show(open, false);
    show(under_way, true);
  }
  if (count == 0) say("nothing is in doubt");
  return say_verified(store, steps);
}

}  // namespace dalsegno::command
