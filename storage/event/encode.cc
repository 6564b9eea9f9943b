#include "storage/event/codec.h"
#include "storage/event/event_codec.h"
#include "storage/event/record.h"

#include <bit>
#include <limits>

namespace dalsegno::storage {
namespace {

std::string_view write_header(flatbuffers::FlatBufferBuilder& out, StepHeader const& header) {
  out.Clear();
  auto const log_id = std::bit_cast<wire::RunId>(header.log_id);
  auto const run = std::bit_cast<wire::RunId>(header.run);
  auto const previous = std::bit_cast<wire::Digest>(header.previous);
  auto const tenant = out.CreateString(header.session.tenant);
  auto const name = out.CreateString(header.session.name);
  out.Finish(wire::CreateStepHeader(out,
                                    header.format,
                                    &log_id,
                                    tenant,
                                    name,
                                    &run,
                                    header.first_sequence,
                                    header.epoch,
                                    header.previous == Digest{} ? nullptr : &previous,
                                    header.recorded_at.time_since_epoch().count(),
                                    header.cause));
  return {reinterpret_cast<char const*>(out.GetBufferPointer()), out.GetSize()};
}

/// Why `step` cannot be written, whatever its events hold; empty: it can.
std::string_view malformed(Step const& step) {
  auto const& header = step.header;
  auto const recorded_at = header.recorded_at.time_since_epoch().count();
  if (header.format != current_format) return "this version writes one format only";
  if (!valid(header.session)) return "not a valid session id";
  if (header.first_sequence == 0) return "sequences begin with 1";
  if (header.first_sequence > std::numeric_limits<Sequence>::max() - max_events_per_step)
    return "sequence too high";
  if (recorded_at < 0 || recorded_at > max_time_microseconds)
    return "recorded outside of the years 1970 to 9999";
  if (step.events.empty()) return "a step without events";
  auto expected = header.first_sequence;
  for (auto const& event : step.events)
    if (event.sequence != expected++) return "sequences are not consecutive";
  return {};
}

Error refuse(Errc code, Step const& step, std::string_view what) {
  return Error{code,
               to_string(step.header.session) + ", step at " +
                   std::to_string(step.header.first_sequence) + ": " + std::string(what)};
}

flatbuffers::FlatBufferBuilder& part_buffer() {
  thread_local flatbuffers::FlatBufferBuilder buffer(4096);
  return buffer;
}

}  // namespace

Result<EncodedStep> encode(Step const& step) {
  if (auto const why = malformed(step); !why.empty()) return refuse(Errc::invalid, step, why);
  if (step.events.size() > max_events_per_step)
    return refuse(Errc::too_large, step, std::to_string(step.events.size()) + " events");
  auto& part = part_buffer();
  RecordBuilder record;
  std::vector<Digest> hashes;
  hashes.reserve(step.events.size());
  for (auto const& event : step.events) {
    auto const [bytes, problem] = write_event(part, event);
    if (problem)
      return refuse(*problem,
                    step,
                    std::string(name_of(event.body)) + " at " + std::to_string(event.sequence));
    if (record.size_bytes() + bytes.size() + max_event_bytes > max_step_bytes)
      return refuse(Errc::too_large, step, "its events together");
    hashes.push_back(hash_event(bytes));
    record.add_event(bytes);
  }
  auto const header = write_header(part, step.header);
  auto const hash = hash_step(header, hashes);
  return EncodedStep{std::string(record.finish(header)), hash};
}

}  // namespace dalsegno::storage
