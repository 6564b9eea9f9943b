#pragma once

// The keys outside the store that the sessions' keys are wrapped with.

#include "dalsegno/result.h"
#include "storage/vault/secret_key.h"

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::vault {

using MasterKeyId = std::array<std::uint8_t, 8>;

/// One or more master keys; the first wraps, all unwrap. Thread: never changes.
class MasterKeys {
 public:
  /// None at all: nothing can be wrapped or opened.
  MasterKeys() = default;

  /// From text: one key a line, 64 hexadecimal digits; blank lines and those that begin with '#'
  /// are passed over. The first is the current one: to rotate, put a new line in front. Errors:
  /// Errc::invalid; the detail names the line, never what stands there.
  [[nodiscard]] static Result<MasterKeys> parse(std::string_view text);

  /// From a file that nobody else may read (mode 0600 or stricter, owned by this user).
  /// Errors: Errc::not_found, Errc::io, Errc::invalid (also when others may read it).
  [[nodiscard]] static Result<MasterKeys> read_file(std::filesystem::path const& path);

  /// From what a command prints (run by /bin/sh). Errors: Errc::invalid when it fails.
  [[nodiscard]] static Result<MasterKeys> run_command(std::string const& command);

  /// Makes a file with one new key, mode 0600. Errors: Errc::conflict when it is there; Errc::io.
  [[nodiscard]] static Result<> create_file(std::filesystem::path const& path);

  /// One key, for as long as this process lives.
  [[nodiscard]] static Result<MasterKeys> random();

  struct Entry {
    MasterKeyId id{};
    SecretKey key;
  };
  [[nodiscard]] bool empty() const { return keys_.empty(); }
  /// Not when `empty()`.
  [[nodiscard]] Entry const& current() const { return keys_.front(); }
  /// nullptr: not one of these.
  [[nodiscard]] SecretKey const* find(std::span<std::uint8_t const> id) const;

 private:
  std::vector<Entry> keys_;
};

/// Where the master key of a store lies when nobody says anything else: beside its folder, not in
/// it, so that a copy of the store is of no use alone.
[[nodiscard]] std::filesystem::path default_master_key_file(std::filesystem::path const& store);

/// The keys from this file, which is made if it is not there. Errors: those of `read_file` and
/// `create_file`.
[[nodiscard]] Result<MasterKeys> read_or_create_master_keys(std::filesystem::path const& file);

}  // namespace dalsegno::vault
