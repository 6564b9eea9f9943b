#pragma once

#include <string>
#include <string_view>

namespace dalsegno::http {

/// Path, query and fragment of a URL as a request's target: begins with '/', dot segments ("." and
/// ".." and their encodings with %2e) resolved, without fragment; every byte that may not stand
/// there is percent-encoded, also a percent sign that encodes nothing. `text` is "" or begins with
/// '/', '?' or '#'.
///
/// Its own result is its own result: normal_target(normal_target(x)) == normal_target(x).
[[nodiscard]] std::string normal_target(std::string_view text);

}  // namespace dalsegno::http
