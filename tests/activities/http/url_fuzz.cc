#include "activities/http/dial_plan.h"
#include "activities/http/host_name.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <arpa/inet.h>

// Any text: what is read is sound (see dial_plan_test.cc), and so is what is followed from it.

namespace {

using dalsegno::http::DialPlan;

void demand(bool holds) {
  if (!holds) std::abort();
}

void check(DialPlan const& plan) {
  auto const text = to_string(plan);
  auto const again = DialPlan::parse(text);
  // Encoding makes a text longer; what has grown over the limit need not be read again.
  demand(text.size() > dalsegno::http::max_url_bytes || (again && *again == plan));
  demand(std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; }));
  demand(plan.target().starts_with('/') && plan.port() != 0 && !plan.host().empty());
  in_addr theirs{};
  if (inet_aton(plan.host().c_str(), &theirs) != 0)
    demand(plan.literal() == dalsegno::http::Address::v4(ntohl(theirs.s_addr)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text(reinterpret_cast<char const*>(data), size);
  if (auto const plan = DialPlan::parse(text)) check(*plan);
  static auto const base = DialPlan::parse("https://h.example/a/b?c");
  if (auto const plan = base->follow(text)) check(*plan);
  return 0;
}
