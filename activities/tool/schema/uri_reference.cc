#include "activities/tool/schema/uri_reference.h"

#include <cstddef>
#include <vector>

namespace dalsegno::schema {
namespace {

struct Parts {
  std::string_view scheme;     // with ':'
  std::string_view authority;  // with "//"
  std::string_view path;
  std::string_view query;  // with '?'
};

Parts split(std::string_view uri) {
  Parts out;
  auto const colon = uri.find_first_of(":/?#");
  if (colon != std::string_view::npos && colon > 0 && uri[colon] == ':') {
    out.scheme = uri.substr(0, colon + 1);
    uri.remove_prefix(colon + 1);
  }
  if (uri.starts_with("//")) {
    out.authority = uri.substr(0, uri.find_first_of("/?", 2));
    uri.remove_prefix(out.authority.size());
  }
  out.path = uri.substr(0, uri.find('?'));
  out.query = uri.substr(out.path.size());
  return out;
}

std::string without_dots(std::string_view path) {
  bool const is_absolute = path.starts_with('/');
  std::vector<std::string_view> kept;
  bool ends_in_folder = false;
  while (!path.empty()) {
    auto const slash = path.find('/');
    auto const segment = path.substr(0, slash);
    ends_in_folder = segment == "." || segment == "..";
    if (segment == ".." && !kept.empty())
      kept.pop_back();
    else if (!ends_in_folder && !(is_absolute && kept.empty() && segment.empty()))
      kept.push_back(segment);
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
    if (path.empty()) ends_in_folder = true;
  }
  std::string out = is_absolute ? "/" : "";
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (i > 0) out += '/';
    out += kept[i];
  }
  if (ends_in_folder && !out.ends_with('/')) out += '/';
  return out;
}

std::string percent_decoded(std::string_view text) {
  auto const digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    int const high = text[i] == '%' && text.size() - i > 2 ? digit(text[i + 1]) : -1;
    int const low = high < 0 ? -1 : digit(text[i + 2]);
    if (low < 0) {
      out += text[i];
    } else {
      out += static_cast<char>(high << 4 | low);
      i += 2;
    }
  }
  return out;
}

}  // namespace

UriReference resolve(std::string_view base, std::string_view reference) {
  UriReference out;
  if (auto const hash = reference.find('#'); hash != std::string_view::npos) {
    out.fragment = percent_decoded(reference.substr(hash + 1));
    reference = reference.substr(0, hash);
  }
  base = base.substr(0, base.find('#'));
  if (reference.empty()) {
    out.uri = base;
    return out;
  }
  auto const from = split(base);
  auto const to = split(reference);
  if (!to.scheme.empty()) {
    out.uri = reference;
    return out;
  }
  out.uri = from.scheme;
  if (!to.authority.empty()) {
    out.uri += reference;
    return out;
  }
  out.uri += from.authority;
  if (to.path.empty()) {
    out.uri += from.path;
  } else if (to.path.starts_with('/')) {
    out.uri += without_dots(to.path);
  } else {
    auto const folder = from.path.substr(0, from.path.rfind('/') + 1);
    auto joined = std::string(folder.empty() && !from.authority.empty() ? "/" : folder);
    joined += to.path;
    out.uri += without_dots(joined);
  }
  out.uri += to.query;
  return out;
}

}  // namespace dalsegno::schema
