#include "dalsegno/routes.h"

#include "engine/policy/glob.h"

#include <algorithm>

namespace dalsegno {

bool Routes::allow(std::string_view endpoint) const {
  return std::ranges::all_of(lists, [&](std::vector<std::string> const& list) {
    return std::ranges::any_of(
        list, [&](std::string const& entry) { return engine::glob_matches(entry, endpoint); });
  });
}

}  // namespace dalsegno
