#pragma once

#include <string>

namespace dalsegno::engine {

/// The build id of the running executable as hexadecimal digits (the note NT_GNU_BUILD_ID that the
/// linker wrote: a digest of what it linked); "unknown" where it has none. Thread: any.
[[nodiscard]] std::string build_id();

}  // namespace dalsegno::engine
