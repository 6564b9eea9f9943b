#include "dalsegno/try.h"
#include "engine/schedule/wall_clock.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/schedule.h"
#include "tools/dalsegno/schedule_options.h"

#include <memory>
#include <string>

namespace dalsegno::command {
namespace {

struct Options {
  SpecOptions spec;
  std::string after;
  std::size_t count = 10;
};

std::string without_fraction(Time time) { return to_string(time).substr(0, 19); }

Result<int> next(Globals const& globals, Options const& options) {
  TRY(auto const spec, read_spec(options.spec));
  auto after = globals.now;
  if (!options.after.empty()) {
    TRY(after, read_time("--after", options.after));
  }
  TRY(auto const clock, engine::WallClock::of_zone(spec.zone));
  TRY(auto const found, occurrences_after(spec, after, options.count));
  for (auto const& time : found) {
    auto const seconds = std::chrono::floor<std::chrono::seconds>(time);
    auto const wall = clock.segment_at(seconds).wall(seconds);
    auto const local = without_fraction(Time(wall.time_since_epoch()));
    if (globals.json) {
      Json line;
      line.set("at", without_fraction(time) + "Z").set("local", local).set("zone", spec.zone);
      print_json("dalsegno.occurrence", std::move(line));
    } else {
      print(without_fraction(time) + "Z\t" + local + " " + spec.zone);
    }
  }
  if (found.empty()) say("no occurrence");
  say("zone data " + zone_data_version());
  return exit_fine;
}

}  // namespace

void add_schedule_next(CLI::App& schedule, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = schedule.add_subcommand(
      "next", "print when a schedule of this kind would occur, in UTC and there; needs no store");
  add_spec_options(*verb, options->spec);
  verb->add_option("--count", options->count, "how many [10]")->check(CLI::Range(1, 10'000));
  verb->add_option("--after", options->after, "after this point of time (RFC 3339) [now]");
  verb->callback([options, &globals] { globals.exit_code = ended(next(globals, *options)); });
}

}  // namespace dalsegno::command
