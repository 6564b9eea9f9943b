#pragma once

#include <string>

namespace dalsegno::vault {

/// Overwrites what `secret` holds, in a way that no compiler leaves out.
void wipe(std::string& secret);

}  // namespace dalsegno::vault
