#include "tools/dalsegno/forensics/objective.h"

#include "tools/dalsegno/forensics/model_calls.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace dalsegno::forensics {

std::string_view name_of(Measure measure) {
  switch (measure) {
    case Measure::first_token:
      return "first_token";
    case Measure::answer:
      return "answer";
    case Measure::error:
      return "error";
    case Measure::recovery:
      return "recovery";
  }
  return "unknown";
}

double ObjectiveOutcome::share() const {
  if (kept + late == 0) return 1;
  return static_cast<double>(kept) / static_cast<double>(kept + late);
}

namespace {

/// `later` after `time`; the end of all time where a damaged log says one beyond it.
Time after(Time time, std::chrono::microseconds later) {
  return time > Time::max() - later ? Time::max() : time + later;
}

void note(LateSession& session, Sequence sequence, std::chrono::microseconds waited, TurnEnd end) {
  ++session.late;
  if (session.turn != 0 && waited <= session.waited) return;
  session.turn = sequence;
  session.waited = waited;
  session.end = end;
}

}  // namespace

void ObjectiveCheck::decide(bool is_late, Time at) {
  ++(is_late ? out_.late : out_.kept);
  out_.judged.push_back({at, !is_late});
}

/// Whether it was answered at all.
bool ObjectiveCheck::judge_answered(Turn const& turn) {
  switch (turn.end) {
    case TurnEnd::answered:
      decide(false, after(turn.arrived, turn.answer.value_or(std::chrono::microseconds(0))));
      return false;
    case TurnEnd::failed:
      decide(true, turn.ended);
      return true;
    case TurnEnd::waiting:
      ++out_.pending;
      return false;
    case TurnEnd::gone:
      ++out_.unmeasured;
      return false;
  }
  return false;
}

/// True: it is late.
bool ObjectiveCheck::judge(Turn const& turn) {
  if (objective_.measure == Measure::error) return judge_answered(turn);
  bool const of_answer = objective_.measure == Measure::answer;
  auto const value = of_answer ? turn.answer : turn.first_token;
  auto const broken_at = after(turn.arrived, objective_.limit);
  // An answer that says nothing of its first token.
  bool const has_come = !of_answer && (turn.has_result || turn.end == TurnEnd::answered);
  bool is_late = false;
  if (value) {
    out_.measured.push_back(*value);
    is_late = *value > objective_.limit;
    decide(is_late, is_late ? broken_at : after(turn.arrived, *value));
  } else if (has_come || turn.end == TurnEnd::gone) {
    ++out_.unmeasured;
  } else if (turn.end == TurnEnd::failed) {
    is_late = true;
    decide(true, std::min(turn.ended, broken_at));
  } else if (between(turn.arrived, now_) > objective_.limit) {
    is_late = true;
    decide(true, broken_at);
  } else {
    ++out_.pending;
  }
  return is_late;
}

/// True: it is late.
bool ObjectiveCheck::judge(EndpointLoss const& loss, TurnEnd end) {
  auto const broken_at = after(loss.at, objective_.limit);
  bool is_late = false;
  if (loss.ended) {
    auto const recovery = between(loss.at, *loss.ended);
    out_.measured.push_back(recovery);
    is_late = recovery > objective_.limit;
    decide(is_late, is_late ? broken_at : *loss.ended);
  } else if (end == TurnEnd::gone) {
    ++out_.unmeasured;
  } else if (end == TurnEnd::failed || between(loss.at, now_) > objective_.limit) {
    is_late = true;
    decide(true, std::min(broken_at, now_));
  } else {
    ++out_.pending;
  }
  return is_late;
}

void ObjectiveCheck::add(SessionId const& session,
                         RunId const& run,
                         std::vector<Turn> const& turns) {
  LateSession late{.session = session, .run = run};
  bool const of_answer = objective_.measure != Measure::first_token;
  for (auto const& turn : turns)
    if (judge(turn))
      note(late,
           turn.sequence,
           (of_answer ? turn.answer : turn.first_token).value_or(between(turn.arrived, now_)),
           turn.end);
  if (late.late > 0) out_.worst.push_back(std::move(late));
}

void ObjectiveCheck::add(SessionId const& session,
                         std::vector<RunId> const& runs,
                         std::vector<EndpointLoss> const& losses,
                         TurnEnd end) {
  LateSession late{.session = session, .run = {}};
  for (auto const& loss : losses) {
    if (!judge(loss, end)) continue;
    note(late,
         loss.sequence,
         between(loss.at, loss.ended.value_or(now_)),
         loss.ended ? TurnEnd::answered : end);
    if (late.turn == loss.sequence && loss.run > 0 && loss.run <= runs.size())
      late.run = runs[loss.run - 1];
  }
  if (late.late > 0) out_.worst.push_back(std::move(late));
}

ObjectiveOutcome ObjectiveCheck::finish(std::size_t worst) {
  std::ranges::sort(out_.measured);
  std::ranges::sort(out_.worst, [](LateSession const& a, LateSession const& b) {
    return std::tie(b.waited, a.session, a.run) < std::tie(a.waited, b.session, b.run);
  });
  if (out_.worst.size() > worst) out_.worst.resize(worst);
  return std::exchange(out_, {});
}

}  // namespace dalsegno::forensics
