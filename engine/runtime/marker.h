#pragma once

#include "dalsegno/ids.h"
#include "dalsegno/result.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

namespace dalsegno::engine {

/// A page in a mapped file that names the run whose code a shard is running. When the process dies
/// by a fault or an abort, the signal's handler marks the run as guilty; the page outlives the
/// process. A plain kill marks nobody.
///
/// Source of the idea: a poisoned session must not crash-loop the process (design, section 5).
class MarkerFile;

/// One shard's slot. Cheap: naming a run is a few plain stores.
class Marker {
 public:
  Marker() = default;  ///< marks nothing
  Marker(std::byte* slot, std::atomic<std::uint64_t>& step) : slot_(slot), step_(&step) {}

  /// A step of the run that is named has come to its end; another one begins. Whoever watches how
  /// long a step takes counts from here.
  void next_step() const;

  /// While it lives, this thread runs code of that run.
  class Scope {
   public:
    Scope(Marker const& marker, RunId const& run, SessionId const& session, Sequence sequence);
    Scope(Scope const&) = delete;
    Scope& operator=(Scope const&) = delete;
    ~Scope();

   private:
    Marker const& marker_;
  };

 private:
  std::byte* slot_ = nullptr;
  // Odd while a run is named; another number with each step.
  std::atomic<std::uint64_t>* step_ = nullptr;
};

/// A run whose code a shard was running: when a former process died of a fault, or just now.
struct Guilty {
  RunId run;
  SessionId session;
  Sequence sequence = 0;  ///< of the run when it was entered
};

class MarkerFile {
 public:
  /// Opens or creates the file, reads and clears what a former process left, and installs handlers
  /// for SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGABRT, which mark and then let the default action
  /// happen.
  [[nodiscard]] static Result<std::unique_ptr<MarkerFile>> open(std::filesystem::path const& path);
  MarkerFile(MarkerFile const&) = delete;
  MarkerFile& operator=(MarkerFile const&) = delete;
  ~MarkerFile();

  [[nodiscard]] Marker marker(std::size_t shard) const;
  /// The step that the shard is in: a number of its own; 0: in none. Thread: any.
  [[nodiscard]] std::uint64_t step(std::size_t shard) const;
  /// Marks the run that the shard has been in for long as guilty, for the next process, and names
  /// it; nothing: it has left it. Thread: any.
  [[nodiscard]] std::optional<Guilty> accuse(std::size_t shard, std::uint64_t step);
  [[nodiscard]] std::vector<Guilty> const& guilty() const { return guilty_; }

 private:
  MarkerFile(std::byte* page, std::size_t size, std::vector<Guilty> guilty);

  std::byte* page_;
  std::size_t size_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> steps_;  // one for each slot
  std::vector<Guilty> guilty_;
};

}  // namespace dalsegno::engine
