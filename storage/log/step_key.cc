#include "storage/log/step_key.h"

#include "storage/event/digest.h"

#include <algorithm>
#include <cassert>
#include <cstddef>

namespace dalsegno::storage {
namespace {

constexpr char separator = '\0';  // session ids hold no control characters

void put_big_endian(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(static_cast<std::uint8_t>(value >> shift)));
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (char const byte : bytes) value = value << 8 | static_cast<std::uint8_t>(byte);
  return value;
}

/// Takes from `rest` what stands before the next separator, and the separator.
std::optional<std::string> take_name(std::string_view& rest) {
  auto const end = rest.find(separator);
  if (end == std::string_view::npos) return std::nullopt;
  auto name = std::string(rest.substr(0, end));
  rest.remove_prefix(end + 1);
  return name;
}

}  // namespace

std::uint32_t partition_of(SessionId const& session, std::uint32_t partitions) {
  assert(partitions >= 1 && partitions <= first_reserved_partition);
  auto const digest = sha256({session.tenant, std::string_view(&separator, 1), session.name});
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8 | digest.bytes[i];
  return static_cast<std::uint32_t>(value % partitions);
}

std::string session_prefix(std::uint32_t partition, SessionId const& session) {
  std::string key;
  key.reserve(2 + session.tenant.size() + 1 + session.name.size() + 1 + 16 + 8);
  put_big_endian(key, partition, 2);
  key += session.tenant;
  key += separator;
  key += session.name;
  key += separator;
  return key;
}

std::string run_prefix(std::uint32_t partition, SessionId const& session, RunId const& run) {
  auto key = session_prefix(partition, session);
  for (auto const byte : run.bytes) key.push_back(static_cast<char>(byte));
  return key;
}

std::string step_key(std::uint32_t partition,
                     SessionId const& session,
                     RunId const& run,
                     Sequence first) {
  auto key = run_prefix(partition, session, run);
  put_big_endian(key, first, 8);
  return key;
}

std::optional<StepKey> parse_step_key(std::string_view key) {
  if (key.size() < 2) return std::nullopt;
  StepKey parsed;
  parsed.partition = static_cast<std::uint32_t>(big_endian(key.substr(0, 2)));
  if (parsed.partition >= first_reserved_partition) return std::nullopt;
  key.remove_prefix(2);
  auto tenant = take_name(key);
  if (!tenant) return std::nullopt;
  auto name = take_name(key);
  if (!name || key.size() != parsed.run.bytes.size() + 8) return std::nullopt;
  parsed.session = {std::move(*tenant), std::move(*name)};
  std::copy_n(key.begin(), parsed.run.bytes.size(), parsed.run.bytes.begin());
  parsed.first_sequence = big_endian(key.substr(parsed.run.bytes.size()));
  return parsed;
}

}  // namespace dalsegno::storage
