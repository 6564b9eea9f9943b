// Any bytes: either an error that names the file and a place, or a set that decides and can be read
// back.

#include "engine/policy/policy.h"

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace dalsegno::engine;
  std::string_view const text(reinterpret_cast<char const*>(data), size);
  auto const set = PolicySet::parse(text, "fuzz");
  if (!set) {
    assert(set.error().code == dalsegno::Errc::invalid);
    assert(set.error().detail.starts_with("fuzz:"));
    return 0;
  }
  auto const again = PolicySet::parse(set->document());
  assert(again && again->digest() == set->digest() && again->document() == set->document());
  // Of the canonical text: the parameters of an obligation keep the order in which they stood.
  auto const read_back = read_policy_document(set->document(), "fuzz");
  auto const reread = read_policy_document(dalsegno::to_string(as_json(*read_back)), "fuzz");
  assert(reread && reread->rules == read_back->rules);
  for (std::string_view const action : {"model.call", "tool.call", "net.connect", "other"}) {
    auto const name = text.substr(0, 40);
    auto const decision = set->decide({.principal = {.kind = name, .id = name, .tenant = name},
                                       .action = action,
                                       .resource = name,
                                       .session = name,
                                       .workflow = name,
                                       .arguments = text},
                                      PolicyTime(dalsegno::Time{}));
    assert(!decision.permitted || !decision.rules.empty());
    assert(action != "other" || !decision.permitted);
  }
  return 0;
}
