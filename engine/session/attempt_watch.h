#pragma once

#include "dalsegno/ids.h"
#include "storage/log/event_log.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::engine {

/// The newest sign of life of an attempt.
struct Heartbeat {
  Time at;
  std::string details = {};                      ///< JSON; "": none
  std::vector<storage::VaultRecord> vault = {};  ///< the originals of what was redacted of them
};

/// What is known of an attempt where attempts are performed.
struct AttemptSigns {
  bool waits = false;  ///< nobody has begun to perform it
  std::optional<Heartbeat> newest = {};
};

/// What a session may ask whoever performs its attempts. The answers are recorded. Thread: any.
class AttemptWatch {
 public:
  AttemptWatch() = default;
  AttemptWatch(AttemptWatch const&) = delete;
  AttemptWatch& operator=(AttemptWatch const&) = delete;
  virtual ~AttemptWatch() = default;

  [[nodiscard]] virtual AttemptSigns signs_of(RunId const& run,
                                              OperationId operation,
                                              std::uint32_t attempt) const = 0;
  /// False: somebody has begun to perform it. True: nobody has, and nobody will, even if it is
  /// handed over only later.
  [[nodiscard]] virtual bool withdraw(RunId const& run,
                                      OperationId operation,
                                      std::uint32_t attempt) = 0;
};

}  // namespace dalsegno::engine
