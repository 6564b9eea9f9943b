#include "dalsegno/ids.h"

#include "storage/event/hex.h"

#include <cstdio>

namespace dalsegno {
namespace {

/// How many bytes the character at the front of `text` has; 0 when it is not UTF-8 or a control
/// character. Source: RFC 3629 (no overlong forms, no surrogates, nothing above U+10FFFF).
std::size_t character_length(std::string_view text) {
  auto const byte = [&](std::size_t i) -> std::uint32_t {
    return i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0U;
  };
  auto const continues = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  auto const first = byte(0);
  if (first < 0x80U) return first >= 0x20U && first != 0x7FU ? 1 : 0;
  if (first >= 0xC2U && first <= 0xDFU) {
    bool const control = first == 0xC2U && byte(1) < 0xA0U;  // U+0080 to U+009F
    return continues(1) && !control ? 2 : 0;
  }
  if (first >= 0xE0U && first <= 0xEFU) {
    bool const overlong = first == 0xE0U && byte(1) < 0xA0U;
    bool const surrogate = first == 0xEDU && byte(1) >= 0xA0U;
    return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0U && first <= 0xF4U) {
    bool const overlong = first == 0xF0U && byte(1) < 0x90U;
    bool const beyond = first == 0xF4U && byte(1) >= 0x90U;
    return continues(1) && continues(2) && continues(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

bool clean_text(std::string_view text) {
  while (!text.empty()) {
    auto const length = character_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

constexpr std::string_view store_tenant = "_store";  // of the operators' session

bool valid_tenant(std::string_view tenant) {
  if (tenant.empty() || tenant.size() > 64) return false;
  if (tenant.front() == '_' && tenant != store_tenant) return false;
  return tenant.find('/') == std::string_view::npos && clean_text(tenant);
}

}  // namespace

bool valid(SessionId const& id) {
  return valid_tenant(id.tenant) && !id.name.empty() && id.name.size() <= 200 &&
         clean_text(id.name);
}

std::string to_string(SessionId const& id) { return id.tenant + "/" + id.name; }

std::string to_string(RunId const& id) { return storage::hex_text(id.bytes); }

std::optional<RunId> parse_run_id(std::string_view text) {
  auto const bytes = storage::parse_hex<16>(text);
  return bytes ? std::optional(RunId{*bytes}) : std::nullopt;
}

std::string to_string(Time time) {
  auto const day = std::chrono::floor<std::chrono::days>(time);
  auto const date = std::chrono::year_month_day(day);
  auto const clock = std::chrono::hh_mm_ss(time - day);
  std::array<char, 64> text{};
  auto const length = std::snprintf(text.data(),
                                    text.size(),
                                    "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ",
                                    static_cast<int>(date.year()),
                                    static_cast<unsigned>(date.month()),
                                    static_cast<unsigned>(date.day()),
                                    static_cast<int>(clock.hours().count()),
                                    static_cast<int>(clock.minutes().count()),
                                    static_cast<int>(clock.seconds().count()),
                                    static_cast<int>(clock.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(length)};
}

}  // namespace dalsegno
