#include "tests/simulation/far_side.h"

#include "dalsegno/errors.h"
#include "dalsegno/json.h"
#include "dalsegno/payload.h"
#include "tests/engine/replay/program.h"

#include <stdexcept>
#include <string_view>

namespace dalsegno::simulation {

void FarSide::register_in(Registry& registry) {
  for (auto const name : engine::test::activities_of_programs()) {
    registry.add(Activity<std::int64_t, std::string>{name},
                 [this](ActivityContext const& context, std::int64_t number) {
                   return perform(context, number);
                 });
  }
  registry.add(engine::test::later, [this](ActivityContext const& context, std::int64_t number) {
    return leave_to_outsiders(context, number);
  });
  registry.add(engine::test::tell, [this](ActivityContext const& context, std::string const& text) {
    return listen(context, text);
  });
  registry.add_reconciler(
      Activity<std::int64_t, std::string>{"asked"},
      [this](ActivityContext const& context, std::int64_t number) { return ask(context, number); });
}

/// Whether what was sent under that key was done; now and then the far side does not know.
Reconciled<std::string> FarSide::ask(ActivityContext const& context, std::int64_t number) {
  ++calls_;
  truth_.performed(context.session, context.run, context.operation, context.attempt);
  if (calls_ % 8 == 0) return Reconciled<std::string>::unknown("the books are closed");
  if (calls_ % 8 == 4) throw ActivityError("busy", "it does not answer");
  if (!performed_.contains(context.idempotency_key)) {
    asked_.insert({context.idempotency_key, context.attempt});
    return Reconciled<std::string>::did_not_happen();
  }
  return Reconciled<std::string>::happened("did " + std::to_string(number));
}

/// Every attempt comes by here. Returns its idempotency key.
std::string FarSide::called(ActivityContext const& context) {
  ++calls_;
  if (!asked_.contains({context.idempotency_key, context.attempt}))
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
  return key;
}

/// Hears secrets, if nobody redacts them, and says some.
std::string FarSide::listen(ActivityContext const& context, std::string const& text) {
  auto const key = called(context);
  truth_.sent("what " + to_string(context.session) + " told the far side", text);
  context.heartbeat("at it with " + engine::test::secret(5));
  if (engine::test::far_side(context.name, "", ++performed_[key]))
    return "heard of " + engine::test::secret(6);
  throw ActivityError("busy with " + engine::test::secret(7), "not " + engine::test::secret(8));
}

/// Somebody outside gets the token; now and then the attempt fails all the same.
std::string FarSide::leave_to_outsiders(ActivityContext const& context, std::int64_t number) {
  static_cast<void>(called(context));
  if (calls_ % 16 == 0) {
    truth_.offered(context.run, context.operation, context.attempt, to_json("did it at once"));
    return "did it at once";
  }
  auto const token = context.complete_later();
  if (calls_ % 8 == 1) throw ActivityError("busy", "it changed its mind");
  if (canary_ == Canary::leak_tokens && calls_ % 4 == 0) outsiders_.leak(token);
  outsiders_.entrust(
      {token, context.session, context.run, context.operation, context.attempt, number});
  return "never seen";
}

std::string FarSide::perform(ActivityContext const& context, std::int64_t number) {
  auto const key = called(context);
  if (context.name == "alive") context.heartbeat(number);
  bool const is_made_once = context.name == "once" || context.name == "queued";
  if (is_made_once && calls_ % 4 == 0) throw ActivityError("busy", "it did nothing");
  if (is_made_once) {
    truth_.had_effect(context.session, context.run, context.operation, performed_[key] + 1);
    if (calls_ % 4 == 1) {
      ++performed_[key];
      throw std::runtime_error("the connection broke off");
    }
  }
  auto const answer =
      engine::test::far_side(context.name, std::to_string(number), ++performed_[key]);
  if (answer) return std::string(*parse_json(*answer).value().as_string());
  bool const hopeless = context.name == "broken";
  throw ActivityError(hopeless ? "no_way" : "busy",
                      "it failed",
                      hopeless ? ActivityError::Retry::forbidden : ActivityError::Retry::allowed);
}

}  // namespace dalsegno::simulation
