#include "tools/dalsegno/work.h"

#include "dalsegno/try.h"
#include "engine/govern/store_policy.h"
#include "storage/access/guard_log.h"
#include "storage/rocksdb/rocksdb_log.h"
#include "tools/dalsegno/policy_files.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

namespace dalsegno::command {
namespace {

/// When the log refuses a write, the engine says so, and then says it again of every session that
/// waited for it. Thread: any.
class Told {
 public:
  bool is_news(SessionId const& session, std::string_view text) {
    std::lock_guard const lock(mutex_);
    if (!session.name.empty()) return of_all_.find(text) == std::string::npos;
    of_all_.append(text).append("\n");
    return true;
  }

 private:
  std::mutex mutex_;
  std::string of_all_;  // guarded by mutex_
};

}  // namespace

Result<std::unique_ptr<storage::EventLog>> open_store_to_work(Globals const& globals) {
  auto opened = storage::open_rocksdb(globals.data);
  if (opened) return std::move(*opened);
  auto error = std::move(opened.error());
  if (error.code == Errc::locked) {
    error.detail +=
        "; another dalsegno works in this store: wait until it has ended, or choose another with "
        "--data";
  } else if (error.code == Errc::data_loss) {
    error.detail +=
        "; nothing was changed. Look for a copy first; `dalsegno accept-loss` goes on without them";
  }
  if (!error.detail.starts_with(globals.data.string()))
    error.detail.insert(0, globals.data.string() + ": ");
  return error;
}

Result<engine::PolicySet> read_policy(std::string const& file) { return read_policies({file}); }

Result<std::string> find_interrupted(storage::EventLog const& log,
                                     std::function<bool(SessionId const&)> const& served) {
  std::string found;
  TRY_VOID(log.scan_heads([&](SessionId const& id, storage::Head const& head) {
    bool const under_way = head.status == storage::SessionStatus::open && head.open_attempts > 0;
    if (under_way && !served(id)) found = to_string(id);
    return found.empty();
  }));
  if (!found.empty()) return found;
  // Of the built-in workflows only calls arm timers: each is an attempt that will be made.
  constexpr std::size_t looked_at = 10'000;
  TRY(auto const timers, log.timers(Time::min(), Time::max(), looked_at));
  for (auto const& timer : timers) {
    if (!served(timer.session)) return to_string(timer.session);
  }
  return found;
}

Result<std::optional<engine::PolicySet>> active_policy(storage::EventLog const& log) {
  TRY(auto policies, engine::read_store_policies(log));
  return std::move(policies.active);
}

Result<RunningEngine> start_engine(Globals const& globals,
                                   storage::EventLog& log,
                                   Registry const& registry,
                                   engine::PolicySet policy,
                                   vault::Intake const* intake,
                                   OnDurable on_durable,
                                   std::vector<QueueOptions> queues) {
  TRY_VOID(engine::activate_at_start(log, policy, globals.now));
  TRY(auto policies, engine::read_store_policies(log));
  engine::EngineOptions options;
  options.shards = std::clamp(std::thread::hardware_concurrency(), 1U, 8U);
  options.marker_file = globals.data / "MARKERS";
  options.step_limit = std::chrono::seconds(10);
  options.intake = intake;
  options.on_durable = std::move(on_durable);
  options.queues = std::move(queues);
  options.say = [told = std::make_shared<Told>()](SessionId const& session, std::string_view text) {
    if (told->is_news(session, text))
      say(session.name.empty() ? std::string(text) : session.name + ": " + std::string(text));
  };
  options.shadow_policies = std::move(policies.shadows);
  RunningEngine running{access::guard_log(log, access::TokenKind::runtimes), nullptr};
  TRY(running.engine,
      engine::Engine::start(*running.log, registry, std::move(policy), std::move(options)));
  return running;
}

}  // namespace dalsegno::command
