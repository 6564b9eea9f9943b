#include "activities/tool/tool_name.h"

#include <algorithm>

namespace dalsegno::tools {
namespace {

constexpr std::size_t longest = 64;

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

}  // namespace

bool is_tool_name(std::string_view name) {
  return !name.empty() && name.size() <= longest && std::ranges::all_of(name, is_plain);
}

std::string tool_name_of(std::string_view text) {
  std::string name(text.substr(0, longest));
  std::ranges::replace_if(name, [](char c) { return !is_plain(c); }, '_');
  return name;
}

}  // namespace dalsegno::tools
