#include "engine/runtime/waiters.h"

namespace dalsegno::engine {

Error unanswered(SessionId const& session, std::string const& type, std::string const& message) {
  auto detail = "session " + to_string(session) + " ended without an answer to this turn";
  if (!type.empty()) detail += ": " + type + ": " + message;
  return {Errc::ended, std::move(detail)};
}

void Waiters::wait_for_answer(SessionId const& session, Sequence turn, OnAnswer call) {
  std::lock_guard const lock(mutex_);
  answers_.emplace(Turn{session, turn}, std::move(call));
}

void Waiters::wait_for_end(SessionId const& session, OnEnd call) {
  std::lock_guard const lock(mutex_);
  ends_.emplace(session, std::move(call));
}

void Waiters::answer(SessionId const& session, Sequence turn, Result<std::string> const& answer) {
  std::vector<OnAnswer> calls;
  {
    std::lock_guard const lock(mutex_);
    auto const [first, last] = answers_.equal_range(Turn{session, turn});
    for (auto at = first; at != last; ++at) calls.push_back(std::move(at->second));
    answers_.erase(first, last);
  }
  for (auto const& call : calls) call(answer);
}

std::vector<Waiters::OnAnswer> Waiters::take_answers(SessionId const& session) {
  std::vector<OnAnswer> calls;
  std::lock_guard const lock(mutex_);
  auto const first = answers_.lower_bound(Turn{session, 0});
  auto last = first;
  for (; last != answers_.end() && last->first.first == session; ++last)
    calls.push_back(std::move(last->second));
  answers_.erase(first, last);
  return calls;
}

std::vector<Waiters::OnEnd> Waiters::take_ends(SessionId const& session) {
  std::vector<OnEnd> calls;
  std::lock_guard const lock(mutex_);
  auto const [first, last] = ends_.equal_range(session);
  for (auto at = first; at != last; ++at) calls.push_back(std::move(at->second));
  ends_.erase(first, last);
  return calls;
}

void Waiters::continued(SessionId const& session, std::map<Sequence, Sequence> const& carried) {
  std::vector<OnAnswer> gone;
  {
    std::lock_guard const lock(mutex_);
    std::vector<std::pair<Sequence, OnAnswer>> moved;
    auto const first = answers_.lower_bound(Turn{session, 0});
    auto last = first;
    for (; last != answers_.end() && last->first.first == session; ++last) {
      auto const place = carried.find(last->first.second);
      if (place == carried.end()) {
        gone.push_back(std::move(last->second));
      } else {
        moved.emplace_back(place->second, std::move(last->second));
      }
    }
    answers_.erase(first, last);
    for (auto& [sequence, call] : moved) answers_.emplace(Turn{session, sequence}, std::move(call));
  }
  Error const none{
      Errc::ended,
      "session " + to_string(session) + " continued as a new run without an answer to this turn"};
  for (auto const& call : gone) call(none);
}

void Waiters::end(SessionId const& session, AnnounceEnd const& end) {
  auto const none = unanswered(session, end.type, end.message);
  for (auto const& call : take_answers(session)) call(none);
  for (auto const& call : take_ends(session)) call(end);
}

void Waiters::fail(SessionId const& session, Error const& error) {
  for (auto const& call : take_answers(session)) call(error);
  for (auto const& call : take_ends(session)) call(error);
}

void Waiters::fail_all(Error const& error) {
  std::multimap<Turn, OnAnswer> answers;
  std::multimap<SessionId, OnEnd> ends;
  {
    std::lock_guard const lock(mutex_);
    answers.swap(answers_);
    ends.swap(ends_);
  }
  for (auto const& [turn, call] : answers) call(error);
  for (auto const& [session, call] : ends) call(error);
}

}  // namespace dalsegno::engine
