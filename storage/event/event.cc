#include "storage/event/event.h"

#include "storage/event/outline.h"

#include <array>

namespace dalsegno::storage {
namespace {

// In the order of EventBody.
constexpr std::array<std::string_view, std::variant_size_v<EventBody>> names = {
    "UnknownBody",        "SessionStarted",    "InputReceived",      "OperationRequested",
    "PolicyDecided",      "AttemptStarted",    "AttemptFailed",      "AttemptOrphaned",
    "OperationCompleted", "OperationFailed",   "OperationCancelled", "TimerStarted",
    "TimerFired",         "ValueRecorded",     "ModelCompleted",     "ToolCompleted",
    "CheckpointTaken",    "AttributeSet",      "AnswerGiven",        "Held",
    "Released",           "OperatorActed",     "PolicyActivated",    "LossAccepted",
    "SessionCompleted",   "SessionFailed",     "VersionChosen",      "CancelRequested",
    "SessionCancelled",   "ApprovalRequested", "ApprovalGiven",      "TokenCreated",
    "TokenRevoked",       "HeartbeatRecorded", "AttemptDeferred",    "OperationInDoubt",
    "DoubtResolved",      "RunCarried",        "ContinuedAsNew",     "ChildStarted",
    "ChildEnded",         "ParentEnded",       "CancellationAsked",  "ControlAsked",
    "UpdateEnded",        "StoreChanged",      "PromiseSettled",     "Forked",
    "EngineStarted"};
static_assert(!names.back().empty());

}  // namespace

std::string_view name_of(EventBody const& body) { return names[body.index()]; }

std::string_view name_of(ControlVerb verb) {
  switch (verb) {
    case ControlVerb::pause:
      return "pause";
    case ControlVerb::resume:
      return "resume";
    case ControlVerb::cancel:
      return "cancel";
    case ControlVerb::terminate:
      break;
  }
  return "terminate";
}

std::span<Contact const> contacts_of(EventBody const& body) {
  return std::visit(
      [](auto const& it) -> std::span<Contact const> {
        if constexpr (requires { it.contacts; }) {
          return it.contacts;
        } else {
          return {};
        }
      },
      body);
}

std::string_view type_name(std::size_t number) {
  return number > 0 && number < names.size() ? names[number] : "unknown";
}

}  // namespace dalsegno::storage
