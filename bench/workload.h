#pragma once

#include "dalsegno/registry.h"
#include "dalsegno/workflow.h"
#include "engine/runtime/engine.h"
#include "storage/log/event_log.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace dalsegno::bench {

/// Input of the workflow "steps": `count` calls of the activity "echo", one after the other, each
/// with a payload of `payload_bytes` of words as its result; a checkpoint every `checkpoint_every`
/// calls (0: never).
struct Steps {
  std::uint64_t count = 0;
  std::uint64_t payload_bytes = 200;
  std::uint64_t checkpoint_every = 0;
  std::uint64_t done = 0;
};
BOOST_DESCRIBE_STRUCT(Steps, (), (count, payload_bytes, checkpoint_every, done))

/// "steps", "sleeper" (sleeps an hour), "replier" (answers each turn) and "toil" (calls "toil"),
/// with what they call, but for "toil".
[[nodiscard]] Registry const& workload();
[[nodiscard]] Activity<std::uint64_t, std::uint64_t> const& toil_activity();

/// A store and an engine over it that permits everything.
class Running {
 public:
  explicit Running(std::filesystem::path const& folder,
                   engine::EngineOptions options = {},
                   Registry const& registry = workload());
  [[nodiscard]] engine::Engine& engine() { return *engine_; }
  [[nodiscard]] storage::EventLog& log() { return *log_; }

 private:
  std::unique_ptr<storage::EventLog> log_;
  std::unique_ptr<engine::Engine> engine_;
};

/// Runs `sessions` sessions of "steps" side by side to their end and returns the seconds from first
/// to last.
double run_steps(engine::Engine& engine,
                 std::string const& prefix,
                 std::size_t sessions,
                 Steps const& input);

}  // namespace dalsegno::bench
