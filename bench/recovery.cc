// From a cold store back to life: replay, recovery after a kill, and what a step costs on disk.

#include "bench/figure.h"
#include "bench/limits.h"
#include "bench/workload.h"
#include "engine/replay/replayer.h"
#include "storage/rocksdb/rocksdb_log.h"

#include <cstdlib>
#include <latch>
#include <stdexcept>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

namespace dalsegno::bench {

namespace {

std::unique_ptr<storage::EventLog> open_log(std::filesystem::path const& folder) {
  auto log = storage::open_rocksdb(folder);
  if (!log) throw std::runtime_error(log.error().detail);
  return std::move(*log);
}

std::vector<Figure> measure_replay(std::filesystem::path const& folder) {
  auto const store = folder / "store";
  constexpr std::size_t sessions = 64;
  {
    Running running(store);
    run_steps(running.engine(), "replay-", sessions, {2'000, 200, 0, 0});
    running.engine().stop();
    if (!running.log().compact()) throw std::runtime_error("cannot compact");
  }
  auto const scan = scan_and_hash(store, "steps");
  std::size_t events = 0;
  double seconds = 0;
  {
    auto const log = open_log(store);
    auto const find = [](std::string_view name) { return workload().find_workflow(name); };
    auto const start = Clock::now();
    for (std::size_t i = 0; i < sessions; ++i) {
      auto const report = engine::replay_session(
          *log, find, {"bench", "replay-" + std::to_string(i)}, {engine::ReplayFrom::Kind::start});
      if (!report) throw std::runtime_error(report.error().detail);
      if (report->divergence) throw std::runtime_error("replay diverged");
      events += report->events;
    }
    seconds = microseconds_since(start) / 1e6;
  }
  auto const count = static_cast<double>(events);
  return {{"replay", count / seconds, "events/s", count / scan.seconds},
          {"replay_events_per_step", count / static_cast<double>(sessions * 2'001), "events", {}}};
}

/// Milliseconds from opening the store until the session answers again.
double reopen_ms(std::filesystem::path const& store, SessionId const& session) {
  auto const start = Clock::now();
  Running running(store);
  if (!session.name.empty()) {
    // A signal is taken once the session is in memory again.
    auto const receipt = running.engine().signal(session, {"wake", "null", "", "bench"});
    if (!receipt) throw std::runtime_error(receipt.error().detail);
  }
  return microseconds_since(start) / 1e3;
}

std::vector<Figure> measure_recovery(std::filesystem::path const& folder) {
  auto const killed_store = [&](std::string const& name, std::uint64_t checkpoint_every) {
    auto const store = folder / name;
    // A program of its own: a mere fork would lack the threads that RocksDB has in this one.
    auto const every = std::to_string(checkpoint_every);
    auto const child = fork();
    if (child == 0) {
      execl("/proc/self/exe",
            "bench",
            "--die-in",
            store.c_str(),
            "--checkpoint-every",
            every.c_str(),
            static_cast<char*>(nullptr));
      std::_Exit(127);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (!WIFSIGNALED(status)) throw std::runtime_error("the child was not killed");
    return store;
  };
  SessionId const session{"bench", "recovery-0"};
  auto const plain = killed_store("plain", 0);
  auto const checkpointed = killed_store("checkpointed", 1'000);
  static_cast<void>(reopen_ms(folder / "empty", {}));
  auto const empty = reopen_ms(folder / "empty", {});
  auto const without = reopen_ms(plain, session);
  auto const with = reopen_ms(checkpointed, session);
  return {{"recovery_10k", without, "ms", {}},
          {"recovery_10k_checkpoint", with, "ms", empty},
          {"recovery_10k_checkpoint_more_than_empty", with - empty, "ms", {}}};
}

std::uintmax_t size_of(std::filesystem::path const& folder) {
  std::uintmax_t bytes = 0;
  for (auto const& entry : std::filesystem::recursive_directory_iterator(folder)) {
    auto const extension = entry.path().extension();
    if (entry.is_regular_file() && (extension == ".sst" || extension == ".blob"))
      bytes += entry.file_size();
  }
  return bytes;
}

std::vector<Figure> measure_bytes(std::filesystem::path const& folder) {
  std::vector<Figure> figures;
  for (std::uint64_t const payload : {200U, 4'096U}) {
    auto const store = folder / std::to_string(payload);
    constexpr std::size_t sessions = 50;
    constexpr std::uint64_t count = 400;
    {
      Running running(store);
      run_steps(running.engine(), "bytes-", sessions, {count, payload, 0, 0});
      running.engine().stop();
      if (!running.log().compact()) throw std::runtime_error("cannot compact");
    }
    figures.push_back(
        {"bytes_per_step_" + std::to_string(payload),
         static_cast<double>(size_of(store / "db")) / static_cast<double>(sessions * count),
         "B/step",
         {}});
  }
  return figures;
}

}  // namespace

void die_in(std::filesystem::path const& store, std::uint64_t checkpoint_every) {
  constexpr std::uint64_t count = 10'000;
  engine::EngineOptions options;
  std::uint64_t durable = 0;
  options.on_durable = [&durable](SessionId const&, std::span<storage::Event const>) {
    if (++durable == count) kill(getpid(), SIGKILL);
  };
  Running running(store, std::move(options));
  run_steps(running.engine(), "recovery-", 1, {2 * count, 200, checkpoint_every, 0});
}

Benchmark replay() { return {"replay", measure_replay}; }
Benchmark recovery_10k() { return {"recovery_10k", measure_recovery}; }
Benchmark bytes_per_step() { return {"bytes_per_step", measure_bytes}; }

}  // namespace dalsegno::bench
