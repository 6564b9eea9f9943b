#include "storage/vault/stream_redactor.h"

#include "storage/vault/ascii.h"

#include <algorithm>

namespace dalsegno::vault {
namespace {

/// Once something was let out, the rest alone is not the whole text.
constexpr std::string_view middle_of_text = "-";

}  // namespace

std::string StreamRedactor::feed(std::string_view chunk) {
  buffer_ += chunk;
  if (failed_ || held() <= lookahead) return {};
  auto const hint = consumed_ + context_ > 0 ? middle_of_text : std::string_view();
  auto const found = redactor_.find(buffer_, hint);
  auto cut = std::min(buffer_.size() - lookahead, found.open_from);
  // Back to a blank, and out of every finding: from the last, as going back may meet another.
  for (bool moved = true; moved;) {
    auto const before = cut;
    while (cut > context_ && !is_space(buffer_[cut - 1])) --cut;
    for (auto const& finding : found.findings)
      if (finding.begin < cut && cut < finding.end) cut = finding.begin;
    moved = cut != before;
  }
  if (cut > context_) return release(cut, found.findings);
  failed_ = held() > max_held;
  return {};
}

std::string StreamRedactor::finish() {
  if (failed_) {
    auto const rest = std::string_view(buffer_).substr(context_);
    return redactor_.tokens_.token("unredacted", rest);
  }
  auto const hint = consumed_ + context_ > 0 ? middle_of_text : std::string_view();
  auto const found = redactor_.find(buffer_, hint);
  return release(buffer_.size(), found.findings);
}

std::string StreamRedactor::release(std::size_t cut, std::vector<Finding> const& findings) {
  std::string out;
  auto at = context_;
  for (auto const& finding : findings) {
    if (finding.end <= context_ || finding.begin >= cut) continue;
    // What began in the part that was let out is no longer what it was there.
    auto placed = finding;
    placed.begin = std::max(finding.begin, context_);
    placed.end = std::min(finding.end, cut);
    auto part = redactor_.replacement(placed, buffer_);
    out.append(buffer_, at, placed.begin - at);
    out += part.token;
    at = placed.end;
    part.begin += consumed_;
    part.end += consumed_;
    replaced_.push_back(std::move(part));
  }
  out.append(buffer_, at, cut - at);
  auto drop = cut > lookbehind ? cut - lookbehind : 0;
  while (drop < cut && drop > 0 && !is_space(buffer_[drop - 1])) ++drop;
  buffer_.erase(0, drop);
  consumed_ += drop;
  context_ = cut - drop;
  return out;
}

}  // namespace dalsegno::vault
