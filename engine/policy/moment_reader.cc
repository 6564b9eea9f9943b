// Tests of time and of counters.

#include "engine/policy/reading.h"
#include "engine/policy/time_text.h"
#include "engine/policy/zone.h"

#include <array>
#include <utility>

namespace dalsegno::engine {
namespace {

/// A member that is written as text and means something else. `parse` gives nullopt for what it
/// does not understand.
template <class Parse>
auto parsed(Reading& reading,
            Json const& object,
            std::string const& pointer,
            std::string_view field,
            std::string_view wanted,
            bool& fine,
            Parse parse) -> decltype(parse(std::string_view())) {
  if (object.find(field) == nullptr) return std::nullopt;
  auto const* const text = reading.string(object, pointer, field);
  if (text == nullptr) {
    fine = false;
    return std::nullopt;
  }
  auto out = parse(*text);
  if (!out) {
    reading.note(pointer / field,
                 quoted(field) + " must be " + std::string(wanted) + ", not " + quoted(*text));
    fine = false;
  }
  return out;
}

bool read_days(Reading& reading, Json const& value, std::string const& pointer, TimeTest& test) {
  auto const* const list = value.as_array();
  if (list == nullptr || list->empty()) {
    reading.note(pointer, "\"days\" must be a list of days" + suggestion("", day_names));
    return false;
  }
  bool fine = true;
  for (std::size_t i = 0; i < list->size(); ++i) {
    auto const* const name = (*list)[i].as_string();
    auto const day =
        name == nullptr ? std::nullopt : reading.word(*name, pointer / i, "day", day_names);
    if (name == nullptr)
      reading.note(pointer / i, "a day must be a string, not " + describe_kind((*list)[i]));
    if (day) test.days.set(*day);
    fine = fine && day.has_value();
  }
  return fine;
}

bool check_zone(Reading& reading, std::string const& zone, std::string const& pointer) {
  if (find_zone(zone)) return true;
  auto const known = zone_names();
  auto hint = suggestion(zone, known);
  if (hint.starts_with("; known are")) hint = "; docs/policy.md lists the known ones";
  reading.note(pointer,
               "unknown zone " + quoted(zone) + hint + " (an offset like \"+05:30\" will do)");
  return false;
}

}  // namespace

std::optional<Condition> read_time(Reading& reading,
                                   Json const& value,
                                   std::string const& pointer) {
  if (value.as_object() == nullptr) {
    reading.note_wrong_kind(pointer, "time", "an object", value);
    return std::nullopt;
  }
  reading.check_fields(value, pointer, time_fields);
  TimeTest test;
  bool fine = true;
  constexpr std::string_view instant = "a time as RFC 3339 (\"2026-11-23T00:00:00Z\")";
  constexpr std::string_view of_day = "a time of day (\"08:30\")";
  test.after = parsed(reading, value, pointer, "after", instant, fine, parse_instant);
  test.before = parsed(reading, value, pointer, "before", instant, fine, parse_instant);
  test.from = parsed(reading, value, pointer, "from", of_day, fine, parse_time_of_day);
  test.to = parsed(reading, value, pointer, "to", of_day, fine, parse_time_of_day);
  if (auto const* const days = value.find("days"))
    fine = read_days(reading, *days, pointer / "days", test) && fine;
  if (auto const* const zone = reading.string(value, pointer, "zone")) {
    fine = check_zone(reading, *zone, pointer / "zone") && fine;
    test.zone = *zone;
  } else if (value.find("zone") != nullptr) {
    fine = false;
  }
  if (!fine) return std::nullopt;
  if (test.from.has_value() != test.to.has_value()) {
    reading.note(pointer, "\"from\" and \"to\" belong together");
    return std::nullopt;
  }
  if (test.from && *test.from == *test.to) {
    reading.note(pointer, "\"from\" and \"to\" are the same: no time of day lies between them");
    return std::nullopt;
  }
  if (test.after && test.before && *test.after >= *test.before) {
    reading.note(pointer, "\"before\" does not come after \"after\": no time lies between them");
    return std::nullopt;
  }
  if (!test.after && !test.before && !test.from && test.days.none()) {
    reading.note(pointer, "\"time\" names no window" + suggestion("", time_fields));
    return std::nullopt;
  }
  return Condition{std::move(test)};
}

std::optional<Condition> read_counter(Reading& reading,
                                      Json const& object,
                                      std::string const& pointer) {
  reading.check_fields(object, pointer, std::array<std::string_view, 2>{"counter", "below"});
  CounterTest test;
  bool fine = true;
  auto const* const below = object.find("below");
  if (below == nullptr) {
    reading.note(pointer, "\"counter\" needs \"below\", a whole number, beside it");
    fine = false;
  } else if (below->as_integer() == nullptr || *below->as_integer() < 1) {
    reading.note(pointer / "below", "\"below\" must be a whole number of 1 or more");
    fine = false;
  } else {
    test.below = static_cast<std::uint64_t>(*below->as_integer());
  }
  auto const& value = *object.find("counter");
  auto const place = pointer / "counter";
  if (value.as_object() == nullptr) {
    reading.note_wrong_kind(place, "counter", "an object", value);
    return std::nullopt;
  }
  reading.check_fields(value, place, counter_fields);
  if (auto const* const per = reading.string(value, place, "per")) {
    auto const scope = reading.word(*per, place / "per", "scope", scope_names);
    if (scope) test.per = static_cast<CounterScope>(*scope);
    fine = fine && scope.has_value();
  } else {
    if (value.find("per") == nullptr)
      reading.note(place, "\"counter\" needs \"per\": session or tenant");
    fine = false;
  }
  if (auto const* const resource = reading.string(value, place, "resource")) {
    test.resource = *resource;
    if (resource->empty() || resource->size() > max_pattern_bytes ||
        (resource->find_first_of("*?") != std::string::npos && *resource != "*")) {
      reading.note(place / "resource",
                   "\"resource\" must be a name of at most " + std::to_string(max_pattern_bytes) +
                       " bytes, or \"*\" for all calls of the action; leave it out for what the "
                       "request calls");
      fine = false;
    }
  } else if (value.find("resource") != nullptr) {
    fine = false;
  }
  test.window = parsed(reading,
                       value,
                       place,
                       "window",
                       "a duration (\"90s\", \"15m\", \"24h\", \"7d\")",
                       fine,
                       parse_duration);
  if (!fine) return std::nullopt;
  return Condition{std::move(test)};
}

}  // namespace dalsegno::engine
