#include "dalsegno/testing.h"
#include "dalsegno/try.h"
#include "engine/replay/replayer.h"

#include <string_view>

namespace dalsegno {

Result<std::vector<ReplayFailure>> replay_sessions(Store const& store,
                                                   Registry const& registry,
                                                   ReplayWhich which) {
  std::vector<ReplayFailure> failures;
  auto const& log = store.log();
  auto const find = [&registry](std::string_view name) { return registry.find_workflow(name); };
  TRY_VOID(log.scan_heads([&](SessionId const& session, storage::Head const& head) {
    bool const is_of_the_store = session.tenant.starts_with('_');
    bool const is_open =
        head.status == storage::SessionStatus::open || head.status == storage::SessionStatus::held;
    if (is_of_the_store || (which == ReplayWhich::open && !is_open)) return true;
    auto const replayed = engine::replay_session(log, find, session);
    if (!replayed) {
      failures.push_back({session, replayed.error().code, replayed.error().detail});
    } else if (replayed->divergence) {
      failures.push_back({session, Errc::diverged, engine::describe(*replayed->divergence)});
    }
    return true;
  }));
  return failures;
}

}  // namespace dalsegno
