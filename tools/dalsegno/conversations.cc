#include "tools/dalsegno/conversations.h"

#include "dalsegno/agent.h"
#include "dalsegno/payload.h"

#include <utility>

namespace dalsegno::command {

using Kind = ConversationOutcome::Kind;

Conversations::Conversations(engine::Engine& engine,
                             storage::EventLog const& log,
                             std::vector<activities::Script const*> scripts,
                             ConversationOptions options)
    : engine_(engine), log_(log), scripts_(std::move(scripts)), options_(std::move(options)) {}

Conversations::Progress Conversations::step(std::chrono::milliseconds patience,
                                            std::size_t waiting) {
  for (;;) {
    {
      std::lock_guard const lock(mutex_);
      if (next_ == scripts_.size() || next_ - over_ >= options_.parallel + waiting) break;
    }
    start(next_++);
  }
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, patience, [this] { return !news_.empty() || over_ == scripts_.size(); });
  return {.over = over_,
          .resumed = resumed_,
          .over_before = over_before_,
          .news = std::exchange(news_, {}),
          .all_begun = next_ == scripts_.size(),
          .all_over = over_ == scripts_.size()};
}

void Conversations::start(Index index) {
  agent::AgentState state;
  state.model = options_.model;
  state.system = scripts_[index]->system;
  state.checkpoint_every = options_.checkpoint_every;
  engine_.start_session(
      {id_of(index), "agent", to_json(state), ""},
      [this, index](Result<engine::Receipt> const& receipt) { started(index, receipt); });
}

void Conversations::started(Index index, Result<engine::Receipt> const& receipt) {
  if (!receipt && receipt.error().code == Errc::conflict) {
    return over(index,
                Kind::refused,
                "a session of this name is in the store with another start: another system "
                "message, --model or "
                "--checkpoint-every; choose another store with --data");
  }
  if (!receipt) return over(index, receipt.error());
  if (receipt->repeated) {
    auto const head = log_.head(id_of(index));
    bool const open = head && *head && (*head)->status == storage::SessionStatus::open;
    {
      std::lock_guard const lock(mutex_);
      ++(open ? resumed_ : over_before_);
    }
    if (!open) return wait_for_end(index);
  }
  take_turn(index, 0);
}

void Conversations::take_turn(Index index, std::size_t turn) {
  auto const& turns = scripts_[index]->turns;
  if (turn == turns.size()) return wait_for_end(index);
  engine::SignalInput input{"turn", to_json(turns[turn]), "turn-" + std::to_string(turn + 1), ""};
  if (turns[turn].last) {
    engine_.signal(
        id_of(index), std::move(input), [this, index](Result<engine::Receipt> const& receipt) {
          if (!receipt && receipt.error().code != Errc::ended) return over(index, receipt.error());
          wait_for_end(index);
        });
  } else {
    engine_.ask(
        id_of(index), std::move(input), {}, [this, index, turn](Result<std::string> const& answer) {
          answered(index, turn, answer);
        });
  }
}

void Conversations::answered(Index index, std::size_t turn, Result<std::string> const& answer) {
  if (answer) return take_turn(index, turn + 1);
  // Without an answer: a tool took over, or the session failed.
  if (answer.error().code == Errc::ended) return wait_for_end(index);
  over(index, answer.error());
}

void Conversations::wait_for_end(Index index) {
  engine_.wait_for_end(id_of(index), [this, index](Result<engine::AnnounceEnd> const& end) {
    if (!end) return over(index, end.error());
    if (end->status == storage::SessionStatus::completed) return over(index, Kind::completed, {});
    over(index, Kind::failed, end->type + ": " + end->message);
  });
}

void Conversations::over(Index index, Error const& error) {
  over(index, error.code == Errc::held ? Kind::held : Kind::refused, error.detail);
}

void Conversations::over(Index index, Kind kind, std::string what) {
  std::lock_guard const lock(mutex_);
  ++over_;
  news_.push_back({.session = scripts_[index]->session, .kind = kind, .what = std::move(what)});
  changed_.notify_one();  // with the lock: the owner may go as soon as all are over
}

}  // namespace dalsegno::command
