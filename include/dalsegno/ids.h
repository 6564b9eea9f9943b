#pragma once

#include "dalsegno/compiler.h"

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace dalsegno {

/// A point of log time: UTC, microseconds since 1970-01-01T00:00:00Z.
using Time = std::chrono::sys_time<std::chrono::microseconds>;

/// The place of an event in its run: 1, 2, 3 … without gaps. 0 means "before the first".
using Sequence = std::uint64_t;

/// One awaited thing of a run, numbered from 1 in order of issue. `none` stands for "no operation".
enum class OperationId : std::uint64_t { none = 0 };

/// Which session: its tenant and its name.
///
/// Limits, checked by `valid`: tenant 1 to 64 bytes, name 1 to 200 bytes, both UTF-8 without
/// control characters; the tenant without '/', so that "tenant/name" means one session; no '_' at
/// its front but in "_store", the store's own.
struct SessionId {
  std::string tenant = "default";
  std::string name;

  friend auto operator<=>(SessionId const&, SessionId const&) = default;
};

[[nodiscard]] bool valid(SessionId const& id);

/// "tenant/name".
[[nodiscard]] std::string to_string(SessionId const& id);

/// One start, continuation or fork of a session: 128 random bits.
struct RunId {
  std::array<std::uint8_t, 16> bytes{};

  friend auto operator<=>(RunId const&, RunId const&) = default;
};

/// 32 lower-case hexadecimal digits.
[[nodiscard]] std::string to_string(RunId const& id);
[[nodiscard]] std::optional<RunId> parse_run_id(std::string_view text);

/// UTC, RFC 3339, microseconds: "2026-11-23T01:02:03.000004Z".
[[nodiscard]] std::string to_string(Time time);

}  // namespace dalsegno

template <>
struct std::hash<dalsegno::SessionId> {
  std::size_t operator()(dalsegno::SessionId const& id) const noexcept {
    auto const tenant = std::hash<std::string>{}(id.tenant);
    return std::hash<std::string>{}(id.name) ^ (tenant * 0x9E3779B97F4A7C15U);
  }
};
