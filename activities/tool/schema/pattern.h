#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace dalsegno::schema {

/// The pattern of a schema (ECMA-262) as RE2 writes it: matched in time linear in the text.
[[nodiscard]] std::string to_re2(std::string_view pattern);

/// Null where RE2 has no such thing (a lookahead, a back reference) or it would need too much
/// memory: nobody can say then whether a text matches.
[[nodiscard]] std::shared_ptr<re2::RE2 const> compile_pattern(std::string_view pattern);

/// Whether it is found anywhere in `text`.
[[nodiscard]] bool is_found(re2::RE2 const& pattern, std::string_view text);

}  // namespace dalsegno::schema
