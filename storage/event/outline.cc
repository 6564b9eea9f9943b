#include "storage/event/outline.h"

#include "dalsegno/try.h"
#include "storage/event/record.h"

namespace dalsegno::storage {

// A kind's place in EventBody is its number on disk; here for the ones at both ends and between.
static_assert(type_number<SessionStarted>() ==
              static_cast<std::size_t>(wire::EventBody::SessionStarted));
static_assert(type_number<OperatorActed>() ==
              static_cast<std::size_t>(wire::EventBody::OperatorActed));
static_assert(type_number<TokenRevoked>() ==
              static_cast<std::size_t>(wire::EventBody::TokenRevoked));
static_assert(type_number<EngineStarted>() == static_cast<std::size_t>(wire::EventBody::MAX));

Result<StepOutline> outline(std::string_view bytes) {
  Record record;
  TRY_VOID(read_record(record, bytes, FrameCheck::parts_only));
  StepOutline out;
  out.session = {record.header->tenant()->str(), record.header->name()->str()};
  for (auto const event : record.events) {
    auto const* const stored = verify_event(event);
    if (stored == nullptr)
      return Error{Errc::corrupt, to_string(out.session) + ": an event of the step is damaged"};
    out.types.set(static_cast<std::size_t>(stored->body_type()));
  }
  return out;
}

}  // namespace dalsegno::storage
