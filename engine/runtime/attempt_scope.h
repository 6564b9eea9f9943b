#pragma once

#include "dalsegno/activity.h"
#include "engine/policy/policy.h"
#include "engine/runtime/contact_list.h"
#include "engine/session/step_result.h"

#include <functional>
#include <optional>
#include <stop_token>
#include <string_view>
#include <utility>
#include <vector>

namespace dalsegno::engine {

/// What stands behind the context of one attempt while it is made: gathers its contacts, and
/// answers for the policy that permitted it.
/// Thread: any.
class AttemptScope final : public detail::AttemptHost {
 public:
  /// All of it outlives this. `stop` is requested when nobody waits for the attempt any more.
  AttemptScope(StartAttempt const& attempt,
               PolicySet const& policy,
               std::function<Time()> const& now,
               vault::Intake const* intake,
               std::stop_token stop = {})
      : attempt_(attempt), policy_(policy), now_(now), stop_(std::move(stop)), contacts_(intake) {}

  /// What the handler is given; lives as long as this.
  [[nodiscard]] ActivityContext context();
  [[nodiscard]] std::vector<Contact> contacts() const { return contacts_.contacts(); }

  void contacted(Contact contact) override { contacts_.add(std::move(contact)); }
  /// Of obligations it meets `log`, as each contact is recorded; a permit with any other denies.
  [[nodiscard]] std::optional<PolicyAnswer> decide(std::string_view action,
                                                   std::string_view resource,
                                                   Json const& attributes) const override;

 private:
  StartAttempt const& attempt_;
  PolicySet const& policy_;
  std::function<Time()> const& now_;
  std::stop_token stop_;
  ContactList contacts_;
};

}  // namespace dalsegno::engine
