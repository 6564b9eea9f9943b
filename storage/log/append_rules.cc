#include "storage/log/append_rules.h"

#include <string>

namespace dalsegno::storage {
namespace {

Error refuse(Errc code, Append const& append, std::string const& why) {
  return Error{code, to_string(append.session) + ": " + why};
}

bool valid_vault_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789/_") == std::string_view::npos;
}

/// What is wrong with the append whatever the store holds; empty: nothing.
std::string contradiction(Append const& append) {
  if (!valid(append.session)) return "not a valid session id";
  if (append.first_sequence != append.expected_sequence + 1)
    return "first sequence is not the expected one plus 1";
  if (append.head.run != append.run) return "the head after the step names another run";
  if (append.head.last_sequence < append.first_sequence)
    return "the head after the step ends before the step";
  if (append.head.hash != append.step.hash)
    return "the head after the step has another hash than the step";
  if (append.head.epoch != append.epoch)
    return "the head after the step has another epoch than the append";
  if (append.step.bytes.empty()) return "the step is empty";
  if (append.follows && append.expected_sequence != 0)
    return "it follows another run, but is not the first step of its own";
  if (append.follows && append.follows->run == append.run) return "its run follows itself";
  if (auto const names = check_vault_names(append.vault); !names) return names.error().detail;
  return {};
}

Result<> check_sizes(Append const& append) {
  if (append.step.bytes.size() > max_step_bytes)
    return refuse(Errc::too_large,
                  append,
                  "a step of " + std::to_string(append.step.bytes.size()) + " bytes");
  for (auto const& artifact : append.artifacts)
    if (artifact.bytes.size() > max_artifact_bytes)
      return refuse(Errc::too_large,
                    append,
                    "an artifact of " + std::to_string(artifact.bytes.size()) + " bytes");
  return {};
}

Result<> check_epoch(std::optional<Head> const& current,
                     Append const& append,
                     std::uint64_t store_epoch) {
  auto const newest = current && current->epoch > store_epoch ? current->epoch : store_epoch;
  if (append.epoch < newest)
    return refuse(
        Errc::fenced,
        append,
        "epoch " + std::to_string(append.epoch) + " is older than " + std::to_string(newest));
  return {};
}

/// A run of a session that has had one.
Result<> check_first(Head const& current, Append const& append) {
  if (!append.follows)
    return refuse(Errc::conflict, append, "the session exists, as run " + to_string(current.run));
  if (append.follows->run != current.run || append.follows->hash != current.hash)
    return refuse(Errc::stale,
                  append,
                  "it follows run " + to_string(append.follows->run) +
                      ", but the head is another step, of run " + to_string(current.run));
  if (current.status == SessionStatus::open || current.status == SessionStatus::held)
    return refuse(Errc::conflict, append, "run " + to_string(current.run) + " of it has not ended");
  return {};
}

Result<> check_place(std::optional<Head> const& current, Append const& append) {
  if (!current) {
    if (append.follows)
      return refuse(
          Errc::stale,
          append,
          "it follows run " + to_string(append.follows->run) + ", but there is no such session");
    if (append.expected_sequence == 0) return {};
    return refuse(Errc::stale,
                  append,
                  "expected sequence " + std::to_string(append.expected_sequence) +
                      ", but there is no such session");
  }
  if (append.expected_sequence == 0) return check_first(*current, append);
  if (append.run != current->run)
    return refuse(
        Errc::stale,
        append,
        "run " + to_string(append.run) + " is not the newest, " + to_string(current->run));
  if (append.expected_sequence != current->last_sequence)
    return refuse(Errc::stale,
                  append,
                  "expected sequence " + std::to_string(append.expected_sequence) +
                      ", but the head is at " + std::to_string(current->last_sequence));
  return {};
}

}  // namespace

Result<> check_vault_names(std::span<VaultRecord const> records) {
  for (auto const& record : records)
    if (!valid_vault_name(record.name))
      return Error{Errc::invalid, '"' + record.name + "\" is no name of a vault's record"};
  return {};
}

Result<> check_append(std::optional<Head> const& current,
                      Append const& append,
                      std::uint64_t store_epoch) {
  if (auto const why = contradiction(append); !why.empty())
    return refuse(Errc::invalid, append, why);
  if (auto fits = check_sizes(append); !fits) return fits;
  if (auto alone = check_epoch(current, append, store_epoch); !alone) return alone;
  return check_place(current, append);
}

}  // namespace dalsegno::storage
