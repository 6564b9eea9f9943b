#pragma once

#include "dalsegno/json.h"
#include "dalsegno/result.h"
#include "engine/govern/credentials.h"
#include "engine/govern/identify.h"
#include "engine/policy/policy.h"
#include "storage/event/event.h"
#include "storage/log/event_log.h"

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::engine {

inline constexpr std::size_t max_operator_name_bytes = 200;
inline constexpr std::size_t max_operator_reason_bytes = 4'000;

/// What an operator wants to do.
struct OperatorAction {
  std::string name;  ///< "operator.erase" …: one of action_names
  std::string
      resource;  ///< "tenant/session", a token's id, a policy's name, or what else it is about
  std::string reason = {};
  std::string tenant = {};              ///< of the session that it is about; "": the whole store
  Json details = Json(Json::Object{});  ///< an object, recorded with the action
  SecondPerson second = SecondPerson::not_needed;
  bool may_be_recovery = false;  ///< see TokenUse
  /// More that may speak against it, once it is known who asks. Null: nothing.
  std::function<std::optional<std::string>(Identity const&)> objection = {};
  // What is recorded in the same step when it is permitted.
  std::vector<storage::EventBody> events = {};
  std::vector<storage::StoredArtifact> artifacts = {};
};

/// Who acted.
struct Actor {
  std::string name;
  std::string second = {};  ///< "" when nobody
  bool break_glass = false;
  std::string credential = {};  ///< id of the token; "" when none was asked for
};

/// What came of asking, not yet recorded.
struct Judged {
  std::vector<storage::EventBody> events;  ///< what has to be recorded, whatever came of it
  std::vector<storage::StoredArtifact> artifacts;
  Actor who;
  std::optional<Error> refused;  ///< Errc::denied
  Time at;                       ///< no time that the log has recorded is later
};

/// What a policy says about an operator's action, whoever else has to be asked.
[[nodiscard]] Decision decide_about(PolicySet const& policy,
                                    std::string_view action,
                                    std::string_view resource,
                                    Identity const& who,
                                    Time now);

/// Asks tokens and policy whether they may; writes nothing. Errors: those of reading the log;
/// Errc::invalid for a request that is wrong in itself.
[[nodiscard]] Result<Judged> judge(storage::EventLog const& log,
                                   Credentials const& credentials,
                                   OperatorAction action,
                                   Time now);

/// Finds out who asks, has the active policy decide (where it has rules about operators, else
/// operators_policy), and records decision and action in the operators' session. Only when this
/// returns a value may the action be done: then both are durable. A refusal is recorded too and
/// returned as Errc::denied; a request without any name or token is only refused. If the log takes
/// nothing (Errc::io, no_space, fenced, denied …), the action must not be done.
/// Source: docs/credentials.md.
[[nodiscard]] Result<Actor> operate(storage::EventLog& log,
                                    Credentials const& credentials,
                                    OperatorAction action,
                                    Time now);

}  // namespace dalsegno::engine
