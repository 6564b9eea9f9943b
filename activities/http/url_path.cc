#include "activities/http/url_path.h"

#include <algorithm>
#include <vector>

namespace dalsegno::http {
namespace {

bool is_hex_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// pchar of RFC 3986 without the percent sign, and '/'; '?' is for the query.
bool may_stand(char c, bool in_query) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return std::string_view("-._~!$&'()*+,;=:@/").contains(c) || (in_query && c == '?');
}

void append_encoded(std::string& out, std::string_view text, bool in_query) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  for (std::size_t i = 0; i < text.size(); ++i) {
    bool const is_encoding = text[i] == '%' && i + 2 < text.size() && is_hex_digit(text[i + 1]) &&
                             is_hex_digit(text[i + 2]);
    if (is_encoding || may_stand(text[i], in_query)) {
      out += text[i];
    } else {
      auto const byte = static_cast<unsigned char>(text[i]);
      out += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
}

/// 1 for ".", 2 for "..", however encoded, else 0.
int dots(std::string_view segment) {
  int count = 0;
  while (!segment.empty()) {
    if (segment[0] == '.') {
      segment.remove_prefix(1);
    } else if (segment.starts_with("%2e") || segment.starts_with("%2E")) {
      segment.remove_prefix(3);
    } else {
      return 0;
    }
    ++count;
  }
  return count <= 2 ? count : 0;
}

}  // namespace

std::string normal_target(std::string_view text) {
  text = text.substr(0, text.find('#'));
  auto const question = std::min(text.find('?'), text.size());
  auto const query = text.substr(question);
  auto path = text.substr(0, question);
  if (path.starts_with('/')) path.remove_prefix(1);

  std::vector<std::string_view> segments;
  for (bool more = true; more;) {
    auto const slash = path.find('/');
    more = slash != std::string_view::npos;
    auto const segment = path.substr(0, slash);
    int const is_dots = dots(segment);
    if (is_dots == 2 && !segments.empty()) segments.pop_back();
    if (is_dots == 0) segments.push_back(segment);
    if (is_dots != 0 && !more) segments.emplace_back();  // "/a/." is "/a/"
    path.remove_prefix(more ? slash + 1 : path.size());
  }
  std::string target;
  for (auto const segment : segments) {
    target += '/';
    append_encoded(target, segment, false);
  }
  if (!query.empty()) {
    target += '?';
    append_encoded(target, query.substr(1), true);
  }
  return target;
}

}  // namespace dalsegno::http
