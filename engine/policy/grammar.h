#pragma once

// The words of the policy language: what may stand in a document. docs/policy.schema.json names the
// same ones (a test compares them).

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace dalsegno::engine {

/// What policy decides about. Places in `action_names`; not on disk.
enum class Action : std::uint8_t {};
inline constexpr std::array<std::string_view, 30> action_names = {
    "model.call",           "tool.call",           "activity.call",       "net.connect",
    "artifact.read",        "artifact.write",      "session.start",       "session.signal",
    "session.read",         "secret.reveal",       "approval.give",       "operator.accept_loss",
    "operator.break_glass", "operator.cancel",     "operator.erase",      "operator.fork",
    "operator.hold",        "operator.legal_hold", "operator.pause",      "operator.policy",
    "operator.read",        "operator.release",    "operator.resolve",    "operator.restart",
    "operator.resume",      "operator.reveal",     "operator.rotate_key", "operator.terminate",
    "operator.token",       "operator.verify"};
inline constexpr std::size_t action_count = action_names.size();
[[nodiscard]] std::optional<std::size_t> action_number(std::string_view name);

/// What conditions may ask of a request. Places in `attribute_table`.
enum class AttributeName : std::uint8_t {
  principal_kind,
  principal_id,
  principal_tenant,
  principal_roles,
  session,
  workflow,
  resource,
  attempt,
  risk,
  taint,
  scheme,
  host,
  port,
  address,
  method,
  path,
  size_bytes,
  approval
};
enum class AttributeType : std::uint8_t { text, number, texts, address };
struct AttributeInfo {
  std::string_view name;
  AttributeType type;
};
inline constexpr std::size_t attribute_count = 18;
inline constexpr std::array<AttributeInfo, attribute_count> attribute_table = {
    {{"principal.kind", AttributeType::text},
     {"principal.id", AttributeType::text},
     {"principal.tenant", AttributeType::text},
     {"principal.roles", AttributeType::texts},
     {"session", AttributeType::text},
     {"workflow", AttributeType::text},
     {"resource", AttributeType::text},
     {"attempt", AttributeType::number},
     {"risk", AttributeType::text},    // of a tool: one of risk_names
     {"taint", AttributeType::texts},  // where the arguments' untrusted parts come from
     {"scheme", AttributeType::text},  // of net.connect, with the next five
     {"host", AttributeType::text},    // canonical ASCII
     {"port", AttributeType::number},
     {"address", AttributeType::address},
     {"method", AttributeType::text},
     {"path", AttributeType::text},
     {"size_bytes", AttributeType::number},  // of artifact.*
     {"approval", AttributeType::texts}}};   // who approved the call
[[nodiscard]] std::optional<AttributeName> attribute_of(std::string_view name);
[[nodiscard]] constexpr AttributeInfo const& info_of(AttributeName name) {
  return attribute_table[static_cast<std::size_t>(name)];
}

inline constexpr std::array<std::string_view, 5> risk_names = {
    "read", "write", "destructive", "money", "external"};

enum class Operator : std::uint8_t {
  eq,
  ne,
  in,
  prefix,
  suffix,
  glob,
  regex,
  lt,
  le,
  gt,
  ge,
  between,
  cidr,
  subset,
  contains,
  exists
};
inline constexpr std::array<std::string_view, 16> operator_names = {"eq",
                                                                    "ne",
                                                                    "in",
                                                                    "prefix",
                                                                    "suffix",
                                                                    "glob",
                                                                    "regex",
                                                                    "lt",
                                                                    "le",
                                                                    "gt",
                                                                    "ge",
                                                                    "between",
                                                                    "cidr",
                                                                    "subset",
                                                                    "contains",
                                                                    "exists"};
[[nodiscard]] constexpr std::string_view name_of(Operator op) {
  return operator_names[static_cast<std::size_t>(op)];
}

/// What a permit may ask of whoever acts on it. The names are in the log, the numbers are not.
enum class ObligationKind : std::uint8_t { redact, reveal, require_approval, route, rate, log };
inline constexpr std::array<std::string_view, 6> obligation_names = {
    "redact", "reveal", "require_approval", "route", "rate", "log"};
inline constexpr std::size_t obligation_count = obligation_names.size();
using ObligationKinds = std::bitset<obligation_count>;
[[nodiscard]] constexpr std::string_view name_of(ObligationKind kind) {
  return obligation_names[static_cast<std::size_t>(kind)];
}

// The members of each object of a document.
inline constexpr std::array<std::string_view, 3> document_fields = {
    "dalsegno_policy", "name", "rules"};
inline constexpr std::array<std::string_view, 10> rule_fields = {"id",
                                                                 "effect",
                                                                 "actions",
                                                                 "resources",
                                                                 "principals",
                                                                 "when",
                                                                 "obligations",
                                                                 "reason",
                                                                 "owner",
                                                                 "expires"};
inline constexpr std::array<std::string_view, 2> effect_names = {"permit", "forbid"};
inline constexpr std::array<std::string_view, 4> principal_fields = {
    "kinds", "ids", "tenants", "roles"};
/// One of these makes a condition; with `attribute` or `argument` an operator stands beside it,
/// with `counter` the member `below`.
inline constexpr std::array<std::string_view, 7> condition_fields = {
    "all", "any", "not", "attribute", "argument", "time", "counter"};
inline constexpr std::array<std::string_view, 6> time_fields = {
    "after", "before", "from", "to", "days", "zone"};
inline constexpr std::array<std::string_view, 7> day_names = {
    "mon", "tue", "wed", "thu", "fri", "sat", "sun"};
inline constexpr std::array<std::string_view, 3> counter_fields = {"per", "resource", "window"};
inline constexpr std::array<std::string_view, 2> scope_names = {"session", "tenant"};
inline constexpr std::array<std::string_view, 6> approval_fields = {
    "roles", "ids", "count", "within", "escalate_after", "escalate_to"};
inline constexpr std::array<std::string_view, 2> rate_fields = {"calls", "per"};
inline constexpr std::array<std::string_view, 3> log_levels = {"info", "notice", "alert"};

// Bounds: evaluation is total, and none of these can make it long.
inline constexpr std::size_t max_document_bytes = 4U << 20U;
inline constexpr std::size_t max_rules = 20'000;            // of a set
inline constexpr std::size_t max_conditions_of_rule = 256;  // tests and all, any, not together
inline constexpr std::size_t max_conditions = 100'000;      // of a set
inline constexpr std::size_t max_condition_depth = 16;
inline constexpr std::size_t max_list_entries = 10'000;
inline constexpr std::size_t max_id_bytes = 64;
inline constexpr std::size_t max_pattern_bytes = 256;
inline constexpr std::size_t max_pointer_bytes = 256;
inline constexpr std::size_t max_literal_bytes = 4'096;
inline constexpr std::size_t max_text_bytes = 1'000;
inline constexpr std::size_t max_regexes = 1'000;  // of a set
inline constexpr std::size_t max_regex_bytes = 1'000;
inline constexpr std::int64_t max_regex_memory = 1 << 18;  // what RE2 may use for one, in bytes
/// A longer text is matched with no glob and no regex: the condition fails to evaluate.
inline constexpr std::size_t max_matched_bytes = 64 * 1024;

// Bounds of one decision, so that its event keeps below the bound of an event.
inline constexpr std::size_t max_determining_rules = 128;  // named; all of them determine
inline constexpr std::size_t max_errors = 32;              // told
inline constexpr std::size_t max_error_bytes = 300;
/// Of all permits together; with more the decision is to deny.
inline constexpr std::size_t max_applied_obligations = 32;
inline constexpr std::size_t max_obligation_bytes = 1'000;  // of one, as canonical JSON
/// Different counters; one more is not known.
inline constexpr std::size_t max_counters_read = 32;
/// Policies that are asked beside the one that decides.
inline constexpr std::size_t max_shadow_policies = 3;

}  // namespace dalsegno::engine
