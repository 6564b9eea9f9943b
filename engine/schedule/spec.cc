// When a schedule occurs. Local times are turned into points of time one stretch of constant clocks
// after the other: within such a stretch a wall time is one point of time, and what a change of
// clocks leaves out or repeats shows at its borders.

#include "engine/schedule/spec.h"

#include "dalsegno/try.h"
#include "storage/event/digest.h"

#include <algorithm>
#include <cstdint>
#include <string>

namespace dalsegno::engine {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

constexpr std::size_t max_parts = 100;
constexpr seconds longest_interval = std::chrono::days(3'660);
constexpr seconds longest_jitter = std::chrono::hours(24);
constexpr sys_seconds last_time = std::chrono::sys_days(std::chrono::year(9999) / 12 / 31);

Result<Time> read_bound(char const* name, ScheduleTime const& bound) {
  if (bound.microseconds < 0 || bound.time() > last_time)
    return Error{Errc::invalid, std::string(name) + ": not in the years 1970 to 9999"};
  return bound.time();
}

}  // namespace

Result<CompiledSpec> CompiledSpec::compile(ScheduleSpec const& spec) {
  auto const parts = spec.cron.size() + spec.intervals.size();
  if (parts == 0)
    return Error{Errc::invalid, "the schedule has neither a cron expression nor an interval"};
  if (parts > max_parts)
    return Error{
        Errc::invalid,
        "the schedule has more than " + std::to_string(max_parts) + " expressions and intervals"};
  TRY(auto clock, WallClock::of_zone(spec.zone));
  CompiledSpec made(clock);
  for (auto const& text : spec.cron) {
    TRY(auto cron, Cron::parse(text));
    made.cron_.push_back(cron);
  }
  for (auto const& interval : spec.intervals) {
    auto const every = seconds(interval.every.seconds);
    auto const offset = seconds(interval.offset.seconds);
    if (every < seconds(1) || every > longest_interval)
      return Error{Errc::invalid, "an interval is 1 second to 3,660 days long"};
    if (offset < seconds(0) || offset >= every)
      return Error{Errc::invalid, "the offset of an interval is 0 or more and less than it"};
    made.intervals_.push_back({every, offset});
  }
  if (spec.start_at) {
    TRY(made.start_, read_bound("start_at", *spec.start_at));
  }
  if (spec.end_at) {
    TRY(made.end_, read_bound("end_at", *spec.end_at));
  }
  made.jitter_ = seconds(spec.jitter.seconds);
  if (made.jitter_ < seconds(0) || made.jitter_ > longest_jitter)
    return Error{Errc::invalid, "jitter is 0 to 24 hours"};
  made.missing_ = spec.missing;
  made.repeated_ = spec.repeated;
  return made;
}

std::optional<sys_seconds> CompiledSpec::next_of(Cron const& cron, sys_seconds from) const {
  auto now = clock_.segment_at(from);
  auto before = now.begin > sys_seconds::min() ? clock_.segment_at(now.begin - seconds(1)) : now;
  for (;;) {
    // Until then the clocks show what they have shown already.
    auto const repeats_until = now.at(before.wall(now.begin));
    if (repeated_ == RepeatedTime::first && from < repeats_until) from = repeats_until;
    // The clocks were put forward: the wall times in between come never.
    if (missing_ == MissingTime::move && from == now.begin && now.offset > before.offset) {
      auto const left_out = cron.at_or_after(before.wall(now.begin));
      if (left_out && *left_out < now.wall(now.begin)) return now.begin;
    }
    auto const match = cron.at_or_after(now.wall(from));
    if (!match || now.end >= last_time) {
      if (!match || now.at(*match) > last_time) return std::nullopt;
      return now.at(*match);
    }
    if (now.at(*match) < now.end) return now.at(*match);
    before = now;
    from = now.end;
    now = clock_.segment_at(from);
  }
}

std::optional<Time> CompiledSpec::next_after(Time time) const {
  if (start_ && *start_ > time) time = *start_ - std::chrono::microseconds(1);
  if (time >= last_time) return std::nullopt;
  time = std::max(time, Time(std::chrono::microseconds(-1)));
  auto const from = std::chrono::floor<seconds>(time) + seconds(1);
  std::optional<sys_seconds> first;
  auto const consider = [&first](std::optional<sys_seconds> found) {
    if (found && (!first || *found < *first)) first = found;
  };
  for (auto const& cron : cron_) consider(next_of(cron, from));
  for (auto const& interval : intervals_) {
    auto const past = from.time_since_epoch() - interval.offset + interval.every - seconds(1);
    auto const next = sys_seconds(interval.offset + past / interval.every * interval.every);
    if (next <= last_time) consider(next);
  }
  if (!first || (end_ && *first > *end_)) return std::nullopt;
  return Time(*first);
}

Time CompiledSpec::begins_at(std::string_view id, Time occurrence) const {
  if (jitter_ == seconds(0)) return occurrence;
  std::chrono::microseconds room = jitter_;
  if (auto const next = next_after(occurrence)) room = std::min(room, *next - occurrence);
  auto const digest =
      storage::sha256({"dalsegno schedule jitter\n", id, "\n", to_string(occurrence)});
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i) number = number << 8U | digest.bytes[i];
  return occurrence + std::chrono::microseconds(static_cast<std::int64_t>(
                          number % static_cast<std::uint64_t>(room.count())));
}

}  // namespace dalsegno::engine

namespace dalsegno {

Result<> check(ScheduleSpec const& spec) {
  TRY_VOID(engine::CompiledSpec::compile(spec));
  return {};
}

Result<std::optional<Time>> next_after(ScheduleSpec const& spec, Time time) {
  TRY(auto const compiled, engine::CompiledSpec::compile(spec));
  return compiled.next_after(time);
}

Result<std::vector<Time>> occurrences_after(ScheduleSpec const& spec,
                                            Time time,
                                            std::size_t count) {
  TRY(auto const compiled, engine::CompiledSpec::compile(spec));
  std::vector<Time> found;
  while (found.size() < count) {
    auto const next = compiled.next_after(found.empty() ? time : found.back());
    if (!next) break;
    found.push_back(*next);
  }
  return found;
}

}  // namespace dalsegno
