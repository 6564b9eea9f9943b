#include "storage/event/json_places.h"

#include <algorithm>

namespace dalsegno {

namespace {

std::string_view pointer_of(std::pair<std::string, JsonPlace> const& entry) { return entry.first; }

}  // namespace

namespace storage {

void JsonPlaces::enter(std::string_view name) {
  pointer_ += '/';
  for (char const c : name) {
    if (c == '~')
      pointer_ += "~0";
    else if (c == '/')
      pointer_ += "~1";
    else
      pointer_ += c;
  }
}

std::vector<std::pair<std::string, JsonPlace>> JsonPlaces::take() {
  std::ranges::sort(places_, {}, pointer_of);
  return std::move(places_);
}

void JsonPlaces::record(std::string pointer, std::size_t offset) {
  for (; seen_ < offset; ++seen_) {
    if (text_[seen_] != '\n') continue;
    ++line_;
    line_start_ = seen_ + 1;
  }
  pointer_bytes_ += pointer.size();
  places_.emplace_back(std::move(pointer), JsonPlace{line_, offset - line_start_ + 1});
}

}  // namespace storage

JsonPlace place_of(std::string_view text, std::size_t offset) {
  auto const before = text.substr(0, std::min(offset, text.size()));
  auto const lines = std::ranges::count(before, '\n');
  auto const line_start = before.rfind('\n') + 1;  // 0 when there is none
  return {static_cast<std::size_t>(lines) + 1, before.size() - line_start + 1};
}

JsonPlace LocatedJson::place(std::string_view pointer) const {
  auto const found = std::ranges::lower_bound(places, pointer, {}, pointer_of);
  return found != places.end() && found->first == pointer ? found->second : JsonPlace{};
}

}  // namespace dalsegno
