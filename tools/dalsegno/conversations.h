#pragma once

#include "activities/model/script.h"
#include "engine/runtime/engine.h"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace dalsegno::command {

struct ConversationOptions {
  std::string tenant = "default";
  std::string model = "default";
  std::uint32_t checkpoint_every = 4;
  std::size_t parallel = 16;  ///< sessions under way at once
};

/// How a conversation came out.
struct ConversationOutcome {
  enum class Kind : std::uint8_t { completed, failed, held, refused };

  std::string session;
  Kind kind = Kind::refused;
  std::string what;  ///< why it is not complete
};

/// The clients of recorded conversations: starts a session of the workflow "agent" for each script
/// and sends its turns, each when the one before is answered. Every turn has the key
/// "turn-<number>", so that one that an earlier process sent is not taken twice but gets its
/// recorded answer: the same scripts on the same store go on where they were.
///
/// No thread of its own: it goes on in the engine's callbacks, and `step` starts the next sessions.
class Conversations {
 public:
  Conversations(engine::Engine& engine,
                storage::EventLog const& log,
                std::vector<activities::Script const*> scripts,
                ConversationOptions options);
  Conversations(Conversations const&) = delete;
  Conversations& operator=(Conversations const&) = delete;

  struct Progress {
    std::size_t over = 0;
    std::size_t resumed = 0;                ///< had begun in an earlier process and were open
    std::size_t over_before = 0;            ///< had ended in an earlier process
    std::vector<ConversationOutcome> news;  ///< what has ended since the last step
    bool all_begun = false;
    bool all_over = false;
  };
  /// Starts sessions while there is room (those `waiting` for people take none), waits until
  /// something has ended or `patience` is over, and tells. Thread: one.
  [[nodiscard]] Progress step(std::chrono::milliseconds patience, std::size_t waiting = 0);

 private:
  using Index = std::size_t;

  // On the engine's threads.
  void started(Index index, Result<engine::Receipt> const& receipt);
  void take_turn(Index index, std::size_t turn);
  void answered(Index index, std::size_t turn, Result<std::string> const& answer);
  void wait_for_end(Index index);
  void over(Index index, ConversationOutcome::Kind kind, std::string what);
  void over(Index index, Error const& error);

  [[nodiscard]] SessionId id_of(Index index) const {
    return {options_.tenant, scripts_[index]->session};
  }
  void start(Index index);

  // Set in the constructor.
  engine::Engine& engine_;
  storage::EventLog const& log_;
  std::vector<activities::Script const*> scripts_;
  ConversationOptions options_;
  // Only in `step`.
  Index next_ = 0;
  // Guarded by mutex_.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t over_ = 0;
  std::size_t resumed_ = 0;
  std::size_t over_before_ = 0;
  std::vector<ConversationOutcome> news_;
};

}  // namespace dalsegno::command
