#include "tools/dalsegno/builds.h"

#include "dalsegno/json.h"
#include "dalsegno/try.h"
#include "storage/log/journal.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>

namespace dalsegno::command {

Result<int> list_builds(OpenStore const& store, Globals const& globals) {
  std::map<std::uint64_t, std::uint64_t> going_on;  // sessions, by the epoch of their newest step
  TRY_VOID(store.log->scan_heads([&](SessionId const& id, storage::Head const& head) {
    bool const waits =
        head.status == storage::SessionStatus::open || head.status == storage::SessionStatus::held;
    if (waits && id != storage::journal_session()) ++going_on[head.epoch];
    return true;
  }));
  TRY(auto const journal, storage::read_journal(*store.log));
  Table table({"EPOCH", "BUILD", "OPEN SESSIONS"});
  for (auto const& event : journal) {
    auto const* const began = std::get_if<storage::EngineStarted>(&event.body);
    if (began == nullptr) continue;
    auto const sessions = going_on[began->epoch];
    if (globals.json) {
      Json line;
      line.set("epoch", began->epoch).set("build", began->build).set("open_sessions", sessions);
      print_json("dalsegno.build", std::move(line));
    } else {
      table.add({std::to_string(began->epoch), printable(began->build), std::to_string(sessions)});
    }
  }
  if (!globals.json && !table.empty()) table.print(globals);
  if (!globals.json && table.empty()) say("no runtime has recorded its build here");
  return say_verified(store, journal.size());
}

}  // namespace dalsegno::command
