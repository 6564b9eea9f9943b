#include "tools/dalsegno/forensics/objective.h"

#include "tools/dalsegno/forensics/model_calls.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace dalsegno::forensics {

std::string_view name_of(TurnMeasure measure) {
  return measure == TurnMeasure::answer ? "answer" : "first_token";
}

double ObjectiveOutcome::share() const {
  if (kept + late == 0) return 1;
  return static_cast<double>(kept) / static_cast<double>(kept + late);
}

void ObjectiveCheck::judge(Turn const& turn, LateSession& session) {
  bool const of_answer = objective_.measure == TurnMeasure::answer;
  auto const value = of_answer ? turn.answer : turn.first_token;
  auto const waited = value.value_or(between(turn.arrived, now_));
  // An answer that says nothing of its first token.
  bool const has_come = !of_answer && (turn.has_result || turn.end == TurnEnd::answered);
  bool late = false;
  if (value) {
    out_.measured.push_back(*value);
    late = *value > objective_.limit;
    ++(late ? out_.late : out_.kept);
  } else if (has_come || turn.end == TurnEnd::gone) {
    ++out_.unmeasured;
  } else if (turn.end == TurnEnd::failed) {
    late = true;
    ++out_.late;
  } else {
    late = waited > objective_.limit;
    ++(late ? out_.late : out_.pending);
  }
  if (!late) return;
  ++session.late;
  if (session.turn != 0 && waited <= session.waited) return;
  session.turn = turn.sequence;
  session.waited = waited;
  session.end = turn.end;
}

void ObjectiveCheck::add(SessionId const& session,
                         RunId const& run,
                         std::vector<Turn> const& turns) {
  LateSession late{.session = session, .run = run};
  for (auto const& turn : turns) judge(turn, late);
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
