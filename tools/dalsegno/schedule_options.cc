#include "tools/dalsegno/schedule_options.h"

#include "dalsegno/payload.h"
#include "dalsegno/try.h"
#include "engine/policy/time_text.h"

namespace dalsegno::command {
namespace {

/// "15m", or "1d+6h": an interval and its offset.
Result<ScheduleInterval> read_interval(std::string const& text) {
  auto const plus = text.find('+');
  ScheduleInterval interval;
  TRY(interval.every, read_duration("--every", text.substr(0, plus)));
  if (plus != std::string::npos) {
    TRY(interval.offset, read_duration("--every", text.substr(plus + 1)));
  }
  return interval;
}

}  // namespace

void add_spec_options(CLI::App& verb, SpecOptions& options) {
  verb.add_option("--cron",
                  options.cron,
                  "\"minute hour day month weekday\", or @daily and the like; may be repeated")
      ->allow_extra_args(false);
  verb.add_option(
          "--every", options.every, "an interval, 15m, or with its offset, 1d+6h; may be repeated")
      ->allow_extra_args(false);
  verb.add_option("--zone", options.zone, "whose clocks --cron means: Europe/Berlin [UTC]");
  verb.add_option("--missing",
                  options.missing,
                  "a time that a change of clocks leaves out: move, skip [move]")
      ->check(CLI::IsMember({"move", "skip"}));
  verb.add_option("--repeated", options.repeated, "one that comes twice: first, both [first]")
      ->check(CLI::IsMember({"first", "both"}));
  verb.add_option("--start-at", options.start_at, "nothing before (RFC 3339)");
  verb.add_option("--end-at", options.end_at, "nothing after (RFC 3339)");
  verb.add_option("--jitter", options.jitter, "begin each up to so much later: 5m [0]");
}

Result<Time> read_time(char const* option, std::string const& text) {
  if (auto const time = engine::parse_instant(text)) return *time;
  return Error{Errc::invalid,
               std::string(option) + ": \"" + text + "\" is no time; write 2026-11-23T01:02:03Z"};
}

Result<std::chrono::seconds> read_duration(char const* option, std::string const& text) {
  if (auto const duration = engine::parse_duration(text)) return *duration;
  return Error{
      Errc::invalid,
      std::string(option) + ": \"" + text + "\" is no duration; write 90s, 15m, 24h or 7d"};
}

Result<ScheduleSpec> read_spec(SpecOptions const& options) {
  ScheduleSpec spec;
  spec.cron = options.cron;
  for (auto const& text : options.every) {
    TRY(auto interval, read_interval(text));
    spec.intervals.push_back(interval);
  }
  spec.zone = options.zone;
  spec.missing = options.missing == "skip" ? MissingTime::skip : MissingTime::move;
  spec.repeated = options.repeated == "both" ? RepeatedTime::both : RepeatedTime::first;
  if (!options.start_at.empty()) {
    TRY(spec.start_at, read_time("--start-at", options.start_at));
  }
  if (!options.end_at.empty()) {
    TRY(spec.end_at, read_time("--end-at", options.end_at));
  }
  if (!options.jitter.empty()) {
    TRY(spec.jitter, read_duration("--jitter", options.jitter));
  }
  TRY_VOID(check(spec));
  return spec;
}

Result<Overlap> read_overlap(std::string const& text) {
  return from_json<Overlap>("\"" + text + "\"");
}

void add_overlap_option(CLI::App& verb, std::string& overlap, std::string const& text) {
  verb.add_option("--overlap", overlap, text)
      ->check(CLI::IsMember(
          {"skip", "buffer_one", "buffer_all", "cancel_other", "terminate_other", "allow_all"}));
}

}  // namespace dalsegno::command
