#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace dalsegno {

/// At most `calls` begin in any `window`, counted from the first of them. 0 calls: no limit.
struct CallRate {
  std::size_t calls = 0;
  std::chrono::milliseconds window{1'000};
};

/// Calls that wait together before they are performed, and how many of them are performed at once.
///
/// A call goes into the first queue of RuntimeOptions::queues whose `calls` name it, else into one
/// called "default" without limits. Queues of higher priority are served first. Within a queue the
/// tenant is served that has had the least of it lately, so one with 100,000 waiting calls does not
/// delay another's first; calls of one tenant are served in the order in which they became durable.
/// Limits are those of this process.
struct QueueOptions {
  std::string name = {};  ///< 1 to 64 bytes, not "default", once
  /// Globs over "activity/NAME", "tool/NAME" and "model/NAME"; one at least.
  std::vector<std::string> calls = {};
  std::size_t concurrency = 0;  ///< performed at once; 0: as many as there are threads
  std::size_t per_tenant = 0;   ///< of one tenant; 0: no limit of its own
  std::size_t per_session = 0;  ///< of one session; 0: no limit of its own
  CallRate rate = {};
  int priority = 0;
};

/// What a queue holds at one moment.
struct QueueStatus {
  std::string name;
  std::size_t waiting = 0;
  std::size_t running = 0;
  std::chrono::milliseconds oldest{0};  ///< how long the one that waits longest has waited
};

}  // namespace dalsegno
