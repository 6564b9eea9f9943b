#include "storage/log/records.h"

#include "dalsegno/try.h"
#include "storage/log/bytes.h"

#include <cassert>
#include <limits>
#include <utility>

namespace dalsegno::storage {
namespace {

constexpr std::uint8_t head_format = 1;
constexpr std::uint8_t paused_bit = 0x80;  // in the byte of the status
constexpr std::uint8_t secret_format = 1;
constexpr std::uint8_t commit_format = 1;
constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;

// A step of a commit record says what is new against the step before it.
constexpr std::uint8_t same_session = 1;  // partition, tenant and name
constexpr std::uint8_t same_run = 2;
constexpr std::uint8_t same_tenant = 4;
constexpr std::uint8_t known_flags = same_session | same_run | same_tenant;

void put_session(ByteWriter& out, SessionId const& session) {
  out.raw(session.tenant);
  out.u8(0);
  out.raw(session.name);
  out.u8(0);
}

SessionId take_session(ByteReader& in) {
  SessionId session;
  session.tenant = in.until_zero();
  session.name = in.until_zero();
  return session;
}

Error corrupt(std::string_view what) {
  return {Errc::corrupt, std::string(what) + " cannot be read"};
}

/// Reads the format byte of a record.
Result<> check_format(ByteReader& in, std::uint8_t newest, std::string_view what) {
  auto const format = in.u8();
  if (!in.ok() || format == 0) return corrupt(what);
  if (format > newest) {
    return Error{Errc::newer_format,
                 std::string(what) + " has format " + std::to_string(format) +
                     ", this program reads up to " + std::to_string(newest)};
  }
  return {};
}

Time time_from(std::int64_t microseconds) { return Time{std::chrono::microseconds{microseconds}}; }

}  // namespace

std::string checkpoint_key(std::uint32_t partition,
                           SessionId const& session,
                           RunId const& run,
                           Sequence sequence) {
  return run_prefix(partition, session, run).append(encode_sequence(sequence));
}

std::string producer_key_key(std::uint32_t partition,
                             SessionId const& session,
                             std::string_view key) {
  return session_prefix(partition, session).append(key);
}

std::string vault_key(std::uint32_t partition, SessionId const& session, std::string_view name) {
  return session_prefix(partition, session).append(name);
}

std::string artifact_key(std::uint32_t partition, SessionId const& session, Digest const& digest) {
  ByteWriter out;
  out.raw(session_prefix(partition, session));
  out.raw(digest.bytes);
  return out.take();
}

std::string timer_key(Timer const& timer) {
  ByteWriter out;
  out.u64be(static_cast<std::uint64_t>(timer.due.time_since_epoch().count()) ^ sign_bit);
  put_session(out, timer.session);
  out.raw(timer.run.bytes);
  out.u64be(static_cast<std::uint64_t>(timer.operation));
  return out.take();
}

std::string timer_key_prefix(Time due) {
  ByteWriter out;
  out.u64be(static_cast<std::uint64_t>(due.time_since_epoch().count()) ^ sign_bit);
  return out.take();
}

std::string commit_key(std::uint32_t generation, std::uint64_t number) {
  ByteWriter out;
  out.u16be(commit_partition);
  out.u32be(generation);
  out.u64be(number);
  return out.take();
}

std::optional<SessionId> parse_session_prefix(std::string_view key) {
  ByteReader in(key);
  auto const partition = in.u16be();
  auto session = take_session(in);
  if (!in.done() || partition >= first_reserved_partition) return std::nullopt;
  return session;
}

std::optional<Timer> parse_timer_key(std::string_view key) {
  ByteReader in(key);
  Timer timer;
  timer.due = time_from(static_cast<std::int64_t>(in.u64be() ^ sign_bit));
  timer.session = take_session(in);
  timer.run.bytes = in.array<16>();
  timer.operation = static_cast<OperationId>(in.u64be());
  if (!in.done()) return std::nullopt;
  return timer;
}

std::optional<CommitPlace> parse_commit_key(std::string_view key) {
  ByteReader in(key);
  if (in.u16be() != commit_partition) return std::nullopt;
  CommitPlace place;
  place.generation = in.u32be();
  place.number = in.u64be();
  if (!in.done()) return std::nullopt;
  return place;
}

std::string encode_head(Head const& head) {
  ByteWriter out;
  out.reserve(96 + head.workflow.size());
  out.u8(head_format);
  out.u8(static_cast<std::uint8_t>(static_cast<unsigned>(head.status) |
                                   (head.paused ? paused_bit : 0U)));
  out.raw(head.run.bytes);
  out.raw(head.hash.bytes);
  out.varint(head.last_sequence);
  out.varint(head.epoch);
  out.zigzag(head.started_at.time_since_epoch().count());
  out.zigzag(head.updated_at.time_since_epoch().count());
  out.varint(head.steps);
  out.varint(head.checkpoint);
  out.varint(head.open_attempts);
  out.text(head.workflow);
  return out.take();
}

Result<Head> decode_head(std::string_view bytes) {
  ByteReader in(bytes);
  TRY_VOID(check_format(in, head_format, "a session's head"));
  Head head;
  auto const status_and_bit = in.u8();
  auto const status = static_cast<std::uint8_t>(status_and_bit & ~paused_bit);
  head.status = static_cast<SessionStatus>(status);
  head.paused = (status_and_bit & paused_bit) != 0;
  head.run.bytes = in.array<16>();
  head.hash.bytes = in.array<32>();
  head.last_sequence = in.varint();
  head.epoch = in.varint();
  head.started_at = time_from(in.zigzag());
  head.updated_at = time_from(in.zigzag());
  head.steps = in.varint();
  head.checkpoint = in.varint();
  auto const open_attempts = in.varint();
  head.open_attempts = static_cast<std::uint32_t>(open_attempts);
  head.workflow = in.text();
  bool const in_range = status <= static_cast<std::uint8_t>(SessionStatus::continued) &&
                        open_attempts <= std::numeric_limits<std::uint32_t>::max();
  if (!in.done() || !in_range) return corrupt("a session's head");
  return head;
}

std::string encode_sequence(Sequence sequence) {
  ByteWriter out;
  out.u64be(sequence);
  return out.take();
}

Result<Sequence> decode_sequence(std::string_view bytes) {
  ByteReader in(bytes);
  auto const sequence = in.u64be();
  if (!in.done()) return corrupt("a sequence");
  return sequence;
}

std::string encode_secret(SessionSecret const& secret) {
  ByteWriter out;
  out.u8(secret_format);
  out.raw(secret.bytes);
  return out.take();
}

Result<SessionSecret> decode_secret(std::string_view bytes) {
  ByteReader in(bytes);
  TRY_VOID(check_format(in, secret_format, "a session's secret"));
  SessionSecret secret{in.array<32>()};
  if (!in.done()) return corrupt("a session's secret");
  return secret;
}

EncodedCommit encode_commit(CommitRecord const& record) {
  ByteWriter out;
  out.reserve(40 + record.steps.size() * 24);
  out.u8(commit_format);
  out.raw(record.previous.bytes);
  out.varint(record.steps.size());
  StepKey before;
  bool first = true;
  for (auto const& step : record.steps) {
    auto place = parse_step_key(step.key);
    assert(place && step.last_sequence >= place->first_sequence);
    std::uint8_t flags = 0;
    if (!first && place->session.tenant == before.session.tenant) flags |= same_tenant;
    if (!first && place->session == before.session && place->partition == before.partition)
      flags |= same_session;
    if ((flags & same_session) != 0 && place->run == before.run) flags |= same_run;
    out.u8(flags);
    if ((flags & same_session) == 0) {
      out.varint(place->partition);
      if ((flags & same_tenant) == 0) out.text(place->session.tenant);
      out.text(place->session.name);
    }
    if ((flags & same_run) == 0) out.raw(place->run.bytes);
    out.varint(place->first_sequence);
    out.varint(step.last_sequence - place->first_sequence);
    before = std::move(*place);
    first = false;
  }
  return {.key = commit_key(record.generation, record.number), .value = out.take()};
}

Result<CommitRecord> decode_commit(std::string_view key, std::string_view value) {
  auto const where = parse_commit_key(key);
  if (!where) return corrupt("the key of a commit record");
  auto const what =
      "commit record " + std::to_string(where->generation) + "/" + std::to_string(where->number);
  ByteReader in(value);
  TRY_VOID(check_format(in, commit_format, what));
  CommitRecord record;
  record.generation = where->generation;
  record.number = where->number;
  record.previous.bytes = in.array<32>();
  auto const count = in.varint();
  StepKey place;
  // Every step takes at least three bytes, so a wrong count cannot make us reserve or loop for
  // long.
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    auto const flags = in.u8();
    bool const first_refers_back = i == 0 && flags != 0;
    bool const run_without_session = (flags & same_run) != 0 && (flags & same_session) == 0;
    if ((flags & ~known_flags) != 0 || first_refers_back || run_without_session)
      return corrupt(what);
    if ((flags & same_session) == 0) {
      auto const partition = in.varint();
      if (partition >= first_reserved_partition) return corrupt(what);
      place.partition = static_cast<std::uint32_t>(partition);
      if ((flags & same_tenant) == 0) place.session.tenant = in.text();
      place.session.name = in.text();
    }
    if ((flags & same_run) == 0) place.run.bytes = in.array<16>();
    place.first_sequence = in.varint();
    auto const more = in.varint();
    if (more > std::numeric_limits<Sequence>::max() - place.first_sequence) return corrupt(what);
    record.steps.push_back(
        {.key = step_key(place.partition, place.session, place.run, place.first_sequence),
         .last_sequence = place.first_sequence + more});
  }
  if (!in.done()) return corrupt(what);
  return record;
}

Digest commit_digest(std::string_view key,
                     std::string_view value,
                     std::span<Digest const> step_hashes) {
  std::string hashes;
  hashes.reserve(step_hashes.size() * 32);
  for (auto const& hash : step_hashes)
    hashes.append(reinterpret_cast<char const*>(hash.bytes.data()), 32);
  return sha256({"dalsegno/commit/1", key, value, hashes});
}

}  // namespace dalsegno::storage
