#pragma once

#include "dalsegno/registry.h"
#include "tests/simulation/canary.h"
#include "tests/simulation/outsiders.h"
#include "tests/simulation/truth.h"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace dalsegno::simulation {

/// The far side of all activities: it checks that it may be called, and counts its effects.
/// Thread: one at a time.
class FarSide {
 public:
  FarSide(Truth& truth, Findings& findings, Outsiders& outsiders, Canary canary)
      : truth_(truth), findings_(findings), outsiders_(outsiders), canary_(canary) {}

  /// Registers all activities of random programs.
  void register_in(Registry& registry);
  [[nodiscard]] std::uint64_t calls() const { return calls_; }

 private:
  [[nodiscard]] std::string perform(ActivityContext const& context, std::int64_t number);
  [[nodiscard]] std::string leave_to_outsiders(ActivityContext const& context, std::int64_t number);
  [[nodiscard]] std::string listen(ActivityContext const& context, std::string const& text);
  [[nodiscard]] std::string called(ActivityContext const& context);
  [[nodiscard]] Reconciled<std::string> ask(ActivityContext const& context, std::int64_t number);

  Truth& truth_;
  Findings& findings_;
  Outsiders& outsiders_;
  Canary canary_;
  std::map<std::string, unsigned> performed_;  ///< by idempotency key
  /// Attempts that asked first, by idempotency key, and were told to go on.
  std::set<std::pair<std::string, std::uint32_t>> asked_;
  std::uint64_t calls_ = 0;
};

}  // namespace dalsegno::simulation
