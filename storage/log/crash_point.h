#pragma once

// Places where a test has the process killed: between a write and what follows from it.

#include <array>
#include <string_view>

namespace dalsegno::storage {

/// All of them, in the order in which a process comes by.
inline constexpr std::array<std::string_view, 12> crash_points{
    "open.before_epoch",        // a store was recovered; its new epoch is not written
    "open.after_epoch",         //
    "session.before_revival",   // a session is to be rebuilt from its log
    "session.after_revival",    //
    "checkpoint.before_write",  // a step with a checkpoint is ready to be written
    "commit.before_write",      // steps are ready to be written
    "commit.before_watermark",  // they are durable; the watermark does not tell of them
    "commit.after_watermark",   //
    "commit.before_release",    // nothing of them was released or acknowledged
    "commit.after_release",     //
    "attempt.before_effect",    // an attempt is in the log; the far side has not seen it
    "attempt.after_effect",     // the far side has; its result is not in the log
};

/// Kills the process (SIGKILL) when the environment's DALSEGNO_CRASH_AT is "name:n" and this is the
/// n-th time that it comes by `name`, one of `crash_points`. Does nothing in builds without a
/// sanitizer. Thread: any.
void crash_point(std::string_view name);

}  // namespace dalsegno::storage
