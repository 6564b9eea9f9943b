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

Result<> ConversationLog::take(SessionId const& session,
                               storage::Event const& event,
                               Run& into) const {
  auto const unreadable = [&](char const* what, Error const& error) {
    return Error{error.code,
                 std::string("what ") + what + " at event " + std::to_string(event.sequence) +
                     " of " + to_string(session) + ": " + error.detail};
  };
  auto const* const requested = std::get_if<storage::OperationRequested>(&event.body);
  if (requested != nullptr && requested->kind == storage::OperationKind::model) {
    auto const input = bytes_of(session, requested->input);
    if (!input) return unreadable("a model was asked", input.error());
    add_request(into, event.operation, *input);
  }
  if (auto const* const completed = std::get_if<storage::ModelCompleted>(&event.body)) {
    auto const result = bytes_of(session, completed->result);
    if (!result) return unreadable("a model answered", result.error());
    add_answer(into, event.operation, *result);
  }
  return {};
}

Result<> ConversationLog::read_on(SessionId const& session,
                                  RunId const& run,
                                  OperationId wanted,
                                  Run& into) const {
  Result<> outcome;
  auto const take_step = [&](storage::DecodedStep const& step) {
    for (auto const& event : step.step.events) {
      if (event.sequence <= into.read_to) continue;
      into.read_to = event.sequence;
      outcome = take(session, event, into);
      // What comes after is not part of its prompt, and need not be readable.
      if (!outcome || into.requests.contains(wanted)) return false;
    }
    return true;
  };
  TRY_VOID(storage::read_verified(
      log_, session, run, into.read_to + 1, storage::Reading::show, take_step));
  return outcome;
}

/// Says which message is the first that cannot be the one that the request means.
Error ConversationLog::not_recorded(Run const& read, agent::ModelRequest const& request) {
  auto const all = request.prompt.messages;
  auto detail = "the log does not hold the conversation of " + std::to_string(all) +
                " messages with the digest " + request.prompt.digest.substr(0, 16) + ": ";
  if (request.append.size() > all)
    return {Errc::not_found,
            detail + "the request brings more messages than that, " +
                std::to_string(request.append.size())};
  auto const before = all - request.append.size();
  std::uint64_t held = 0;    // messages that there are before the new ones
  std::uint64_t proven = 0;  // of these, by the digest of an earlier request
  for (auto const& place : read.places)
    if (place.messages <= before) held = std::max(held, place.messages);
  for (auto const& [operation, place] : read.requests)
    if (read.places[place].messages <= before)
      proven = std::max(proven, read.places[place].messages);
  detail += held < before ? "message " + std::to_string(held) + " is not there"
                          : "message " + std::to_string(proven) +
                                " or one after it is another than the request means";
  return {Errc::not_found, detail + " (counting from 0)"};
}

Result<Conversation> ConversationLog::prompt(SessionId const& session,
                                             RunId const& run,
                                             OperationId operation,
                                             agent::ModelRequest const& request) {
  auto const entry = entry_of(run);
  std::lock_guard const lock(entry->mutex);
  auto& read = entry->read;
  if (!read.requests.contains(operation)) {
    if (auto const done = read_on(session, run, operation, read); !done) {
      read = Run();
      return done.error();
    }
  }
  auto const found = read.requests.find(operation);
  if (found == read.requests.end()) return not_recorded(read, request);
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
