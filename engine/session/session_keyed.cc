// What workflow code keeps beside its variables: values under keys. And what it waits for without
// asking anybody: conditions over its variables.

#include "dalsegno/errors.h"
#include "dalsegno/keyed_store.h"
#include "engine/session/session.h"

#include <exception>
#include <functional>
#include <string>
#include <utility>

namespace dalsegno::engine {

// ---- the keyed store ----

namespace {

std::size_t size_of(storage::Payload const& payload) {
  return payload.artifact ? payload.artifact->size_bytes : payload.bytes.size();
}

void refuse_unless_storable(SessionState const& state,
                            std::string const& key,
                            std::string const& json) {
  if (key.size() > max_stored_key_bytes || !valid(SessionId{"default", key}))
    throw Failure("invalid",
                  "a key of the store has 1 to " + std::to_string(max_stored_key_bytes) +
                      " bytes, UTF-8 without control characters");
  if (json.size() > max_stored_value_bytes)
    throw Failure("too_large",
                  "the value of \"" + key + "\" has " + std::to_string(json.size()) +
                      " bytes; at most " + std::to_string(max_stored_value_bytes) +
                      " are allowed in the store");
  std::size_t bytes = key.size() + json.size();
  std::size_t keys = 1;
  for (auto const& [other, value] : state.stored) {
    if (other == key) continue;
    bytes += other.size() + size_of(value);
    ++keys;
  }
  if (keys > max_stored_keys || bytes > max_stored_bytes)
    throw Failure("store_full",
                  "with \"" + key + "\" the store would have " + std::to_string(keys) +
                      " keys and " + std::to_string(bytes) + " bytes; at most " +
                      std::to_string(max_stored_keys) + " keys and " +
                      std::to_string(max_stored_bytes) + " bytes are allowed");
}

}  // namespace

std::optional<std::string> Session::stored(std::string const& key) {
  auto const found = state_.stored.find(key);
  if (found == state_.stored.end()) return std::nullopt;
  return payload_text(found->second);
}

void Session::store(std::string key, std::optional<std::string> json) {
  if (json) refuse_unless_storable(state_, key, *json);
  auto const found = state_.stored.find(key);
  if (json && found != state_.stored.end() && found->second.bytes == *json) return;
  count_command();
  storage::StoreChanged changed;
  changed.key = std::move(key);
  changed.erased = !json;
  if (json) changed.value = command_payload(*json);
  command(OperationId::none, std::move(changed));
}

std::vector<std::string> Session::stored_keys(std::string_view prefix) const {
  std::vector<std::string> keys;
  for (auto at = state_.stored.lower_bound(std::string(prefix));
       at != state_.stored.end() && at->first.starts_with(prefix);
       ++at)
    keys.push_back(at->first);
  return keys;
}

// ---- conditions ----

detail::ConditionId Session::add_condition(std::function<bool()> holds) {
  refuse_in_query();
  refuse_when_cancelled();
  if (stopped_) throw Stop{};
  auto const id = static_cast<detail::ConditionId>(++last_condition_);
  auto& condition = conditions_[id];
  condition.holds = std::move(holds);
  condition.task = current_task_;
  look_at(condition);
  return id;
}

void Session::remove_condition(detail::ConditionId id) noexcept { conditions_.erase(id); }

void Session::wait_for_condition(detail::ConditionId id, detail::Waiter* waiter) noexcept {
  if (auto const found = conditions_.find(id); found != conditions_.end())
    found->second.waiter = waiter;
}

Sequence Session::condition_met_at(detail::ConditionId id) const {
  auto const found = conditions_.find(id);
  return found == conditions_.end() ? 0 : found->second.met_at;
}

void Session::take_condition(detail::ConditionId id) {
  if (stopped_) throw Stop{};
  auto const found = conditions_.find(id);
  if (found == conditions_.end() || found->second.met_at == 0)
    throw WorkflowError("a condition was taken twice, or before it held");
  bool const cancelled = found->second.cancelled;
  conditions_.erase(found);
  if (cancelled) throw Cancelled(state_.cancel_reason);
}

void Session::look_at(Condition& condition) {
  Raised const looking(querying_);
  if (condition.holds()) condition.met_at = state_.last_sequence;
}

/// Lets the first one go on whose condition has come to hold; false: there is none.
bool Session::wake_condition() {
  for (auto& [id, condition] : conditions_) {
    if (condition.met_at > 0) continue;
    try {
      look_at(condition);
    } catch (std::exception const& error) {
      blame_code("a condition: " + std::string(error.what()));
      return true;
    } catch (...) {
      blame_code("a condition: something that is no std::exception");
      return true;
    }
    if (condition.met_at == 0) continue;
    if (auto* const waiter = std::exchange(condition.waiter, nullptr)) waiter->done();
    return true;
  }
  return false;
}

void Session::cancel_conditions() {
  for (auto& [id, condition] : conditions_) {
    if (condition.met_at > 0 || shielded(condition.task)) continue;
    condition.met_at = state_.last_sequence;
    condition.cancelled = true;
    if (auto* const waiter = std::exchange(condition.waiter, nullptr)) waiter->done();
  }
}

}  // namespace dalsegno::engine
