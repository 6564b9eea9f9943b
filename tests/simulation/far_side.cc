#include "tests/simulation/far_side.h"

#include "dalsegno/errors.h"
#include "dalsegno/json.h"
#include "tests/engine/replay/program.h"

#include <string_view>

namespace dalsegno::simulation {

void FarSide::register_in(Registry& registry) {
  for (auto const name : engine::test::activities_of_programs()) {
    registry.add(Activity<std::int64_t, std::string>{name},
                 [this](ActivityContext const& context, std::int64_t number) {
                   return perform(context, number);
                 });
  }
}

std::string FarSide::perform(ActivityContext const& context, std::int64_t number) {
  ++calls_;
  truth_.performed(context.session, context.run, context.operation, context.attempt);
  if (canary_ == Canary::perform_twice && calls_ % 8 == 0)
    truth_.performed(context.session, context.run, context.operation, context.attempt);
  if (canary_ == Canary::perform_unreleased && calls_ % 8 == 0)
    truth_.performed(context.session, context.run, context.operation, context.attempt + 1);
  auto key = context.idempotency_key;
  if (canary_ == Canary::new_key_each_attempt) key += "/" + std::to_string(context.attempt);
  auto const expected = to_string(context.session) + "/" + to_string(context.run) + "/" +
                        std::to_string(static_cast<std::uint64_t>(context.operation));
  if (key != expected) findings_.add("effects", "idempotency key " + key + " is not " + expected);
  auto const answer =
      engine::test::far_side(context.name, std::to_string(number), ++performed_[key]);
  if (answer) return std::string(*parse_json(*answer).value().as_string());
  bool const hopeless = context.name == "broken";
  throw ActivityError(hopeless ? "no_way" : "busy",
                      "it failed",
                      hopeless ? ActivityError::Retry::forbidden : ActivityError::Retry::allowed);
}

}  // namespace dalsegno::simulation
