#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dalsegno::simulation {

/// A promise that did not hold.
struct Finding {
  std::string invariant;
  std::string text;
};

/// The first finding of a run; what follows from it is of no interest.
class Findings {
 public:
  void add(std::string_view invariant, std::string text) {
    if (!first_) first_ = Finding{std::string(invariant), std::move(text)};
  }
  [[nodiscard]] std::optional<Finding> const& first() const { return first_; }

 private:
  std::optional<Finding> first_;
};

}  // namespace dalsegno::simulation
