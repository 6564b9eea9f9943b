#include "storage/event/codec.h"
#include "storage/event/event_codec.h"
#include "storage/event/record.h"

#include <bit>
#include <limits>

namespace dalsegno::storage {
namespace {

/// Absent when a field is out of its range.
std::optional<StepHeader> read_header(wire::StepHeader const& it) {
  auto const recorded_at = it.recorded_at();
  if (it.format() == 0 || it.first_sequence() == 0 || recorded_at < 0 ||
      recorded_at > max_time_microseconds)
    return std::nullopt;
  if (it.first_sequence() > std::numeric_limits<Sequence>::max() - max_events_per_step)
    return std::nullopt;
  StepHeader header;
  header.format = it.format();
  header.log_id = std::bit_cast<RunId>(*it.log_id());
  header.session = {it.tenant()->str(), it.name()->str()};
  header.run = std::bit_cast<RunId>(*it.run());
  header.first_sequence = it.first_sequence();
  header.epoch = it.epoch();
  if (auto const* previous = it.previous()) header.previous = std::bit_cast<Digest>(*previous);
  header.recorded_at = Time(std::chrono::microseconds(recorded_at));
  header.cause = it.cause();
  if (!valid(header.session)) return std::nullopt;
  return header;
}

Error damaged(StepHeader const& header, Sequence sequence) {
  return Error{
      Errc::corrupt,
      to_string(header.session) + ": the event at " + std::to_string(sequence) + " is damaged"};
}

/// A body that a newer format wrote and that does not fit ours any more can still be shown as
/// unknown.
Result<Event> decode_event(std::string_view bytes,
                           StepHeader const& header,
                           Sequence sequence,
                           Reading reading) {
  auto const* stored = verify_event(bytes);
  if (!stored || stored->sequence() != sequence) return damaged(header, sequence);
  auto event = read_event(*stored);
  auto const type = static_cast<std::uint8_t>(stored->body_type());
  if (!event && header.format > current_format)
    event = Event{sequence, OperationId{stored->operation()}, UnknownBody{type}};
  if (!event) return damaged(header, sequence);
  if (reading != Reading::show && std::holds_alternative<UnknownBody>(event->body))
    return Error{Errc::newer_format,
                 to_string(header.session) + ": the event at " + std::to_string(sequence) +
                     " is of a kind, " + std::to_string(type) +
                     ", that this version does not know"};
  return std::move(*event);
}

Result<StepHeader> decode_header(Record const& record, Reading reading) {
  auto header = read_header(*record.header);
  if (!header) return Error{Errc::corrupt, "a field of the step's header is out of its range"};
  if (header->format > current_format && reading != Reading::show)
    return Error{Errc::newer_format,
                 to_string(header->session) + ": written in format " +
                     std::to_string(header->format) + ", this version runs up to " +
                     std::to_string(current_format)};
  if (record.events.empty())
    return Error{Errc::corrupt, to_string(header->session) + ": a step without events"};
  return std::move(*header);
}

}  // namespace

Result<DecodedStep> decode(std::string_view bytes, Reading reading) {
  auto record =
      read_record(bytes, reading == Reading::replay ? FrameCheck::parts_only : FrameCheck::exact);
  if (!record) return Error(std::move(record).error());
  auto header = decode_header(*record, reading);
  if (!header) return Error(std::move(header).error());
  DecodedStep decoded;
  decoded.step.header = std::move(*header);
  decoded.step.events.reserve(record->events.size());
  auto sequence = decoded.step.header.first_sequence;
  for (auto const part : record->events) {
    auto event = decode_event(part, decoded.step.header, sequence++, reading);
    if (!event) return Error(std::move(event).error());
    decoded.step.events.push_back(std::move(*event));
  }
  decoded.hash = hash_step(record->header_bytes, record->event_hashes());
  return decoded;
}

Result<Digest> step_hash(std::string_view bytes) {
  auto const record = read_record(bytes);
  if (!record) return record.error();
  return hash_step(record->header_bytes, record->event_hashes());
}

Result<std::vector<Digest>> event_hashes(std::string_view bytes) {
  auto const record = read_record(bytes);
  if (!record) return record.error();
  return record->event_hashes();
}

Result<Sequence> last_sequence(std::string_view bytes) {
  auto const record = read_record(bytes);
  if (!record) return record.error();
  auto const header = decode_header(*record, Reading::show);
  if (!header) return header.error();
  return header->first_sequence + record->events.size() - 1;
}

}  // namespace dalsegno::storage
