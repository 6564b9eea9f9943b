#pragma once

#include "dalsegno/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::config {

/// Where a secret is: "env:NAME", a variable of the environment, or "file:PATH", the first line of
/// a file. A configuration says this and never the secret itself.
struct SecretReference {
  enum class Kind : std::uint8_t { environment, file };
  Kind kind = Kind::environment;
  std::string name;

  friend bool operator==(SecretReference const&, SecretReference const&) = default;
};

/// Nothing for a text that is no reference.
[[nodiscard]] std::optional<SecretReference> parse_secret_reference(std::string_view text);

/// Errors: Errc::not_found for a variable or file that is not there, Errc::invalid for an empty
/// one; the detail names the reference, never the secret.
[[nodiscard]] Result<std::string> fetch(SecretReference const& reference);

}  // namespace dalsegno::config
