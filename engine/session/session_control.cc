// What somebody who operates sessions asks of one: to stand still and go on, to end. It is recorded
// without running code, and a timer acts on it.

#include "dalsegno/try.h"
#include "engine/session/control_step.h"
#include "engine/session/session.h"

#include <utility>
#include <vector>

namespace dalsegno::engine {

using storage::ControlVerb;

namespace {

WorkflowDefinition const& no_workflow() {
  static WorkflowDefinition const none;
  return none;
}

}  // namespace

std::unique_ptr<Session> Session::without_code(SessionState state,
                                               storage::SessionSecret secret,
                                               SessionEnvironment environment) {
  auto session = std::make_unique<Session>(
      no_workflow(), state.session, state.run, state.log_id, secret, std::move(environment));
  session->state_ = std::move(state);
  return session;
}

Result<std::optional<StepResult>> Session::handle_control(ControlInput const& control,
                                                          Ambient const& ambient) {
  TRY(auto const wanted, check_control(state_, control));
  if (!wanted) return std::nullopt;
  begin_live_step(ambient, 0);
  run_input(OperationId::none, *wanted);
  TRY(auto result, end_live_step());
  return std::optional<StepResult>(std::move(result));
}

/// The timer of what was asked has fired. `asked`: what that was.
void Session::act_on_controls(std::vector<storage::ControlAsked> const& asked) {
  for (auto const& control : asked) {
    switch (control.verb) {
      case ControlVerb::pause:
      case ControlVerb::resume:
        break;  // the state knows
      case ControlVerb::cancel:
        if (!entered_) return end_before_code();
        cancel_unshielded();
        break;
      case ControlVerb::terminate:
        return terminate(control.reason);
    }
  }
}

}  // namespace dalsegno::engine
