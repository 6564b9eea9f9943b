#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace dalsegno::test {

struct CaseOutcome {
  std::size_t number = 0;
  bool died = false;  ///< the process was killed by a signal or left through another door
  std::string
      report;  ///< what the case returned; when it died: how, and the end of what it printed
};

/// Runs the cases in child processes, several after one another in each; a case that kills its
/// process costs only itself. The caller must not have started threads (RocksDB has some as soon as
/// a store was opened). Returns what happened to each, in order.
[[nodiscard]] std::vector<CaseOutcome> run_forked(
    std::vector<std::size_t> const& cases, std::function<std::string(std::size_t)> const& body);

}  // namespace dalsegno::test
