// Any bytes as a file: what comes out is a valid conversation under a valid name that no other has,
// or an error that names the file.

#include "activities/model/transcript.h"
#include "dalsegno/ids.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <sstream>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace dalsegno;
  using namespace dalsegno::activities;
  TranscriptReader reader(
      std::make_unique<std::istringstream>(std::string(reinterpret_cast<char const*>(data), size)),
      "fuzz.jsonl");
  std::set<std::string> names;
  std::size_t last_line = 0;
  while (auto const transcript = reader.next()) {
    if (!*transcript) {
      assert((*transcript).error().detail.starts_with("fuzz.jsonl:"));
      continue;
    }
    assert((*transcript)->line > last_line);
    last_line = (*transcript)->line;
    assert(valid(SessionId{.name = (*transcript)->id}));
    assert(names.insert((*transcript)->id).second);
    std::set<std::string> open;
    assert(!(*transcript)->messages.empty());
    for (auto const& message : (*transcript)->messages) {
      if (message.role == "assistant") assert(open.empty());
      for (auto const& call : message.tool_calls) assert(open.insert(call.id).second);
      if (message.role == "tool") assert(open.erase(message.tool_call_id) == 1);
    }
  }
  assert(!reader.next());
  return 0;
}
