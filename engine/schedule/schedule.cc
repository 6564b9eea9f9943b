#include "dalsegno/schedule.h"

#include "dalsegno/try.h"
#include "engine/schedule/schedule_state.h"
#include "engine/schedule/schedule_workflow.h"
#include "engine/schedule/terminable.h"

#include <stdexcept>

namespace dalsegno {

Result<> check(ScheduleDefinition const& definition) {
  TRY_VOID(check(definition.spec));
  constexpr std::size_t longest_name = 200;
  if (definition.action.workflow.empty() || definition.action.workflow.size() > longest_name)
    return Error{Errc::invalid, "the action needs a workflow, of 200 bytes at most"};
  auto const& policies = definition.policies;
  constexpr std::chrono::seconds shortest(10);
  constexpr std::chrono::seconds longest = std::chrono::days(3'660);
  std::chrono::seconds const catch_up(policies.catch_up.seconds);
  if (catch_up < shortest || catch_up > longest)
    return Error{Errc::invalid, "catch_up is 10 seconds to 3,660 days"};
  constexpr std::uint32_t most_buffered = 1'000;
  if (policies.max_buffered < 1 || policies.max_buffered > most_buffered)
    return Error{Errc::invalid, "max_buffered is 1 to 1,000"};
  return {};
}

namespace detail {

Result<std::string> schedule_input(SessionId const& schedule,
                                   ScheduleDefinition const& definition) {
  constexpr std::size_t longest_name = 150;  // the actions' names are longer
  if (!valid(schedule) || schedule.name.size() > longest_name)
    return Error{Errc::invalid,
                 "the name of a schedule has 1 to 150 bytes, UTF-8 without control "
                 "characters"};
  TRY_VOID(check(definition));
  engine::ScheduleState state;
  state.definition = definition;
  state.paused = definition.policies.paused.has_value();
  state.note = definition.policies.paused.value_or("");
  try {
    return to_json(state);
  } catch (std::invalid_argument const& error) {
    return Error{Errc::invalid, error.what()};
  }
}

}  // namespace detail

void add_schedules(Registry& registry) {
  registry.add(define_workflow(detail::schedule_workflow, engine::run_schedule));
  registry.add(define_workflow(engine::terminable_workflow, engine::run_terminable));
}

}  // namespace dalsegno
