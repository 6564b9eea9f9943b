#include "tools/dalsegno/forensics/context_check.h"

#include "dalsegno/agent.h"
#include "dalsegno/json.h"
#include "dalsegno/payload.h"
#include "dalsegno/try.h"
#include "storage/event/digest.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

namespace dalsegno::forensics {
namespace {

Judgement fails(std::string why) { return {Verdict::fails, std::move(why)}; }

/// Whether the summary is the end of what the model said, as long as was recorded.
Judgement compare(std::string const& result, agent::ContextCheckpoint const& made) {
  auto const reply = parse_json(result);
  if (!reply) return fails("what the model said is no JSON: " + reply.error().detail);
  auto const said = reply->text("content");
  auto const length = std::min<std::uint64_t>(made.summary_bytes, said.size());
  auto const digest = storage::to_hex(storage::sha256({said.substr(said.size() - length)}));
  if (digest != made.summary_digest) return fails("it is not what the model said");
  return {Verdict::holds, ""};
}

Result<Judgement> judge(storage::EventLog const& log,
                        History const& history,
                        Call const& call,
                        agent::ContextCheckpoint const& made,
                        Sequence recorded) {
  if (call.kind != storage::OperationKind::model || call.ended == 0 || call.ended >= recorded)
    return fails("the call that it names is no model's, or had not ended");
  auto const* const completed = history.body_at<storage::ModelCompleted>(call.ended);
  if (completed == nullptr) return fails("the call that it names brought no answer");
  auto const bytes = bytes_of(log, history.session, completed->result);
  if (bytes) return compare(*bytes, made);
  if (bytes.error().code == Errc::not_found) return fails(bytes.error().detail);
  return bytes.error();
}

}  // namespace

Result<std::optional<ExplainedContext>> find_context(storage::EventLog const& log,
                                                     History const& history,
                                                     Calls const& calls,
                                                     Sequence turn) {
  for (auto placed = history.events.rbegin(); placed != history.events.rend(); ++placed) {
    auto const sequence = placed->event.sequence;
    auto const* const value = std::get_if<storage::ValueRecorded>(&placed->event.body);
    if (value == nullptr || value->name != "context_checkpoint" || sequence >= turn) continue;
    std::optional<ExplainedContext> found(std::in_place);
    auto& context = *found;
    context.sequence = sequence;
    context.last_event = sequence - 1;
    auto const bytes = bytes_of(log, history.session, value->value);
    auto const made = bytes ? from_json<agent::ContextCheckpoint>(*bytes)
                            : Result<agent::ContextCheckpoint>(bytes.error());
    if (!made) {
      context.judgement = fails(made.error().detail);
      return found;
    }
    context.first_turn = made->first_turn;
    context.last_turn = made->last_turn;
    context.made_by = made->made_by;
    if (made->made_by != "model") return found;
    context.operation = OperationId{made->operation};
    auto const call = calls.by_operation.find(context.operation);
    if (call == calls.by_operation.end() || call->second.requested >= sequence) {
      context.judgement = fails("the call that it names does not stand before it");
      context.operation = OperationId::none;
      return found;
    }
    context.last_event = call->second.requested - 1;
    TRY(context.judgement, judge(log, history, call->second, *made, sequence));
    return found;
  }
  return std::optional<ExplainedContext>();
}

}  // namespace dalsegno::forensics
