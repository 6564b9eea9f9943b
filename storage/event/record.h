#pragma once

// The frame of a step on disk: header bytes and event bytes, each hashed as it is stored.
// Source: storage/format.md, "Step record".

#include "dalsegno/result.h"
#include "storage/event/digest.h"
#include "storage/event/event_generated.h"

#include <flatbuffers/flatbuffers.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace dalsegno::storage {

[[nodiscard]] Digest hash_event(std::string_view event);
[[nodiscard]] Digest hash_step(std::string_view header, std::span<Digest const> events);

/// Puts events and header, in this order, into one record. The buffer is the thread's: one builder
/// at a time.
class RecordBuilder {
 public:
  RecordBuilder();
  RecordBuilder(RecordBuilder const&) = delete;
  RecordBuilder& operator=(RecordBuilder const&) = delete;
  ~RecordBuilder();

  void add_event(std::string_view event);
  /// Lives as long as the builder.
  [[nodiscard]] std::string_view finish(std::string_view header);
  [[nodiscard]] std::size_t size_bytes() const { return out_.GetSize(); }

 private:
  flatbuffers::FlatBufferBuilder& out_;
  std::vector<flatbuffers::Offset<wire::EventBytes>> events_;
};

/// A record whose frame and header were verified; its events were not. The views reach into the
/// bytes it was read from (or into `copy`).
struct Record {
  std::string_view header_bytes;
  wire::StepHeader const* header = nullptr;
  std::vector<std::string_view> events;
  std::vector<std::uint64_t> copy;  ///< used when the bytes began at an odd address

  [[nodiscard]] std::vector<Digest> event_hashes() const;
};

/// Verifies untrusted bytes. There is one way only to frame given parts: with FrameCheck::exact
/// bytes that the hash does not cover are refused. Errors: Errc::corrupt.
enum class FrameCheck : std::uint8_t { exact, parts_only };
[[nodiscard]] Result<Record> read_record(std::string_view bytes,
                                         FrameCheck check = FrameCheck::exact);
/// The same into `into`, whose memory is used again. After an error it is of no use.
[[nodiscard]] Result<> read_record(Record& into, std::string_view bytes, FrameCheck check);

/// The event in verified bytes; null: they are not one.
[[nodiscard]] wire::Event const* verify_event(std::string_view bytes);

}  // namespace dalsegno::storage
