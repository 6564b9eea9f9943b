#include "activities/model/client/conversation_log.h"

#include "dalsegno/payload.h"
#include "dalsegno/try.h"
#include "storage/event/digest.h"
#include "storage/log/chain.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <variant>

namespace dalsegno::activities {
namespace {

// Runs whose conversations stay in memory, and how much of each.
constexpr std::size_t max_runs = 64;
constexpr std::size_t max_run_bytes = 4U << 20U;

/// Which model a route chose for the answer `reply` (docs/models.md, "What is recorded").
std::optional<Conversation::Last> routed_by(Json const& reply) {
  auto const* const call = reply.find("call");
  auto const* const route = call == nullptr ? nullptr : call->find("route");
  if (route == nullptr) return std::nullopt;
  Conversation::Last last{.model = std::string(route->text("model"))};
  auto const* const usage = call->find("usage");
  for (auto const* const part : {"input", "output"}) {
    auto const* const count = usage == nullptr ? nullptr : usage->find(part);
    auto const* const tokens = count == nullptr ? nullptr : count->as_integer();
    if (tokens != nullptr && *tokens > 0) last.tokens += static_cast<std::uint64_t>(*tokens);
  }
  return last;
}

}  // namespace

std::string chain_message(std::string const& digest, agent::Message const& message) {
  return storage::to_hex(storage::sha256({digest, to_json(message)}));
}

std::shared_ptr<ConversationLog::Entry> ConversationLog::entry_of(RunId const& run) {
  std::lock_guard const lock(mutex_);
  auto const found = std::ranges::find(runs_, run, [](auto const& entry) { return entry->run; });
  if (found != runs_.end()) {
    runs_.splice(runs_.begin(), runs_, found);
  } else {
    auto entry = std::make_shared<Entry>();
    entry->run = run;
    runs_.push_front(std::move(entry));
    if (runs_.size() > max_runs) runs_.pop_back();
  }
  return runs_.front();
}

Result<std::string> ConversationLog::bytes_of(SessionId const& session,
                                              storage::Payload const& payload) const {
  if (!payload.artifact) return payload.bytes;
  return log_.artifact(session, payload.artifact->digest);
}

// What is no request of a conversation, or belongs to none, is none of ours.
void ConversationLog::add_request(Run& into, OperationId operation, std::string const& input) {
  auto request = from_json<agent::ModelRequest>(input);
  if (!request || request->append.size() > request->prompt.messages) return;
  auto const before = request->prompt.messages - request->append.size();
  for (auto parent = into.places.size(); parent-- > 0;) {
    if (into.places[parent].messages != before) continue;
    auto digest = into.places[parent].digest;
    for (auto const& message : request->append) digest = chain_message(digest, message);
    if (digest != request->prompt.digest && !(before == 0 && request->prompt.digest.empty()))
      continue;
    Place place{parent, request->prompt.messages, std::move(digest), {}, {}};
    for (auto& message : request->append) place.said.push_back({std::move(message), {}});
    into.requests[operation] = into.places.size();
    into.places.push_back(std::move(place));
    into.bytes += input.size();
    return;
  }
}

void ConversationLog::add_answer(Run& into, OperationId operation, std::string const& result) {
  auto const request = into.requests.find(operation);
  if (request == into.requests.end()) return;
  auto reply = from_json<agent::ModelReply>(result);
  if (!reply) return;
  PromptMessage said;
  said.message.role = "assistant";
  said.message.content = std::move(reply->content);
  said.message.tool_calls = std::move(reply->tool_calls);
  // What a server wants back unread is of no use to it when redaction has changed it.
  auto const whole = parse_json(result);
  auto const* const blocks = whole->find("reasoning_blocks");
  if (blocks != nullptr && blocks->as_array() != nullptr)
    for (auto const& block : *blocks->as_array())
      if (!to_string(block).contains("[secret:")) said.reasoning.push_back(block);
  auto const& from = into.places[request->second];
  Place place{request->second,
              from.messages + 1,
              chain_message(from.digest, said.message),
              {},
              routed_by(*whole)};
  place.said.push_back(std::move(said));
  into.places.push_back(std::move(place));
  into.bytes += result.size();
}

Result<> ConversationLog::read_on(SessionId const& session, RunId const& run, Run& into) const {
  Result<> outcome;
  TRY_VOID(storage::read_verified(
      log_,
      session,
      run,
      into.read_to + 1,
      storage::Reading::show,
      [&](storage::DecodedStep const& step) {
        for (auto const& event : step.step.events) {
          if (event.sequence <= into.read_to) continue;
          into.read_to = event.sequence;
          auto const* const requested = std::get_if<storage::OperationRequested>(&event.body);
          auto const* const completed = std::get_if<storage::ModelCompleted>(&event.body);
          if (requested != nullptr && requested->kind == storage::OperationKind::model) {
            auto const input = bytes_of(session, requested->input);
            if (input) add_request(into, event.operation, *input);
            if (!input) outcome = input.error();
          } else if (completed != nullptr) {
            auto const result = bytes_of(session, completed->result);
            if (result) add_answer(into, event.operation, *result);
            if (!result) outcome = result.error();
          }
          if (!outcome) return false;
        }
        return true;
      }));
  return outcome;
}

Result<Conversation> ConversationLog::prompt(SessionId const& session,
                                             RunId const& run,
                                             OperationId operation,
                                             agent::ModelRequest const& request) {
  auto const entry = entry_of(run);
  std::lock_guard const lock(entry->mutex);
  auto& read = entry->read;
  if (!read.requests.contains(operation)) {
    if (auto const done = read_on(session, run, read); !done) {
      read = Run();
      return done.error();
    }
  }
  auto const found = read.requests.find(operation);
  if (found == read.requests.end())
    return Error{Errc::not_found,
                 "the log does not hold the conversation of " +
                     std::to_string(request.prompt.messages) + " messages with the digest " +
                     request.prompt.digest.substr(0, 16)};
  Conversation conversation;
  auto& messages = conversation.messages;
  for (auto place = read.places[found->second].parent; place != 0;
       place = read.places[place].parent) {
    auto const& [parent, count, digest, said, routed] = read.places[place];
    messages.insert(messages.end(), said.rbegin(), said.rend());
    if (!conversation.last) conversation.last = routed;
  }
  std::ranges::reverse(messages);
  for (auto const& message : request.append) messages.push_back({message, {}});
  if (read.bytes > max_run_bytes) read = Run();
  return conversation;
}

}  // namespace dalsegno::activities
