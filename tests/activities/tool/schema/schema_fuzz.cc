// Any bytes as a schema and a value: [schema, value], or one value that is held against itself.

#include "activities/tool/schema/schema.h"
#include "dalsegno/json.h"

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>

using namespace dalsegno;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const text = parse_json({reinterpret_cast<char const*>(data), size});
  if (!text) return 0;
  auto const* const both = text->as_array();
  bool const is_pair = both != nullptr && both->size() == 2;
  auto const schema = schema::Schema::read(is_pair ? both->front() : *text);
  if (!schema) {
    assert(!schema.error().detail.empty());
    return 0;
  }
  auto const verdict = schema->check(is_pair ? both->back() : *text, {.work = 100'000});
  assert(verdict.fits() == to_string(verdict).empty());
  return 0;
}
