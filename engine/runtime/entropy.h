#pragma once

#include "dalsegno/ids.h"
#include "storage/event/digest.h"

#include <cstdint>
#include <functional>
#include <span>

namespace dalsegno::engine {

/// Fills what it gets with random bytes. What is drawn from it is an input: it is recorded (or, a
/// secret, kept in the vault), and replay reads it. Thread: any.
using Entropy = std::function<void(std::span<std::uint8_t>)>;

/// The operating system's generator.
void system_entropy(std::span<std::uint8_t> out);

[[nodiscard]] RunId fresh_run_id(Entropy const& entropy);
[[nodiscard]] storage::SessionSecret fresh_secret(Entropy const& entropy);
[[nodiscard]] std::uint64_t fresh_seed(Entropy const& entropy);

}  // namespace dalsegno::engine
