#include "activities/model/sse.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace dalsegno::activities {

Result<> SseParser::feed(std::string_view bytes, Sink const& sink) {
  while (!bytes.empty() && !is_too_large_) {
    if (std::exchange(after_cr_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    auto const end = bytes.find_first_of("\r\n");
    auto const piece = bytes.substr(0, end);
    if (piece.size() > max_event_bytes_ - std::min(max_event_bytes_, line_.size() + data_.size())) {
      is_too_large_ = true;
      break;
    }
    line_ += piece;
    bytes.remove_prefix(piece.size());
    if (bytes.empty()) break;
    after_cr_ = bytes.front() == '\r';
    bytes.remove_prefix(1);
    take_line(sink);
  }
  if (is_too_large_)
    return Error{
        Errc::too_large,
        "an event of the stream has more than " + std::to_string(max_event_bytes_) + " bytes"};
  return {};
}

void SseParser::take_line(Sink const& sink) {
  std::string_view line = line_;
  if (std::exchange(is_first_line_, false) && line.starts_with("\xEF\xBB\xBF"))
    line.remove_prefix(3);
  if (line.empty()) {
    dispatch(sink);
  } else if (auto const colon = line.find(':'); colon == std::string_view::npos) {
    take_field(line, "");
  } else if (colon > 0) {  // else a comment
    auto value = line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    take_field(line.substr(0, colon), value);
  }
  line_.clear();
}

void SseParser::take_field(std::string_view name, std::string_view value) {
  if (name == "data") {
    data_ += value;
    data_ += '\n';
  } else if (name == "event") {
    type_ = value;
  } else if (name == "id") {
    if (!value.contains('\0')) last_id_ = value;
  } else if (name == "retry") {
    bool const digits = std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
    std::uint64_t number = 0;
    auto const read = std::from_chars(value.data(), value.data() + value.size(), number);
    if (digits && read.ec == std::errc()) retry_ms_ = number;
  }
}

void SseParser::dispatch(Sink const& sink) {
  if (data_.empty()) {
    type_.clear();
    return;
  }
  data_.pop_back();
  SseEvent const event{
      type_.empty() ? "message" : std::exchange(type_, {}), std::exchange(data_, {}), last_id_};
  sink(event);
}

}  // namespace dalsegno::activities
