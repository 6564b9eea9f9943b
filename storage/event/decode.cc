#include "dalsegno/try.h"
#include "storage/event/codec.h"
#include "storage/event/event_codec.h"
#include "storage/event/record.h"

#include <bit>
#include <limits>
#include <utility>
#include <vector>

namespace dalsegno::storage {
namespace {

/// False when a field is out of its range. A session that `header` names already is known to be
/// valid when `known` says so.
bool read_header(wire::StepHeader const& it, StepHeader& header, bool known) {
  auto const recorded_at = it.recorded_at();
  if (it.format() == 0 || it.first_sequence() == 0 || recorded_at < 0 ||
      recorded_at > max_time_microseconds)
    return false;
  if (it.first_sequence() > std::numeric_limits<Sequence>::max() - max_events_per_step)
    return false;
  header.format = it.format();
  header.log_id = std::bit_cast<RunId>(*it.log_id());
  auto const tenant = it.tenant()->string_view();
  auto const name = it.name()->string_view();
  bool const same = known && header.session.tenant == tenant && header.session.name == name;
  if (!same) header.session = {std::string(tenant), std::string(name)};
  header.run = std::bit_cast<RunId>(*it.run());
  header.first_sequence = it.first_sequence();
  header.epoch = it.epoch();
  auto const* const previous = it.previous();
  header.previous = previous ? std::bit_cast<Digest>(*previous) : Digest{};
  header.recorded_at = Time(std::chrono::microseconds(recorded_at));
  header.cause = it.cause();
  return same || valid(header.session);
}

Error damaged(StepHeader const& header, Sequence sequence) {
  return Error{
      Errc::corrupt,
      to_string(header.session) + ": the event at " + std::to_string(sequence) + " is damaged"};
}

/// A body that a newer format wrote and that does not fit ours any more can still be shown as
/// unknown.
Result<> decode_event(std::string_view bytes,
                      StepHeader const& header,
                      Sequence sequence,
                      Reading reading,
                      Event& event) {
  auto const* stored = verify_event(bytes);
  if (!stored || stored->sequence() != sequence) return damaged(header, sequence);
  auto const type = static_cast<std::uint8_t>(stored->body_type());
  if (!read_event(*stored, event)) {
    if (header.format <= current_format) return damaged(header, sequence);
    event = Event{sequence, OperationId{stored->operation()}, UnknownBody{type}};
  }
  if (reading != Reading::show && std::holds_alternative<UnknownBody>(event.body))
    return Error{Errc::newer_format,
                 to_string(header.session) + ": the event at " + std::to_string(sequence) +
                     " is of a kind, " + std::to_string(type) +
                     ", that this version does not know"};
  return {};
}

Result<> decode_header(Record const& record, Reading reading, StepHeader& header, bool known) {
  if (!read_header(*record.header, header, known))
    return Error{Errc::corrupt, "a field of the step's header is out of its range"};
  if (header.format > current_format && reading != Reading::show)
    return Error{Errc::newer_format,
                 to_string(header.session) + ": written in format " +
                     std::to_string(header.format) + ", this version runs up to " +
                     std::to_string(current_format)};
  if (record.events.empty())
    return Error{Errc::corrupt, to_string(header.session) + ": a step without events"};
  return {};
}

/// What is needed while a step is decoded.
struct Workspace {
  Record record;
  std::vector<Digest> hashes;
};

/// `known_session`: the one in `into` is valid.
Result<> decode_into(DecodedStep& into,
                     std::string_view bytes,
                     Reading reading,
                     Workspace& workspace,
                     bool known_session) {
  auto& [record, hashes] = workspace;
  auto& [header, events] = into.step;
  auto const check = reading == Reading::replay ? FrameCheck::parts_only : FrameCheck::exact;
  TRY_VOID(read_record(record, bytes, check));
  TRY_VOID(decode_header(record, reading, header, known_session));
  events.resize(record.events.size());
  hashes.resize(record.events.size());
  auto sequence = header.first_sequence;
  for (std::size_t i = 0; i < events.size(); ++i) {
    TRY_VOID(decode_event(record.events[i], header, sequence++, reading, events[i]));
    hashes[i] = hash_event(record.events[i]);
  }
  into.hash = hash_step(record.header_bytes, hashes);
  return {};
}

}  // namespace

Result<DecodedStep> decode(std::string_view bytes, Reading reading) {
  DecodedStep decoded;
  Workspace workspace;
  TRY_VOID(decode_into(decoded, bytes, reading, workspace, false));
  return decoded;
}

struct StepDecoder::Memory {
  DecodedStep decoded;
  Workspace workspace;
  bool known_session = false;
};

StepDecoder::StepDecoder(Reading reading)
    : reading_(reading), memory_(std::make_unique<Memory>()) {}

StepDecoder::~StepDecoder() = default;

Result<DecodedStep const*> StepDecoder::decode(std::string_view bytes) {
  auto& [decoded, workspace, known_session] = *memory_;
  bool const known = std::exchange(known_session, false);
  TRY_VOID(decode_into(decoded, bytes, reading_, workspace, known));
  known_session = true;
  return &decoded;
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
  StepHeader header;
  TRY_VOID(decode_header(*record, Reading::show, header, false));
  return header.first_sequence + record->events.size() - 1;
}

}  // namespace dalsegno::storage
