#include "tools/dalsegno/forensics/model_calls.h"

#include "dalsegno/agent.h"
#include "dalsegno/payload.h"
#include "dalsegno/try.h"
#include "engine/agent/context.h"
#include "engine/session/overloaded.h"
#include "tools/dalsegno/forensics/prompt_family.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>
#include <variant>

namespace dalsegno::forensics {

namespace {

using engine::overloaded;

/// "" when a payload is not there (any more).
Result<std::string> bytes_if_there(storage::EventLog const& log,
                                   SessionId const& session,
                                   storage::Payload const& payload) {
  auto bytes = bytes_of(log, session, payload);
  if (!bytes && bytes.error().code == Errc::io) return bytes;
  return bytes.value_or("");
}

/// A summary is asked for behind the conversation, in words that nobody else uses.
bool asks_for_summary(agent::ModelRequest const& request) {
  return !request.append.empty() && request.append.back().role == "user" &&
         request.append.back().content.value_or("") == agent::summary_instruction();
}

/// Before attempts kept details, failures of calls that reached out began with the endpoint's name
/// and a colon.
std::string endpoint_in_message(storage::AttemptFailed const& failed) {
  if (failed.contacts.empty()) return {};
  auto const colon = failed.message.find(": ");
  if (colon == std::string::npos) return {};
  auto name = failed.message.substr(0, colon);
  return name.contains(' ') ? std::string() : name;
}

class Reader {
 public:
  Reader(storage::EventLog const& log, History const& history) : log_(log), history_(history) {}

  Result<std::vector<RecordedModelCall>> read() {
    for (auto const& placed : history_.events) {
      if (auto const* const requested =
              std::get_if<storage::OperationRequested>(&placed.event.body);
          requested != nullptr && requested->kind == storage::OperationKind::model)
        TRY_VOID(request(placed.event, *requested));
      if (auto const* const value = std::get_if<storage::ValueRecorded>(&placed.event.body);
          value != nullptr && value->name == "context_checkpoint")
        TRY_VOID(name_summary(*value));
      auto const found = index_.find(placed.event.operation);
      if (found != index_.end()) TRY_VOID(take(calls_[found->second], placed));
    }
    return std::move(calls_);
  }

 private:
  Result<> request(storage::Event const& event, storage::OperationRequested const& body) {
    TRY(auto const input, bytes_if_there(log_, history_.session, body.input));
    auto const request = from_json<agent::ModelRequest>(input);
    if (request)
      if (auto begun = family_of(*request)) family_ = std::move(*begun);
    index_[event.operation] = calls_.size();
    RecordedModelCall call;
    call.operation = event.operation;
    call.model = body.name;
    call.family = request ? family_ : "?";
    call.is_summary = request && asks_for_summary(*request);
    call.requested = event.sequence;
    calls_.push_back(std::move(call));
    return {};
  }

  /// A checkpoint names the call that it was made with, in whatever words that was asked.
  Result<> name_summary(storage::ValueRecorded const& value) {
    TRY(auto const bytes, bytes_if_there(log_, history_.session, value.value));
    auto const made = from_json<agent::ContextCheckpoint>(bytes);
    if (!made) return {};
    auto const found = index_.find(OperationId{made->operation});
    if (found != index_.end()) calls_[found->second].is_summary = true;
    return {};
  }

  Result<> take(RecordedModelCall& call, PlacedEvent const& placed) {
    Result<> outcome;
    std::visit(
        overloaded{
            [&](storage::AttemptStarted const& body) {
              ModelAttempt attempt;
              attempt.number = body.attempt;
              attempt.started = placed.event.sequence;
              attempt.started_at = placed.recorded_at;
              call.attempts.push_back(std::move(attempt));
            },
            [&](storage::AttemptFailed const& body) {
              auto* const attempt = end(call, body.attempt, ModelAttemptEnd::failed, placed);
              if (attempt == nullptr) return;
              attempt->retryable = body.retryable;
              outcome = fail(*attempt, body);
            },
            [&](storage::AttemptOrphaned const& body) {
              end(call, body.attempt, ModelAttemptEnd::orphaned, placed);
            },
            [&](storage::ModelCompleted const& body) { outcome = complete(call, placed, body); },
            [](auto const&) {},
        },
        placed.event.body);
    return outcome;
  }

  /// The attempt, ended; nullptr when it was never started or has ended before.
  static ModelAttempt* end(RecordedModelCall& call,
                           std::uint32_t number,
                           ModelAttemptEnd how,
                           PlacedEvent const& placed) {
    auto const attempt = std::ranges::find(call.attempts, number, &ModelAttempt::number);
    if (attempt == call.attempts.end() || attempt->ended != 0) return nullptr;
    attempt->end = how;
    attempt->ended = placed.event.sequence;
    attempt->ended_at = placed.recorded_at;
    return &*attempt;
  }

  Result<> fail(ModelAttempt& attempt, storage::AttemptFailed const& body) {
    TRY(auto const details, bytes_if_there(log_, history_.session, body.heartbeat));
    auto record = read_call_record(details);
    if (!record) {
      attempt.endpoint = endpoint_in_message(body);
      return {};
    }
    attempt.endpoint = std::move(record->endpoint);
    attempt.failed_usage = record->usage;
    attempt.failed_usd = record->usd;
    return {};
  }

  Result<> complete(RecordedModelCall& call,
                    PlacedEvent const& placed,
                    storage::ModelCompleted const& body) {
    if (call.completed) return {};
    auto* const attempt = end(call, body.attempt, ModelAttemptEnd::completed, placed);
    if (attempt == nullptr) return {};
    TRY(auto const result, bytes_if_there(log_, history_.session, body.result));
    call.completed = static_cast<std::size_t>(attempt - call.attempts.data());
    call.served = body.model;
    call.record = read_call_record(result);
    if (call.record) {
      attempt->endpoint = call.record->endpoint;
      call.usage = call.record->usage;
    } else if (body.input_tokens > 0 || body.output_tokens > 0) {
      call.usage = RecordedUsage{body.input_tokens, body.cached_tokens, 0, body.output_tokens, 0};
    }
    return {};
  }

  storage::EventLog const& log_;
  History const& history_;
  std::vector<RecordedModelCall> calls_;
  std::map<OperationId, std::size_t> index_;
  std::string family_ = "?";  // until a conversation begins
};

}  // namespace

Result<std::vector<RecordedModelCall>> read_model_calls(storage::EventLog const& log,
                                                        History const& history) {
  return Reader(log, history).read();
}

Result<std::vector<History>> read_all_runs(storage::EventLog const& log,
                                           SessionId const& session,
                                           storage::Head const& head) {
  TRY(auto const runs, log.runs(session));
  std::vector<History> histories;
  for (auto const& run : runs) {
    auto of_run = head;
    of_run.run = run;
    TRY(auto history, read_history(log, session, of_run));
    if (!history.events.empty() || history.broken) histories.push_back(std::move(history));
  }
  auto const began = [](History const& history) {
    return std::pair(history.events.empty() ? Time::min() : history.events.front().recorded_at,
                     history.run);
  };
  std::ranges::sort(histories, {}, began);
  return histories;
}

std::chrono::microseconds between(Time earlier, Time later) {
  if (later <= earlier) return {};
  // Times from a damaged log may be further apart than a duration can say.
  auto const apart = static_cast<std::uint64_t>(later.time_since_epoch().count()) -
                     static_cast<std::uint64_t>(earlier.time_since_epoch().count());
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return std::chrono::microseconds(static_cast<std::int64_t>(std::min(apart, most)));
}

}  // namespace dalsegno::forensics
