#include "dalsegno/json.h"
#include "dalsegno/workflow.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace dalsegno {

Time Context::after(std::chrono::microseconds duration) const {
  return duration < last_time - now() ? std::max(now() + duration, Time{}) : last_time;
}

Operation<ApprovalAnswer> Context::approval_with_json(Approval asked, std::string arguments) {
  auto size = asked.what.size() + asked.why.size();
  for (auto const* const names : {&asked.approvers, &asked.escalate_to})
    for (auto const& name : *names) size += name.size();
  constexpr std::size_t most = 16 * 1024;
  if (size > most)
    throw Failure("input_too_large",
                  "what is asked, why and whom has " + std::to_string(size) + " bytes; at most " +
                      std::to_string(most) + " are allowed");
  detail::ApprovalRequest request;
  request.what = std::move(asked.what);
  request.why = std::move(asked.why);
  request.input = std::move(arguments);
  request.risk = asked.risk;
  request.approvers = std::move(asked.approvers);
  request.quorum = std::max(asked.quorum, 1U);
  if (asked.expires) request.expires = after(*asked.expires);
  if (asked.escalate_after) request.escalate_at = after(*asked.escalate_after);
  request.escalate_to = std::move(asked.escalate_to);
  return {host_, std::move(request), &decode_value<ApprovalAnswer>};
}

Operation<void> Context::reject(std::string token, std::string type, std::string reason) {
  Json why;
  why.set("message", std::move(reason)).set("type", std::move(type));
  return message({detail::Ask::reject, {}, {}, {}, std::move(token), canonical(why)});
}

std::uint64_t Context::random_below(std::uint64_t bound) {
  assert(bound > 0);
  // Numbers below 2^64 mod bound would come up once too often: draw again.
  auto const refused = (0 - bound) % bound;
  for (;;) {
    auto const bits = random();
    if (bits >= refused) return bits % bound;
  }
}

std::string Context::uuid() {
  std::array<std::uint64_t, 2> bits{random(), random()};
  bits[0] = (bits[0] & ~0xF000U) | 0x4000U;                                      // version 4
  bits[1] = (bits[1] & ~(std::uint64_t{3} << 62U)) | (std::uint64_t{2} << 62U);  // variant 10
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (unsigned nibble = 0; nibble < 32; ++nibble) {
    if (nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20) text += '-';
    text += digits[(bits[nibble / 16] >> (60U - 4U * (nibble % 16U))) & 0xFU];
  }
  return text;
}

}  // namespace dalsegno
