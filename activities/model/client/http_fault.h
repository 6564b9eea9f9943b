#pragma once

#include "activities/http/transport.h"
#include "activities/model/fault.h"

#include <string>
#include <string_view>

namespace dalsegno::activities {

/// The fault for a request that brought no answer.
[[nodiscard]] ModelFault fault_of(http::Failure const& failure);

/// Servers repeat a wrong key in what they say of it.
void hide_key(std::string& text, std::string const& key);

/// `base` without its last slashes, and `path`.
[[nodiscard]] std::string join_url(std::string const& base, std::string_view path);

}  // namespace dalsegno::activities
