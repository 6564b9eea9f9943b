#include "dalsegno/alarm.h"

#include <string>

namespace dalsegno {

namespace {

constexpr char const* alarm_key = "dalsegno.alarm";

}  // namespace

void Alarm::set(Time due) {
  ctx_.store().put(alarm_key, due.time_since_epoch().count());
  ++changes_;
}

void Alarm::clear() {
  if (ctx_.store().erase(alarm_key)) ++changes_;
}

std::optional<Time> Alarm::due() const {
  auto const microseconds = ctx_.store().get<std::int64_t>(alarm_key);
  if (!microseconds) return std::nullopt;
  return Time(std::chrono::microseconds(*microseconds));
}

Workflow<> Alarm::rings() {
  for (;;) {
    co_await ctx_.until([this] { return due().has_value(); });
    auto const seen = changes_;
    auto const first = co_await ctx_.any(ctx_.sleep_until(*due()),
                                         ctx_.until([this, seen] { return changes_ != seen; }));
    if (first.index() == 0) break;
  }
  clear();
}

}  // namespace dalsegno
