#pragma once

#include <pthread.h>

namespace dalsegno::engine {

/// Names the calling thread for `top`, `perf` and debuggers; at most 15 characters.
inline void name_this_thread(char const* name) { pthread_setname_np(pthread_self(), name); }

}  // namespace dalsegno::engine
