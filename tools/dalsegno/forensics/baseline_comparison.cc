#include "tools/dalsegno/forensics/baseline_comparison.h"

#include "dalsegno/try.h"

#include <cmath>
#include <map>
#include <set>
#include <utility>

namespace dalsegno::forensics {

namespace {

enum class Unit : std::uint8_t { amount, share };

struct Figure {
  double value = 0;
  Unit unit = Unit::amount;
  bool less_is_better = true;
};
using Figures = std::map<std::string, Figure>;

/// The figures of one workflow, and what it calls.
struct Workflow {
  Figures figures;
  std::set<std::string> calls;
};

/// Takes what is there and a number from 0.
void take(Figures& figures,
          std::string const& name,
          Json const* holder,
          std::string_view member,
          Unit unit = Unit::amount,
          bool less_is_better = true) {
  auto const* const found = holder == nullptr ? nullptr : holder->find(member);
  auto const value = found == nullptr ? std::optional<double>() : found->as_double();
  if (!value || !std::isfinite(*value) || *value < 0) return;
  figures[name + " " + std::string(member)] = {*value, unit, less_is_better};
}

void take_spread(Figures& figures,
                 std::string const& name,
                 Json const& holder,
                 std::string_view of) {
  auto const* const spread = holder.find(of);
  for (auto const* const percentile : {"p50_us", "p95_us", "p99_us"})
    take(figures, name + " " + std::string(of), spread, percentile);
}

void take_shares(Figures& figures, std::string const& name, Json const& holder) {
  for (auto const* const share : {"error_share", "attempt_error_share", "retries_per_call"})
    take(figures, name, &holder, share, Unit::share);
}

Workflow read_workflow(Json const& json) {
  Workflow read;
  auto& figures = read.figures;
  if (auto const* const sessions = json.find("sessions"))
    take_spread(figures, "sessions", *sessions, "duration");
  if (auto const* const models = json.find("models")) {
    take_spread(figures, "models", *models, "latency");
    take_spread(figures, "models", *models, "first_token");
    take_shares(figures, "models", *models);
    take(figures, "models", models, "cached_share", Unit::share, false);
    for (auto const* const amount : {"input", "output", "usd"})
      take(figures, "models per_answer", models->find("per_answer"), amount);
  }
  auto const* const calls = json.find("calls");
  if (calls == nullptr || calls->as_array() == nullptr) return read;
  for (auto const& call : *calls->as_array()) {
    auto const name = std::string(call.text("kind")) + " " + std::string(call.text("name"));
    read.calls.insert(name);
    take_spread(figures, name, call, "duration");
    take_shares(figures, name, call);
  }
  return read;
}

using Workflows = std::map<std::string, Workflow>;

Workflows read_workflows(Json const& baseline) {
  Workflows read;
  auto const* const workflows = baseline.find("workflows");
  if (workflows == nullptr || workflows->as_object() == nullptr) return read;
  for (auto const& [name, workflow] : *workflows->as_object())
    read[std::string(name)] = read_workflow(workflow);
  return read;
}

bool has_moved(Figure const& before, Figure const& now, BaselineThresholds const& thresholds) {
  auto const by = std::abs(now.value - before.value);
  if (now.unit == Unit::share) return by > thresholds.points;
  return by > thresholds.share * before.value;
}

class Comparison {
 public:
  explicit Comparison(BaselineThresholds const& thresholds) : thresholds_(thresholds) {}

  void compare(std::string const& name, Workflow const& before, Workflow const& now) {
    for (auto const& call : before.calls)
      if (!now.calls.contains(call)) moved_.push_back({name, call, 1, std::nullopt});
    for (auto const& call : now.calls)
      if (!before.calls.contains(call)) moved_.push_back({name, call, std::nullopt, 1});
    for (auto const& [figure, was] : before.figures) {
      auto const is = now.figures.find(figure);
      if (is == now.figures.end() || !has_moved(was, is->second, thresholds_)) continue;
      bool const is_less = is->second.value < was.value;
      moved_.push_back({name,
                        figure,
                        was.value,
                        is->second.value,
                        is_less == was.less_is_better ? Direction::better : Direction::worse});
    }
  }
  void one_sided(std::string const& name, bool is_new) {
    moved_.push_back({name,
                      "workflow",
                      is_new ? std::optional<double>() : 1,
                      is_new ? std::optional<double>(1) : std::nullopt});
  }
  std::vector<MovedFigure> finish() { return std::move(moved_); }

 private:
  BaselineThresholds thresholds_;
  std::vector<MovedFigure> moved_;
};

}  // namespace

std::string_view name_of(Direction direction) {
  switch (direction) {
    case Direction::better:
      return "better";
    case Direction::worse:
      return "worse";
    case Direction::changed:
      return "changed";
  }
  return "unknown";
}

Result<std::vector<MovedFigure>> compare_baselines(std::string_view before,
                                                   Json const& now,
                                                   BaselineThresholds const& thresholds) {
  TRY(auto const earlier, parse_json(before));
  auto const* const version = earlier.find("v");
  if (earlier.text("schema") != "dalsegno.baseline" || version == nullptr)
    return Error{Errc::invalid, "this is no baseline: it has not the schema dalsegno.baseline"};
  if (*version != Json(1))
    return Error{Errc::invalid,
                 "this is a baseline of version " + to_string(*version) + "; 1 is known"};
  auto const was = read_workflows(earlier);
  auto const is = read_workflows(now);
  Comparison comparison(thresholds);
  std::set<std::string> names;
  for (auto const* const workflows : {&was, &is})
    for (auto const& [name, workflow] : *workflows) names.insert(name);
  for (auto const& name : names) {
    auto const old = was.find(name);
    auto const fresh = is.find(name);
    if (old != was.end() && fresh != is.end())
      comparison.compare(name, old->second, fresh->second);
    else
      comparison.one_sided(name, old == was.end());
  }
  return comparison.finish();
}

}  // namespace dalsegno::forensics
