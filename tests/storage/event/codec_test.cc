#include "storage/event/codec.h"

#include "storage/event/event_codec.h"
#include "storage/event/event_generated.h"
#include "storage/event/record.h"
#include "tests/support/event_gen.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cstring>
#include <functional>
#include <map>

namespace dalsegno::storage {
namespace {

RunId run_of(std::uint8_t byte) {
  RunId run;
  run.bytes.fill(byte);
  return run;
}

Digest digest_of(std::uint8_t byte) {
  Digest digest;
  digest.bytes.fill(byte);
  return digest;
}

/// What a step of an agent looks like: a call ends and the next begins.
Step sample() {
  Step step;
  step.header.log_id = run_of(0x11);
  step.header.session = {"default", "agent-1"};
  step.header.run = run_of(0x22);
  step.header.first_sequence = 6;
  step.header.epoch = 3;
  step.header.previous = digest_of(0x33);
  step.header.recorded_at = Time(std::chrono::microseconds(1'795'000'000'000'001));
  step.header.cause = 5;
  OperationCompleted completed;
  completed.attempt = 1;
  completed.result.bytes = R"({"text":"hello"})";
  OperationRequested requested;
  requested.kind = OperationKind::tool;
  requested.name = "search";
  requested.input.bytes = R"({"q":"x"})";
  requested.input_digest = digest_of(0x44);
  requested.retry = {5, 1000, 30'000, 2.0};
  requested.start_to_close_ms = 30'000;
  PolicyDecided decided;
  decided.attempt = 1;
  decided.effect = DecisionEffect::permit;
  decided.policy = digest_of(0x55);
  decided.principal = "user:alice";
  decided.action = "tool.call";
  decided.resource = "search";
  decided.input_digest = digest_of(0x44);
  decided.rules = {"allow-search"};
  step.events.push_back({6, OperationId{1}, completed});
  step.events.push_back({7, OperationId{2}, requested});
  step.events.push_back({8, OperationId{2}, decided});
  step.events.push_back({9, OperationId{2}, AttemptStarted{1, digest_of(0x44)}});
  return step;
}

Step one_event(EventBody body) {
  auto step = sample();
  step.events.clear();
  step.events.push_back({step.header.first_sequence, OperationId{1}, std::move(body)});
  return step;
}

struct ForgedHeader {
  std::uint16_t format = current_format;
  SessionId session{"default", "forged"};
  Sequence first_sequence = 1;
  std::int64_t recorded_at = 0;
};

std::string_view finished(flatbuffers::FlatBufferBuilder& out) {
  return {reinterpret_cast<char const*>(out.GetBufferPointer()), out.GetSize()};
}

/// A record with a well-made frame, whatever its header and events say.
std::string forge(ForgedHeader const& header, std::vector<std::string> const& events) {
  RecordBuilder record;
  for (auto const& event : events) record.add_event(event);
  flatbuffers::FlatBufferBuilder out;
  auto const log_id = std::bit_cast<wire::RunId>(run_of(1));
  auto const run = std::bit_cast<wire::RunId>(run_of(2));
  auto const tenant = out.CreateString(header.session.tenant);
  auto const name = out.CreateString(header.session.name);
  out.Finish(wire::CreateStepHeader(out,
                                    header.format,
                                    &log_id,
                                    tenant,
                                    name,
                                    &run,
                                    header.first_sequence,
                                    1,
                                    nullptr,
                                    header.recorded_at,
                                    0));
  return std::string(record.finish(finished(out)));
}

std::string forge_event(Sequence sequence, wire::EventBody type, auto const& make_body) {
  flatbuffers::FlatBufferBuilder out;
  auto const body = make_body(out);
  out.Finish(wire::CreateEvent(out, sequence, 0, type, body.Union()));
  return std::string(finished(out));
}

std::string attempt_started(Sequence sequence,
                            wire::EventBody type = wire::EventBody::AttemptStarted) {
  return forge_event(sequence, type, [](auto& out) { return wire::CreateAttemptStarted(out, 7); });
}

Errc code_of(std::string const& bytes, Reading reading = Reading::run) {
  auto const decoded = decode(bytes, reading);
  EXPECT_FALSE(decoded.has_value());
  return decoded ? Errc::unavailable : decoded.error().code;
}

template <class Body>
void round_trips() {
  auto const kind = std::string(name_of(Body{}));
  auto const holds = rc::check("a step of " + kind + " reads as it was written", [] {
    auto const step = *test::step_with(test::body_of<Body>());
    auto const encoded = encode(step);
    RC_ASSERT(encoded.has_value());
    auto const decoded = decode(encoded->bytes);
    RC_ASSERT(decoded.has_value());
    RC_ASSERT(decoded->step == step);
    RC_ASSERT(decoded->hash == encoded->hash);
    // Where another one of the kind stood before, nothing of it is left.
    StepDecoder decoder(Reading::run);
    RC_ASSERT(decoder.decode(encode(*test::step_with(test::body_of<Body>()))->bytes).has_value());
    auto const again = decoder.decode(encoded->bytes);
    RC_ASSERT(again.has_value());
    RC_ASSERT((*again)->step == step);
    RC_ASSERT((*again)->hash == encoded->hash);
  });
  EXPECT_TRUE(holds) << kind;
}

template <std::size_t... indices>
void every_body_round_trips(std::index_sequence<indices...>) {
  (round_trips<std::variant_alternative_t<indices + 1, EventBody>>(),
   ...);  // UnknownBody cannot be written
}

TEST(Codec, reads_every_body_as_it_was_written) {
  every_body_round_trips(std::make_index_sequence<std::variant_size_v<EventBody> - 1>());
}

RC_GTEST_PROP(Codec, gives_equal_steps_equal_bytes_and_other_steps_another_hash, ()) {
  auto const step = *test::any_step();
  auto const other = *test::any_step();
  RC_ASSERT(encode(step)->bytes == encode(step)->bytes);
  RC_ASSERT((encode(step)->hash == encode(other)->hash) == (step == other));
}

RC_GTEST_PROP(Codec, hashes_stored_bytes_without_making_events, ()) {
  auto const step = *test::any_step();
  auto const encoded = encode(step);
  auto const events = event_hashes(encoded->bytes);
  auto const record = read_record(encoded->bytes);
  RC_ASSERT(step_hash(encoded->bytes).value() == encoded->hash);
  RC_ASSERT(last_sequence(encoded->bytes).value() == step.events.back().sequence);
  RC_ASSERT(events->size() == step.events.size());
  RC_ASSERT(hash_step(record->header_bytes, *events) == encoded->hash);
}

RC_GTEST_PROP(Codec, reads_many_steps_into_the_same_memory, ()) {
  StepDecoder decoder(Reading::replay);
  for (auto const& step : *rc::gen::container<std::vector<Step>>(test::any_step())) {
    auto const bytes = encode(step)->bytes;
    auto damaged = bytes;
    auto const place = *rc::gen::inRange<std::size_t>(0, damaged.size());
    damaged[place] = static_cast<char>(damaged[place] ^ 0x10);
    static_cast<void>(decoder.decode(damaged));  // leaves nothing behind, whatever it says
    auto const decoded = decoder.decode(bytes);
    RC_ASSERT(decoded.has_value());
    RC_ASSERT((*decoded)->step == step);
  }
}

TEST(Codec, checks_a_session_that_another_step_did_not_have) {
  StepDecoder decoder(Reading::run);
  auto const event = attempt_started(1);
  EXPECT_TRUE(decoder.decode(forge({}, {event})).has_value());
  EXPECT_TRUE(decoder.decode(forge({}, {event})).has_value());
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(decoder.decode(forge({.session = {"a/b", "forged"}}, {event})).has_value());
  }
}

RC_GTEST_PROP(Codec, reads_at_any_address, ()) {
  auto const step = *test::any_step();
  auto const offset = *rc::gen::inRange<std::size_t>(0, 9);
  auto const shifted = std::string(offset, 'x') + encode(step)->bytes;
  auto const decoded = decode(std::string_view(shifted).substr(offset));
  RC_ASSERT(decoded->step == step);
}

TEST(Codec, writes_the_sample_as_it_always_has) {
  // These are what format 1 is. If this fails, stored logs can no longer be read or verified: mend
  // the code, not the test. (An update of FlatBuffers may lay out the frame anew; then the frame
  // must be written by hand.)
  auto const encoded = encode(sample()).value();
  EXPECT_EQ(encoded.bytes.size(), 952U);
  EXPECT_EQ(to_hex(sha256({encoded.bytes})),
            "adc4072dab51dc058e2095df15356aa0130ac4f6dc2410328fd5aa2640fb20e7");
  EXPECT_EQ(to_hex(encoded.hash),
            "c60ea225f0c785488e34fe198f19fc183dc24391fc098bfd84e867ac5939d47f");
  EXPECT_EQ(encoded.bytes.substr(4, 4), "DSG1");
}

TEST(Codec, numbers_bodies_as_the_schema_does) {
  EXPECT_EQ(static_cast<int>(wire::EventBody::SessionStarted), 1);
  EXPECT_EQ(static_cast<int>(wire::EventBody::MAX), std::variant_size_v<EventBody> - 1);
  EXPECT_EQ(name_of(SessionStarted{}), "SessionStarted");
  EXPECT_EQ(name_of(OperationCancelled{}), "OperationCancelled");
  EXPECT_EQ(name_of(SessionFailed{}), "SessionFailed");
  EXPECT_EQ(name_of(UnknownBody{}), "UnknownBody");
}

TEST(Codec, refuses_a_step_cut_short_anywhere) {
  auto const bytes = encode(sample())->bytes;
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    auto const cut =
        std::string(bytes, 0, length);  // of its own, so that a read past its end is seen
    EXPECT_FALSE(decode(cut, Reading::show).has_value()) << length;
    EXPECT_FALSE(step_hash(cut).has_value()) << length;
  }
  EXPECT_FALSE(decode(bytes + '\0').has_value());
}

TEST(Codec, refuses_a_changed_byte_or_gives_another_hash) {
  auto const encoded = encode(sample()).value();
  for (std::size_t place = 0; place < encoded.bytes.size(); ++place) {
    for (int const mask : {0x01, 0x80, 0xFF}) {
      auto bytes = encoded.bytes;
      bytes[place] = static_cast<char>(bytes[place] ^ mask);
      auto const decoded = decode(bytes, Reading::show);
      if (decoded) EXPECT_NE(decoded->hash, encoded.hash) << place;
      auto const hash = step_hash(bytes);
      if (hash) EXPECT_NE(*hash, encoded.hash) << place;
    }
  }
}

RC_GTEST_PROP(Codec, survives_any_damage, ()) {
  auto bytes = encode(*test::any_step())->bytes;
  auto const hash = step_hash(bytes).value();
  auto const original = bytes;
  auto const count = *rc::gen::inRange(1, 8);
  for (int i = 0; i < count; ++i) {
    auto const place = *rc::gen::inRange<std::size_t>(0, bytes.size());
    bytes[place] = *rc::gen::arbitrary<char>();
  }
  auto const decoded = decode(bytes, Reading::show);
  if (decoded && bytes != original) RC_ASSERT(decoded->hash != hash);
}

TEST(Codec, refuses_to_write_what_it_would_not_read) {
  auto const code = [](Step const& step) {
    auto const encoded = encode(step);
    return encoded ? Errc::unavailable : encoded.error().code;
  };
  auto step = sample();
  step.events.clear();
  EXPECT_EQ(code(step), Errc::invalid);
  step = sample();
  step.events[2].sequence = 7;
  EXPECT_EQ(code(step), Errc::invalid);
  step = sample();
  step.header.format = current_format + 1;
  EXPECT_EQ(code(step), Errc::invalid);
  step = sample();
  step.header.session.name = "a\nb";
  EXPECT_EQ(code(step), Errc::invalid);
  step = sample();
  step.header.recorded_at = Time(std::chrono::microseconds(-1));
  EXPECT_EQ(code(step), Errc::invalid);
  EXPECT_EQ(code(one_event(TimerStarted{Time::max()})), Errc::invalid);
  EXPECT_EQ(code(one_event(UnknownBody{99})), Errc::invalid);
  Payload both;
  both.bytes = "x";
  both.artifact = ArtifactRef{};
  EXPECT_EQ(code(one_event(SessionCompleted{both, 0})), Errc::invalid);
  OperationRequested requested;
  requested.kind = OperationKind{9};
  EXPECT_EQ(code(one_event(requested)), Errc::invalid);
}

TEST(Codec, reads_ends_of_attempts_that_were_written_before_there_were_contacts) {
  using Make = std::function<flatbuffers::Offset<void>(flatbuffers::FlatBufferBuilder&)>;
  // Tables with the fields that they had then.
  std::map<wire::EventBody, Make> const before = {
      {wire::EventBody::OperationCompleted,
       [](auto& out) { return wire::CreateOperationCompleted(out, 7).Union(); }},
      {wire::EventBody::ModelCompleted,
       [](auto& out) { return wire::CreateModelCompleted(out, 7, 0, 0, 0, 1, 2, 3).Union(); }},
      {wire::EventBody::ToolCompleted,
       [](auto& out) { return wire::CreateToolCompleted(out, 7, 0, true).Union(); }},
      {wire::EventBody::AttemptFailed,
       [](auto& out) { return wire::CreateAttemptFailed(out, 7, 0, 0, true, 5).Union(); }},
      {wire::EventBody::AttemptOrphaned,
       [](auto& out) { return wire::CreateAttemptOrphaned(out, 7, 0, 5).Union(); }}};
  StepDecoder decoder(Reading::run);
  for (auto const& [type, make] : before) {
    auto const event = forge_event(
        1, type, [&](auto& out) { return flatbuffers::Offset<flatbuffers::Table>(make(out).o); });
    // Nothing is left of one that has contacts and was read before into the same memory.
    auto full = decode(forge({}, {event}));
    ASSERT_TRUE(full.has_value());
    std::visit(
        [](auto& body) {
          if constexpr (requires { body.contacts; }) body.contacts.push_back({.method = "GET"});
        },
        full->step.events.front().body);
    EXPECT_EQ(contacts_of(full->step.events.front().body).size(), 1U);
    ASSERT_TRUE(decoder.decode(encode(full->step)->bytes).has_value());
    auto const read = decoder.decode(forge({}, {event}));
    ASSERT_TRUE(read.has_value());
    EXPECT_TRUE(contacts_of((*read)->step.events.front().body).empty());
  }
}

TEST(Codec, refuses_what_is_too_large) {
  auto const code = [](EventBody body) {
    auto const encoded = encode(one_event(std::move(body)));
    return encoded ? Errc::unavailable : encoded.error().code;
  };
  auto const with_payload = [](std::size_t size) {
    SessionCompleted completed;
    completed.result.bytes.assign(size, 'x');
    return completed;
  };
  EXPECT_EQ(code(with_payload(max_event_bytes)), Errc::too_large);
  EXPECT_EQ(code(with_payload(100 * max_event_bytes)), Errc::too_large);
  PolicyDecided decided;
  decided.rules.assign(max_event_bytes, "");
  EXPECT_EQ(code(decided), Errc::too_large);
  EXPECT_TRUE(encode(one_event(with_payload(max_event_bytes - 200))).has_value());

  auto step = sample();
  step.events.assign(max_events_per_step + 1, {});
  for (Sequence i = 0; auto& event : step.events)
    event = {step.header.first_sequence + i++, {}, TimerFired{}};
  EXPECT_EQ(encode(step).error().code, Errc::too_large);
  step.events.pop_back();
  auto const encoded = encode(step).value();
  EXPECT_EQ(decode(encoded.bytes)->step, step);
  for (auto& event : step.events) event.body = with_payload(max_inline_payload_bytes);
  EXPECT_EQ(encode(step).error().code, Errc::too_large);
}

TEST(Codec, shows_a_newer_format_but_does_not_run_it) {
  auto const bytes = forge({.format = current_format + 1}, {attempt_started(1)});
  EXPECT_EQ(code_of(bytes), Errc::newer_format);
  auto const shown = decode(bytes, Reading::show);
  ASSERT_TRUE(shown.has_value());
  EXPECT_EQ(shown->step.header.format, current_format + 1);
  EXPECT_EQ(std::get<AttemptStarted>(shown->step.events.front().body).attempt, 7U);
}

TEST(Codec, shows_a_body_of_unknown_kind_but_does_not_run_it) {
  auto const unknown = wire::EventBody{200};
  auto const bytes = forge({}, {attempt_started(1), attempt_started(2, unknown)});
  EXPECT_EQ(code_of(bytes), Errc::newer_format);
  auto const shown = decode(bytes, Reading::show);
  ASSERT_TRUE(shown.has_value());
  EXPECT_EQ(shown->step.events.back().body, EventBody(UnknownBody{200}));
  EXPECT_EQ(shown->hash, step_hash(bytes).value());
}

TEST(Codec, refuses_fields_out_of_their_range) {
  auto const timer = [](std::int64_t due) {
    return forge_event(1, wire::EventBody::TimerFired, [&](auto& out) {
      return wire::CreateTimerFired(out, due);
    });
  };
  auto const requested = [](int kind) {
    return forge_event(1, wire::EventBody::OperationRequested, [&](auto& out) {
      return wire::CreateOperationRequested(out, static_cast<wire::OperationKind>(kind));
    });
  };
  EXPECT_TRUE(decode(forge({}, {timer(1)})).has_value());
  EXPECT_TRUE(decode(forge({}, {requested(5)})).has_value());
  EXPECT_EQ(code_of(forge({}, {timer(-1)})), Errc::corrupt);
  EXPECT_EQ(code_of(forge({}, {timer(max_time_microseconds + 1)})), Errc::corrupt);
  EXPECT_EQ(code_of(forge({}, {requested(9)})), Errc::corrupt);
  EXPECT_EQ(code_of(forge({}, {requested(9)}), Reading::show), Errc::corrupt);
  EXPECT_EQ(code_of(forge({}, {})), Errc::corrupt);
  EXPECT_EQ(code_of(forge({}, {attempt_started(2)})), Errc::corrupt);
  EXPECT_EQ(code_of(forge({}, {attempt_started(1), attempt_started(1)})), Errc::corrupt);
  EXPECT_EQ(code_of(forge({}, {attempt_started(1), ""})), Errc::corrupt);
  EXPECT_EQ(code_of(forge({.format = 0}, {attempt_started(1)})), Errc::corrupt);
  EXPECT_EQ(code_of(forge({.first_sequence = 0}, {attempt_started(0)})), Errc::corrupt);
  EXPECT_EQ(code_of(forge({.recorded_at = -1}, {attempt_started(1)})), Errc::corrupt);
  EXPECT_EQ(code_of(forge({.session = {"default", ""}}, {attempt_started(1)})), Errc::corrupt);
  EXPECT_EQ(code_of(forge({.session = {"default", std::string(201, 'n')}}, {attempt_started(1)})),
            Errc::corrupt);
}

TEST(Codec, shows_a_body_that_a_newer_format_changed_as_unknown) {
  auto const changed = forge_event(1, wire::EventBody::OperationRequested, [](auto& out) {
    return wire::CreateOperationRequested(out, wire::OperationKind{9});
  });
  auto const shown = decode(forge({.format = current_format + 1}, {changed}), Reading::show);
  ASSERT_TRUE(shown.has_value());
  EXPECT_EQ(shown->step.events.front().body, EventBody(UnknownBody{3}));
}

}  // namespace
}  // namespace dalsegno::storage
