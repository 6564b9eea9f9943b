#pragma once

#include "activities/model/affinity/router.h"
#include "activities/model/client/breaker.h"
#include "activities/model/client/client.h"
#include "activities/model/client/prompt_blocks.h"
#include "activities/model/fault.h"
#include "dalsegno/ids.h"
#include "dalsegno/result.h"

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

namespace dalsegno::activities {

/// One endpoint as the pool knows it.
struct PoolEndpoint {
  AffinityEndpoint affinity;
  bool draining = false;
};

/// The endpoints of one model: which of them takes a prompt, by the affinity router, and which are
/// left alone for a while, each by a breaker.
///
/// A server that asked for a pause keeps its cache and is passed over while others are there; one
/// that failed too often is taken to come back empty.
/// Thread: any.
class EndpointPool {
 public:
  /// Errors: those of AffinityRouter::create.
  [[nodiscard]] static Result<std::unique_ptr<EndpointPool>> make(
      std::vector<PoolEndpoint> const& endpoints, BreakerOptions const& breaker);

  struct Chosen {
    std::size_t endpoint = 0;
    AffinityChoice choice;
  };
  /// Where the run's next prompt goes. Each choice must be given back to `done`.
  /// Faults: "endpoints_unavailable", with the time until the first may be called.
  [[nodiscard]] OrFault<Chosen> choose(RunId const& run, PromptBlocks const& prompt, Time now);

  /// What came of it. Returns what to say of the server's cache; nothing where it says nothing.
  std::optional<MissAccount> done(Chosen const& chosen,
                                  PromptBlocks const& prompt,
                                  ModelCalled const& called);

  [[nodiscard]] AffinityEndpoint const& endpoint(std::size_t index) const {
    return router_.endpoints()[index];
  }
  [[nodiscard]] Breaker::State state(std::size_t index, Time now) const;
  /// False while every endpoint is left alone.
  [[nodiscard]] bool takes_calls(Time now) const;

 private:
  struct Previous {
    RunId run;
    std::size_t endpoint = 0;
    std::vector<BlockDigest> blocks;
  };
  using PreviousList = std::list<Previous>;

  EndpointPool(AffinityRouter router,
               std::vector<PoolEndpoint> const& endpoints,
               BreakerOptions const& breaker);
  /// Tells the router who may be called. False: nobody.
  bool refresh(Time now);
  [[nodiscard]] ModelFault unavailable(Time now) const;
  void remember(RunId const& run, std::size_t endpoint, std::vector<BlockDigest> const& blocks);

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  AffinityRouter router_;
  std::vector<bool> draining_;
  std::vector<Breaker> breakers_;
  std::vector<bool> reports_cache_;  // it has reported cached tokens at least once
  PreviousList previous_;            // the latest in front
  std::map<RunId, PreviousList::iterator> previous_of_;
  std::size_t previous_blocks_ = 0;
};

/// The type of the fault above.
inline constexpr std::string_view endpoints_unavailable = "endpoints_unavailable";

}  // namespace dalsegno::activities
