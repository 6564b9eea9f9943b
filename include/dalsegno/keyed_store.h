#pragma once

#include "dalsegno/errors.h"
#include "dalsegno/payload.h"
#include "dalsegno/workflow_host.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dalsegno {

/// Of one session: more is refused with Failure("store_full") or Failure("too_large").
inline constexpr std::size_t max_stored_keys = 1'000;
inline constexpr std::size_t max_stored_key_bytes = 256;
inline constexpr std::size_t max_stored_value_bytes = std::size_t{32} * 1024;
inline constexpr std::size_t max_stored_bytes = std::size_t{4} * 1024 * 1024;  ///< keys included

/// A small store of values under keys, inside a session and versioned with it: each change is an
/// event, so what it held at any moment can be told, and it lasts over checkpoints, restarts and
/// continue_as_new, until the session is started anew. Values are JSON, redacted like all that a
/// workflow hands out. Reading costs nothing and records nothing. Get it from Context::store().
class KeyedStore {
 public:
  explicit KeyedStore(detail::Host& host) : host_(&host) {}

  /// Nothing where there is no such key. Throws Failure("payload_mismatch") when the value is no T.
  template <class T>
  [[nodiscard]] std::optional<T> get(std::string const& key) const {
    auto const json = host_->stored(key);
    if (!json) return std::nullopt;
    auto value = from_json<T>(*json);
    if (!value) throw Failure("payload_mismatch", value.error().detail);
    return std::optional<T>(std::move(*value));
  }
  [[nodiscard]] bool contains(std::string const& key) const {
    return host_->stored(key).has_value();
  }
  /// Key: 1 to 256 bytes of UTF-8 without control characters. Records nothing where the key has
  /// that value. Throws Failure("invalid"), Failure("too_large"), Failure("store_full").
  template <class T>
  void put(std::string key, T const& value) {
    host_->store(std::move(key), to_json(value));
  }
  /// Whether there was such a key.
  bool erase(std::string key) {
    if (!contains(key)) return false;
    host_->store(std::move(key), std::nullopt);
    return true;
  }
  /// In byte order; those that begin with `prefix`.
  [[nodiscard]] std::vector<std::string> keys(std::string_view prefix = {}) const {
    return host_->stored_keys(prefix);
  }

 private:
  detail::Host* host_;
};

}  // namespace dalsegno
