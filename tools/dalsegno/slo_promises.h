#pragma once

// What the [slos.NAME] of a configuration promise, compared with the turns and losses of a store.

#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "tools/dalsegno/config/config.h"
#include "tools/dalsegno/forensics/burn_rate.h"
#include "tools/dalsegno/forensics/objective.h"
#include "tools/dalsegno/store.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::command {

/// One of the things that an SLO promises, as it is checked.
struct Promise {
  std::string slo;
  std::string agent;
  std::string model;  ///< of the agent: by its name the agent's sessions are known
  forensics::Objective objective;
  forensics::BurnRule rule;
  forensics::ObjectiveCheck check;
};

/// `file` and `agent` ("": all) are what was asked for. Errors: Errc::not_found, there is no such
/// agent; Errc::invalid, nothing is promised of it.
[[nodiscard]] Result<std::vector<Promise>> promises_of(config::Config const& config,
                                                       std::string const& file,
                                                       std::string const& agent,
                                                       Time now);

/// Reads the sessions of agents and hands what became of them to the promises that are about them.
class Inspection {
 public:
  /// Of turns and losses before `since` nothing is handed over.
  Inspection(OpenStore const& store, std::vector<Promise>& promises, std::optional<Time> since)
      : store_(store), promises_(promises), since_(since) {}

  /// Errors: Errc::io.
  Result<> inspect(FoundSession const& session);

  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  [[nodiscard]] std::vector<std::string> const& broken() const { return broken_; }

 private:
  /// What is known of a session's runs that call one model.
  struct OfModel {
    std::string model;
    std::vector<RunId> runs = {};
    forensics::EndpointLosses losses = {};
    forensics::TurnEnd end = forensics::TurnEnd::waiting;
  };

  Result<> take(forensics::History const& history, OfModel& of_model);
  void take_losses(SessionId const& session, OfModel const& of_model);
  [[nodiscard]] bool is_promised(std::string_view model) const;

  OpenStore const& store_;
  std::vector<Promise>& promises_;
  std::optional<Time> since_;
  std::uint64_t steps_ = 0;
  std::vector<std::string> broken_;
};

}  // namespace dalsegno::command
