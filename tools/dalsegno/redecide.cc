#include "tools/dalsegno/redecide.h"

#include "dalsegno/try.h"
#include "tools/dalsegno/globals.h"

namespace dalsegno::command {

Result<DecisionsRest> visit_decisions(
    OpenStore const& store,
    std::vector<FoundSession> const& sessions,
    std::function<void(forensics::StoredDecision const&)> const& visit,
    std::function<void(forensics::RefusedCall const&)> const& visit_refused) {
  DecisionsRest out;
  for (auto const& session : sessions) {
    TRY(auto const read, forensics::visit_decisions(*store.log, session.id, visit, visit_refused));
    out.steps += read.steps;
    out.decisions += read.decisions;
    if (!read.broken) continue;
    say_not_verified(to_string(session.id) + ": " + read.broken->detail);
    out.exit_code = exit_code_for(read.broken->code);
  }
  if (out.exit_code == exit_fine) out.exit_code = say_verified(store, out.steps);
  return out;
}

Json place_of(forensics::StoredDecision const& stored) {
  Json out;
  out.set("tenant", stored.session.tenant).set("session", stored.session.name);
  out.set("run", to_string(stored.run)).set("sequence", stored.sequence);
  out.set("operation", static_cast<std::uint64_t>(stored.operation));
  out.set("action", stored.decided.action).set("resource", stored.decided.resource);
  return out;
}

Json Redecided::as_json() const {
  Json out;
  out.set("decisions", decisions).set("changed", changed).set("now_denied", now_denied);
  out.set("now_permitted", now_permitted).set("need_approval", need_approval);
  return out.set("unknown", unknown);
}

std::string Redecided::as_text() const {
  return std::to_string(decisions) + " decisions: " + std::to_string(changed) + " change, " +
         std::to_string(now_denied) + " now denied, " + std::to_string(now_permitted) +
         " now permitted, " + std::to_string(need_approval) + " need an approval, " +
         std::to_string(unknown) + " unknown";
}

int Redecided::exit_code() const {
  if (unknown > 0) return exit_undecidable;
  return changed > 0 ? exit_findings : exit_fine;
}

}  // namespace dalsegno::command
