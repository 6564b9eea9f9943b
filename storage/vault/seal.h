#pragma once

#include "dalsegno/result.h"
#include "storage/vault/secret_key.h"

#include <string>
#include <string_view>

namespace dalsegno::vault {

/// `plaintext` under AES-256-GCM with a random nonce; `associated` is authenticated with it and not
/// stored. Shape: storage/format.md, "Vault" (29 bytes more than the plaintext).
/// Limits: 2^32 seals under one key (NIST SP 800-38D, 8.3); 64 MiB each.
/// Errors: Errc::too_large; Errc::io when the system gives no random bytes.
[[nodiscard]] Result<std::string> seal(SecretKey const& key,
                                       std::string_view plaintext,
                                       std::string_view associated);

/// The plaintext. Errors: Errc::corrupt when the bytes were sealed under another key or with other
/// associated data, or were changed or cut; Errc::newer_format.
[[nodiscard]] Result<std::string> unseal(SecretKey const& key,
                                         std::string_view sealed,
                                         std::string_view associated);

}  // namespace dalsegno::vault
