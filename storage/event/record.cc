#include "storage/event/record.h"

#include "dalsegno/try.h"
#include "storage/event/codec.h"

#include <cstring>

namespace dalsegno::storage {
namespace {

constexpr std::size_t alignment = 8;  // of the bytes of a header or event within the record
constexpr std::size_t largest_kept_buffer = 1024 * 1024;  // a thread gives back what is larger

std::string_view text(std::uint8_t const* data, std::size_t size) {
  return {reinterpret_cast<char const*>(data), size};
}

std::uint8_t const* octets(std::string_view bytes) {
  return reinterpret_cast<std::uint8_t const*>(bytes.data());
}

bool aligned(char const* data) { return reinterpret_cast<std::uintptr_t>(data) % alignment == 0; }

std::string_view view(std::array<char, 4> const& bytes) { return {bytes.data(), bytes.size()}; }

std::array<char, 4> little_endian(std::size_t value) {
  std::array<char, 4> bytes{};
  for (auto& byte : bytes) {
    byte = static_cast<char>(static_cast<std::uint8_t>(value));
    value >>= 8U;
  }
  return bytes;
}

flatbuffers::FlatBufferBuilder& record_buffer() {
  thread_local flatbuffers::FlatBufferBuilder buffer(4096);
  return buffer;
}

flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> put_nested(
    flatbuffers::FlatBufferBuilder& out, std::string_view bytes) {
  out.ForceVectorAlignment(bytes.size(), 1, alignment);
  return out.CreateVector(octets(bytes), bytes.size());
}

template <class Table>
Table const* verified(std::string_view bytes, char const* identifier) {
  if (!aligned(bytes.data())) return nullptr;
  flatbuffers::Verifier::Options options;
  options.check_nested_flatbuffers =
      false;  // verify_event does, once it is known that they are aligned
  options.max_tables = 2 * max_events_per_step;
  flatbuffers::Verifier verifier(octets(bytes), bytes.size(), options);
  return verifier.VerifyBuffer<Table>(identifier) ? flatbuffers::GetRoot<Table>(bytes.data())
                                                  : nullptr;
}

std::string_view nested(flatbuffers::Vector<std::uint8_t> const& bytes) {
  return text(bytes.data(), bytes.size());
}

/// Whether `bytes` are what RecordBuilder makes of the parts of `record`.
bool canonical(Record const& record, std::string_view bytes) {
  RecordBuilder builder;
  for (auto const event : record.events) builder.add_event(event);
  return builder.finish(record.header_bytes) == bytes;
}

}  // namespace

Digest hash_event(std::string_view event) { return sha256({std::string_view("\0", 1), event}); }

Digest hash_step(std::string_view header, std::span<Digest const> events) {
  static_assert(sizeof(Digest) == 32);
  auto const header_size = little_endian(header.size());
  auto const count = little_endian(events.size());
  auto const hashes =
      std::string_view(reinterpret_cast<char const*>(events.data()), events.size_bytes());
  return sha256({"dalsegno/step/1", view(header_size), header, view(count), hashes});
}

RecordBuilder::RecordBuilder() : out_(record_buffer()) { out_.Clear(); }

RecordBuilder::~RecordBuilder() {
  if (out_.GetSize() > largest_kept_buffer) out_.Reset();
}

void RecordBuilder::add_event(std::string_view event) {
  events_.push_back(wire::CreateEventBytes(out_, put_nested(out_, event)));
}

std::string_view RecordBuilder::finish(std::string_view header) {
  auto const header_bytes = put_nested(out_, header);
  auto const events = out_.CreateVector(events_);
  wire::FinishStepRecordBuffer(out_, wire::CreateStepRecord(out_, header_bytes, events));
  return text(out_.GetBufferPointer(), out_.GetSize());
}

std::vector<Digest> Record::event_hashes() const {
  std::vector<Digest> hashes;
  hashes.reserve(events.size());
  for (auto const event : events) hashes.push_back(hash_event(event));
  return hashes;
}

Result<Record> read_record(std::string_view bytes, FrameCheck check) {
  Record record;
  TRY_VOID(read_record(record, bytes, check));
  return record;
}

Result<> read_record(Record& record, std::string_view bytes, FrameCheck check) {
  if (bytes.size() > max_step_bytes) return Error{Errc::corrupt, "not a step: too large"};
  if (!aligned(bytes.data())) {
    auto const words = bytes.size() / 8 + 1;
    if (record.copy.size() < words) record.copy.resize(words);
    std::memcpy(record.copy.data(), bytes.data(), bytes.size());
    bytes = {reinterpret_cast<char const*>(record.copy.data()), bytes.size()};
  }
  auto const* root = verified<wire::StepRecord>(bytes, wire::StepRecordIdentifier());
  if (!root) return Error{Errc::corrupt, "not a step record"};
  record.header_bytes = nested(*root->header());
  record.header = verified<wire::StepHeader>(record.header_bytes, nullptr);
  if (!record.header) return Error{Errc::corrupt, "the step's header is damaged"};
  if (root->events()->size() > max_events_per_step)
    return Error{Errc::corrupt, "a step with too many events"};
  record.events.clear();
  record.events.reserve(root->events()->size());
  for (auto const* event : *root->events()) record.events.push_back(nested(*event->bytes()));
  // Parts that share bytes could add up to far more than the record.
  auto parts_size = record.header_bytes.size();
  for (auto const event : record.events) parts_size += event.size();
  if (parts_size > bytes.size()) return Error{Errc::corrupt, "the step's parts overlap"};
  bool const ours = record.header->format() <= current_format;
  if (ours && check == FrameCheck::exact && !canonical(record, bytes))
    return Error{Errc::corrupt, "the step's frame is damaged"};
  return {};
}

wire::Event const* verify_event(std::string_view bytes) {
  return bytes.size() <= max_event_bytes ? verified<wire::Event>(bytes, nullptr) : nullptr;
}

}  // namespace dalsegno::storage
