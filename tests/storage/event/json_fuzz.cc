// Whatever is parsed has one canonical form, which parsing and printing keep.

#include "dalsegno/json.h"

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace dalsegno;
  std::string_view const text(reinterpret_cast<char const*>(data), size);
  auto const value = parse_json(text);
  auto const located = parse_located_json(text);
  if (!value) {
    assert(value.error().detail.starts_with("line "));
    assert(!located);
    return 0;
  }
  assert(!located || located->value == *value);

  auto const form = canonical(*value);
  auto const of_canonical = parse_json(form);
  assert(of_canonical && canonical(*of_canonical) == form);
  auto const of_printed = parse_json(to_string(*value));
  assert(of_printed && *of_printed == *value);
  return 0;
}
