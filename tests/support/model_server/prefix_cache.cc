#include "tests/support/model_server/prefix_cache.h"

#include <algorithm>
#include <utility>

namespace dalsegno::test {

std::size_t PrefixCache::pass(std::string prompt) {
  std::size_t best = 0;
  auto found = prompts_.end();
  for (auto it = prompts_.begin(); it != prompts_.end(); ++it) {
    auto const common =
        static_cast<std::size_t>(std::ranges::mismatch(prompt, *it).in1 - prompt.begin());
    if (common > best || found == prompts_.end()) {
      best = common;
      found = it;
    }
  }
  // A prompt that goes on where another ended takes its place.
  if (found != prompts_.end() && best == found->size()) {
    held_ -= found->size();
    prompts_.erase(found);
  }
  held_ += prompt.size();
  prompts_.push_front(std::move(prompt));
  while (held_ > capacity_ && !prompts_.empty()) {
    held_ -= prompts_.back().size();
    prompts_.pop_back();
  }
  return best;
}

}  // namespace dalsegno::test
