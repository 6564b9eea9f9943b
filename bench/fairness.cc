// A tenant with a hundred thousand waiting calls, and how long another one's calls wait then.

#include "bench/figure.h"
#include "bench/workload.h"

#include <atomic>
#include <chrono>
#include <latch>
#include <mutex>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>

namespace dalsegno::bench {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t queued = 100'000;
constexpr std::size_t bursts = 30;
constexpr std::size_t calls_of_a_burst = 64;

/// How long each call of tenant "quiet" waited: from the moment at which it was durable to that at
/// which it was begun.
class Waits {
 public:
  void durable(SessionId const& session, std::span<storage::Event const> events) {
    if (session.tenant != "quiet") return;
    for (auto const& event : events) {
      if (!std::holds_alternative<storage::AttemptStarted>(event.body)) continue;
      std::lock_guard const lock(mutex_);
      since_[session.name] = Clock::now();
    }
  }
  void begun(SessionId const& session) {
    if (session.tenant != "quiet") return;
    auto const now = Clock::now();
    std::lock_guard const lock(mutex_);
    samples_.push_back(
        std::chrono::duration<double, std::milli>(now - since_.at(session.name)).count());
  }
  std::vector<double> take() {
    std::lock_guard const lock(mutex_);
    return std::exchange(samples_, {});
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, Clock::time_point> since_;
  std::vector<double> samples_;
};

Registry toil(Waits& waits) {
  Registry registry = workload();
  registry.add(toil_activity(), [&waits](ActivityContext const& context, std::uint64_t number) {
    waits.begun(context.session);
    std::this_thread::sleep_for(2ms);  // as a far side takes
    return number;
  });
  return registry;
}

void start(engine::Engine& engine, SessionId const& session, engine::OnReceipt done) {
  engine.start_session({session, "toil", "1", "bench"}, std::move(done));
}

/// Bursts of the quiet tenant's calls, a tenth of a second apart; p99 of their waits, in ms.
double quiet_p99(engine::Engine& engine, Waits& waits, std::string const& name) {
  for (std::size_t burst = 0; burst < bursts; ++burst) {
    auto const begun = Clock::now();
    std::latch ended(calls_of_a_burst);
    for (std::size_t i = 0; i < calls_of_a_burst; ++i) {
      SessionId const session{"quiet", name + std::to_string(burst) + '-' + std::to_string(i)};
      engine.wait_for_end(session, [&](Result<engine::AnnounceEnd> const&) { ended.count_down(); });
      start(engine, session, [](Result<engine::Receipt> const&) {});
    }
    ended.wait();
    std::this_thread::sleep_until(begun + 100ms);
  }
  auto samples = waits.take();
  return quantile(samples, 0.99);
}

void queue_up(engine::Engine& engine) {
  std::latch started(queued);
  std::counting_semaphore<> window(512);
  for (std::size_t i = 0; i < queued; ++i) {
    window.acquire();
    start(engine, {"noisy", std::to_string(i)}, [&](Result<engine::Receipt> const& receipt) {
      if (!receipt) std::terminate();
      window.release();
      started.count_down();
    });
  }
  started.wait();
}

std::size_t waiting(engine::Engine const& engine) {
  std::size_t waiting = 0;
  for (auto const& queue : engine.queues()) waiting += queue.waiting;
  return waiting;
}

std::vector<Figure> measure(std::filesystem::path const& folder) {
  Waits waits;
  auto const registry = toil(waits);
  engine::EngineOptions options;
  options.on_durable = [&](SessionId const& session, std::span<storage::Event const> events) {
    waits.durable(session, events);
  };
  Running running(folder / "store", std::move(options), registry);
  auto& engine = running.engine();
  auto const alone = quiet_p99(engine, waits, "alone-");
  queue_up(engine);
  auto const before = waiting(engine);
  auto const beside = quiet_p99(engine, waits, "beside-");
  auto const after = waiting(engine);
  return {{"noisy_tenant", beside, "ms", alone},
          {"noisy_tenant_queued", static_cast<double>(before), "calls", {}},
          {"noisy_tenant_queued_after", static_cast<double>(after), "calls", {}}};
}

}  // namespace

Benchmark noisy_tenant() { return {"noisy_tenant", measure}; }

}  // namespace dalsegno::bench
