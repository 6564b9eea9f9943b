#pragma once

#include "dalsegno/ids.h"
#include "dalsegno/routes.h"
#include "storage/event/event.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::engine {

/// The right to make one attempt of one call: bound to its run, operation, attempt and the digest
/// of its input.
///
/// There is one way to get a permit: from a PolicyDecided event that permits. An effect cannot be
/// built without one, and whoever performs an effect checks that the permit `covers` it. So
/// "nothing leaves without a permit" is a type.
class Permit {
 public:
  /// nullopt when the decision denies.
  [[nodiscard]] static std::optional<Permit> from(RunId const& run,
                                                  OperationId operation,
                                                  storage::PolicyDecided const& decision);

  [[nodiscard]] bool covers(RunId const& run,
                            OperationId operation,
                            std::uint32_t attempt,
                            storage::Digest const& input) const;

  [[nodiscard]] RunId const& run() const { return run_; }
  [[nodiscard]] OperationId operation() const { return operation_; }
  [[nodiscard]] std::uint32_t attempt() const { return attempt_; }
  [[nodiscard]] storage::Digest const& input() const { return input_; }

  /// Whether the call may get the originals of tokens of this kind ("github_pat"): the obligation
  /// `reveal`.
  [[nodiscard]] bool reveals(std::string_view kind) const;
  [[nodiscard]] bool reveals_any() const { return !reveals_.empty(); }
  /// JSON pointers of what must not be recorded of the call's result: the obligation `redact`.
  [[nodiscard]] std::vector<std::string> const& redacts() const { return redacts_; }
  /// Where the call may go: the obligation `route`.
  [[nodiscard]] Routes const& routes() const { return routes_; }

 private:
  Permit(RunId const& run,
         OperationId operation,
         std::uint32_t attempt,
         storage::Digest const& input)
      : run_(run), operation_(operation), attempt_(attempt), input_(input) {}

  RunId run_;
  OperationId operation_;
  std::uint32_t attempt_;
  storage::Digest input_;
  std::vector<std::string> reveals_;  // kinds, globs
  std::vector<std::string> redacts_;
  Routes routes_;
};

}  // namespace dalsegno::engine
