#include "tools/dalsegno/forensics/history.h"

#include "storage/log/chain.h"

#include <charconv>
#include <chrono>
#include <cstddef>
#include <utility>

namespace dalsegno::forensics {

namespace {

/// Takes a text apart from its front. After the first mismatch everything is 0 and `ok` stays
/// false.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  int number(std::size_t digits) {
    if (rest_.size() < digits) return fail();
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return fail();
      value = 10 * value + (rest_[i] - '0');
    }
    rest_.remove_prefix(digits);
    return value;
  }
  void expect(std::string_view one_of) {
    if (!take(one_of)) fail();
  }
  char take(std::string_view one_of) {
    if (rest_.empty() || one_of.find(rest_.front()) == std::string_view::npos) return '\0';
    auto const taken = rest_.front();
    rest_.remove_prefix(1);
    return taken;
  }
  /// The digits behind a decimal point, as microseconds; more than six are cut off.
  int microseconds() {
    int value = 0;
    int digits = 0;
    for (; !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9'; ++digits) {
      if (digits < 6) value = 10 * value + (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    if (digits == 0) return fail();
    for (; digits < 6; ++digits) value *= 10;
    return value;
  }
  int fail() {
    ok_ = false;
    return 0;
  }
  [[nodiscard]] bool empty() const { return rest_.empty(); }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

std::optional<Time> parse_time(std::string_view text) {
  using std::chrono::year_month_day;
  Scanner in(text);
  auto const year = in.number(4);
  in.expect("-");
  auto const month = in.number(2);
  in.expect("-");
  auto const day = in.number(2);
  year_month_day const date{std::chrono::year(year),
                            std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day))};
  if (!in.ok() || !date.ok()) return std::nullopt;
  Time time = std::chrono::sys_days(date);
  if (in.empty()) return time;
  in.expect("Tt ");
  auto const hour = in.number(2);
  in.expect(":");
  auto const minute = in.number(2);
  in.expect(":");
  auto const second = in.number(2);
  auto const fraction = in.take(".") != '\0' ? in.microseconds() : 0;
  if (!in.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  time += std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second) +
          std::chrono::microseconds(fraction);
  if (auto const sign = in.take("+-"); sign != '\0') {
    auto const hours = in.number(2);
    in.expect(":");
    auto const minutes = in.number(2);
    auto const offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
    if (hours > 23 || minutes > 59) return std::nullopt;
    time += sign == '+' ? -offset : offset;
  } else {
    in.expect("Zz");
  }
  return in.ok() && in.empty() ? std::optional(time) : std::nullopt;
}

}  // namespace

Result<Cut> parse_cut(std::string_view text) {
  Sequence sequence = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), sequence);
  if (error == std::errc{} && end == text.data() + text.size()) return Cut{sequence, std::nullopt};
  if (auto const time = parse_time(text)) return Cut{std::nullopt, time};
  return Error{
      Errc::invalid,
      "\"" + std::string(text) + "\" is neither a sequence (17) nor a time (2026-11-23T01:02:03Z)"};
}

PlacedEvent const* History::at(Sequence sequence) const {
  if (sequence == 0 || sequence > events.size()) return nullptr;
  return &events[sequence - 1];
}

Result<History> read_history(storage::EventLog const& log,
                             SessionId const& session,
                             storage::Head const& head,
                             Cut const& cut) {
  History history;
  history.session = session;
  history.run = head.run;
  history.workflow = head.workflow;
  auto const take = [&](storage::DecodedStep const& step) {
    ++history.steps;
    for (auto const& event : step.step.events) {
      if (cut.keeps(event, step.step.header.recorded_at))
        history.events.push_back({event, step.step.header.recorded_at, step.hash});
    }
    return true;
  };
  auto const read = storage::read_verified(log, session, head.run, 1, storage::Reading::show, take);
  if (!read) {
    if (read.error().code == Errc::io) return read.error();
    history.broken = read.error();
  }
  return history;
}

Result<std::string> bytes_of(storage::EventLog const& log,
                             SessionId const& session,
                             storage::Payload const& payload) {
  if (!payload.artifact) return payload.bytes;
  return log.artifact(session, payload.artifact->digest);
}

}  // namespace dalsegno::forensics
