#pragma once

// Sessions that a workflow asks for.

#include "dalsegno/activity.h"

#include <chrono>
#include <cstdint>
#include <string>

namespace dalsegno {

/// What becomes of a child when the run that started it ends: when its workflow ends, continues as
/// new, or is terminated. The numbers are on disk.
enum class ParentClose : std::uint8_t {
  terminate = 0,  ///< it ends at once; its code is not asked
  cancel = 1,     ///< it is asked to end (Context::cancelled)
  abandon = 2     ///< it goes on by itself
};

/// Whether a name may be given to a new run when the session of that name has ended. (While it is
/// open the same request means the same session, and any other is a conflict.) The numbers are on
/// disk.
enum class Reuse : std::uint8_t {
  reject = 0,          ///< the same request means the same session, also after its end
  allow = 1,           ///< a new run begins
  allow_if_failed = 2  ///< a new run begins if the last one failed or was cancelled
};

struct ChildOptions {
  /// The child's name, in the parent's tenant. Empty: one is made from the parent's name, its run
  /// and the operation's number.
  std::string id = {};
  ParentClose parent_close = ParentClose::terminate;
  /// What becomes of the child when the operation is cancelled: as the loser of an `any`, by
  /// Operation::cancel, by a request to cancel the parent.
  OnCancel on_cancel = OnCancel::attempt;
  Reuse reuse = Reuse::reject;
};

struct DetachedOptions {
  std::string id = {};                 ///< as in ChildOptions
  std::chrono::microseconds delay{0};  ///< its code begins so much later; 0: at once
  Reuse reuse = Reuse::reject;
};

}  // namespace dalsegno
