// Any bytes as an answer: a normal form that decodes to an equal value, or the bytes themselves.
// And any bytes as a normal form: a value, or an error that says why.

#include "activities/tool/normalize.h"

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace dalsegno;
  std::string_view const text(reinterpret_cast<char const*>(data), size);
  auto const normal = activities::normalize_answer(text);
  if (normal.form == activities::NormalAnswer::Form::json) {
    auto const decoded = activities::decode_answer(normal.text);
    assert(decoded && activities::normalize_answer(to_string(*decoded)).text == normal.text);
  } else {
    assert(normal.text == text);
  }
  auto const any = activities::decode_answer(text);
  assert(any || !any.error().detail.empty());
  static_cast<void>(activities::normalize_answer(text, true, {.preview_beyond_bytes = 16}));
  return 0;
}
