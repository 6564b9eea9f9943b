#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>

namespace dalsegno::test {

/// What a server keeps of the prompts that it has read: those most recently used, whole, as far as
/// they fit. A new prompt finds the longest beginning that it has in common with one of them.
class PrefixCache {
 public:
  explicit PrefixCache(std::size_t capacity_bytes) : capacity_(capacity_bytes) {}

  /// How many leading bytes of `prompt` are there; from now on all of it is.
  std::size_t pass(std::string prompt);

 private:
  std::size_t capacity_;
  std::size_t held_ = 0;
  std::list<std::string> prompts_;  // the latest in front
};

}  // namespace dalsegno::test
