#pragma once

#include "dalsegno/activity.h"
#include "dalsegno/result.h"
#include "engine/policy/policy.h"
#include "engine/runtime/contact_list.h"
#include "engine/session/step_result.h"

#include <atomic>
#include <cstddef>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dalsegno::engine {

/// What an attempt may ask of the pool that performs it. Null functions: nobody answers.
struct AttemptServices {
  std::function<void(std::string)> heartbeat = {};  ///< details, JSON or ""
  std::function<Result<std::string>()> token = {};  ///< of its completion from outside
};

/// Of the details of one heartbeat, as JSON.
inline constexpr std::size_t max_heartbeat_bytes = 16 * 1024;

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
               std::stop_token stop = {},
               AttemptServices services = {})
      : attempt_(attempt),
        policy_(policy),
        now_(now),
        stop_(std::move(stop)),
        services_(std::move(services)),
        contacts_(intake) {}

  /// What the handler is given; lives as long as this.
  [[nodiscard]] ActivityContext context();
  [[nodiscard]] std::vector<Contact> contacts() const { return contacts_.contacts(); }

  /// Its end was left to somebody outside.
  [[nodiscard]] bool is_deferred() const { return deferred_; }

  void contacted(Contact contact) override { contacts_.add(std::move(contact)); }
  void heartbeat(std::string details) override;
  [[nodiscard]] std::string complete_later() override;
  /// Of obligations it meets `log`, as each contact is recorded; a permit with any other denies.
  [[nodiscard]] std::optional<PolicyAnswer> decide(std::string_view action,
                                                   std::string_view resource,
                                                   Json const& attributes) const override;

 private:
  StartAttempt const& attempt_;
  PolicySet const& policy_;
  std::function<Time()> const& now_;
  std::stop_token stop_;
  AttemptServices services_;
  ContactList contacts_;
  std::atomic<bool> deferred_ = false;
};

}  // namespace dalsegno::engine
