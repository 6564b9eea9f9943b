// Any bytes: redacting ends, twice is once, and a stream gives the same as the whole.

#include "storage/vault/stream_redactor.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace dalsegno;
  static vault::Redactor const redactor(storage::SessionSecret{{7}});
  std::string_view const text(reinterpret_cast<char const*>(data), size);
  auto const once = redactor.text(text);
  if (redactor.text(once.value).value != once.value) std::abort();
  vault::StreamRedactor stream(redactor);
  std::string out;
  for (std::size_t at = 0; at < size; at += 13) out += stream.feed(text.substr(at, 13));
  out += stream.finish();
  if (!stream.failed() && redactor.text(out).value != once.value) std::abort();
  return 0;
}
