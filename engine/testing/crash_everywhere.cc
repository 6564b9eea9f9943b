#include "engine/testing/plan.h"

#include <exception>

namespace dalsegno {
namespace {

class Runs {
 public:
  Runs(std::function<Registry()> const& make_registry,
       Scenario const& scenario,
       ScenarioOptions const& options)
      : make_registry_(make_registry), scenario_(scenario), options_(options) {}

  ScenarioReport all() {
    detail::TestPlan first;
    report_.outcome = run(first);
    crashes(first.places);
    duplicates(first.results);
    orders(first.offered);
    return std::move(report_);
  }

 private:
  std::string run(detail::TestPlan& plan) const {
    try {
      TestRuntime runtime(make_registry_(), options_.runtime);
      detail::TestPlan::follow(runtime, plan);
      return scenario_(runtime);
    } catch (std::exception const& thrown) {
      return std::string("it threw: ") + thrown.what();
    }
  }

  /// False: it came to another outcome, and the search is over.
  bool same(detail::TestPlan& plan, std::string const& what) {
    auto outcome = run(plan);
    if (outcome == report_.outcome) return true;
    report_.difference = ScenarioDifference{what, report_.outcome, std::move(outcome)};
    return false;
  }

  bool enough(std::size_t runs) {
    if (runs < options_.max_runs) return false;
    report_.complete = false;
    return true;
  }

  void crashes(std::vector<std::string> const& places) {
    for (std::size_t i = 0; i < places.size() && !report_.difference; ++i) {
      if (enough(report_.crashes)) return;
      ++report_.crashes;
      detail::TestPlan plan{.crash_at = i + 1};
      static_cast<void>(same(plan, "the process ended after " + places[i]));
    }
  }

  void duplicates(std::uint64_t results) {
    for (std::uint64_t i = 1; i <= results && !report_.difference; ++i) {
      if (enough(report_.duplicates)) return;
      ++report_.duplicates;
      detail::TestPlan plan{.twice = i};
      static_cast<void>(same(plan, "result " + std::to_string(i) + " was handed in twice"));
    }
  }

  /// Depth first: the last choice that has another one left takes it.
  void orders(std::vector<std::size_t> offered) {
    for (std::vector<std::size_t> choices; next_choices(choices, offered);) {
      if (report_.difference || enough(report_.orders)) return;
      ++report_.orders;
      detail::TestPlan plan{.choices = choices};
      static_cast<void>(
          same(plan, "of what came at the same time " + describe(choices) + " came first"));
      offered = std::move(plan.offered);
    }
  }

  static bool next_choices(std::vector<std::size_t>& choices,
                           std::vector<std::size_t> const& offered) {
    choices.resize(offered.size());
    while (!choices.empty() && choices.back() + 1 >= offered[choices.size() - 1])
      choices.pop_back();
    if (choices.empty()) return false;
    ++choices.back();
    return true;
  }

  static std::string describe(std::vector<std::size_t> const& choices) {
    std::string text;
    for (auto const choice : choices)
      text += (text.empty() ? "number " : ", then number ") + std::to_string(choice + 1);
    return text;
  }

  std::function<Registry()> const& make_registry_;
  Scenario const& scenario_;
  ScenarioOptions const& options_;
  ScenarioReport report_;
};

}  // namespace

ScenarioReport crash_everywhere(std::function<Registry()> const& make_registry,
                                Scenario const& scenario,
                                ScenarioOptions const& options) {
  return Runs(make_registry, scenario, options).all();
}

}  // namespace dalsegno
