#include "bench/workload.h"

#include "bench/figure.h"
#include "bench/limits.h"
#include "storage/rocksdb/rocksdb_log.h"

#include <atomic>
#include <latch>
#include <stdexcept>
#include <utility>

namespace dalsegno::bench {

namespace {

using namespace std::chrono_literals;

struct Echo {
  std::uint64_t number = 0;
  std::uint64_t bytes = 0;
};
BOOST_DESCRIBE_STRUCT(Echo, (), (number, bytes))

constexpr Activity<Echo, std::string> echo{"echo"};

Workflow<std::uint64_t> steps(Context& ctx, Steps state) {
  while (state.done < state.count) {
    if (state.checkpoint_every > 0 && state.done % state.checkpoint_every == 0)
      co_await ctx.checkpoint(state);
    auto const text = co_await ctx.call(echo, Echo{state.done, state.payload_bytes});
    ++state.done;
  }
  co_return state.done;
}

Workflow<std::uint64_t> sleeper(Context& ctx, std::uint64_t number) {
  co_await ctx.sleep(1h);
  co_return number;
}

Workflow<std::uint64_t> replier(Context& ctx, std::uint64_t turns) {
  for (;;) {
    auto [turn, text] = co_await ctx.receive_with_sequence<std::string>("turn");
    ctx.answer(turn, OperationId::none, text);
    ++turns;
  }
}

constexpr Activity<std::uint64_t, std::uint64_t> toil_call{"toil"};

Workflow<std::uint64_t> toil(Context& ctx, std::uint64_t number) {
  co_return co_await ctx.call(toil_call, number);
}

}  // namespace

Activity<std::uint64_t, std::uint64_t> const& toil_activity() { return toil_call; }

Registry const& workload() {
  static Registry const registry = [] {
    Registry made;
    made.add(define_workflow("steps", steps)).add(define_workflow("sleeper", sleeper));
    made.add(define_workflow("replier", replier)).add(define_workflow("toil", toil));
    made.add(echo, [](ActivityContext const& context, Echo const& asked) {
      return words(asked.bytes,
                   static_cast<unsigned>(std::hash<std::string>{}(context.idempotency_key)));
    });
    return made;
  }();
  return registry;
}

Running::Running(std::filesystem::path const& folder,
                 engine::EngineOptions options,
                 Registry const& registry) {
  auto log = storage::open_rocksdb(folder);
  if (!log) throw std::runtime_error(log.error().detail);
  log_ = std::move(*log);
  auto policy = engine::PolicySet::parse(
      R"({"dalsegno_policy": 1, "name": "bench", "rules": [{"id": "all", "effect": "permit", "actions": ["*"]}]})");
  if (!policy) throw std::runtime_error(policy.error().detail);
  auto started = engine::Engine::start(*log_, registry, std::move(*policy), std::move(options));
  if (!started) throw std::runtime_error(started.error().detail);
  engine_ = std::move(*started);
}

double run_steps(engine::Engine& engine,
                 std::string const& prefix,
                 std::size_t sessions,
                 Steps const& input) {
  std::latch ended(static_cast<std::ptrdiff_t>(sessions));
  std::atomic<bool> failed = false;
  auto const json = to_json(input);
  auto const start = Clock::now();
  for (std::size_t i = 0; i < sessions; ++i) {
    SessionId const session{"bench", prefix + std::to_string(i)};
    engine.wait_for_end(session, [&](Result<engine::AnnounceEnd> const& end) {
      if (!end) failed = true;
      ended.count_down();
    });
    engine.start_session({session, "steps", json, "bench"}, [](Result<engine::Receipt> const&) {});
  }
  ended.wait();
  if (failed) throw std::runtime_error("a session did not end");
  return microseconds_since(start) / 1e6;
}

}  // namespace dalsegno::bench
