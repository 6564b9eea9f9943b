#pragma once

#include "engine/policy/condition.h"
#include "engine/policy/inputs.h"
#include "engine/policy/truth.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::engine {

/// One test that was made on the way.
struct TestTrace {
  std::string test;   ///< "argument /amount le 100"
  std::string value;  ///< what it was held against, as JSON; "nothing" when absent
  Truth truth{};
};

/// A condition made ready to be judged often: patterns compiled, pointers split, lists hashed.
/// A value that never changes. Thread: any.
class Predicate {
 public:
  explicit Predicate(Condition const& condition);
  Predicate(Predicate&&) noexcept;
  Predicate& operator=(Predicate&&) noexcept;
  ~Predicate();

  /// `all` and `any` judge from left to right and stop at what settles them; what fails before that
  /// fails the whole. When the result is `failed`, `why` says what went wrong. `trace`, when not
  /// null, gets every test that was made.
  [[nodiscard]] Truth judge(Inputs& inputs,
                            std::string& why,
                            std::vector<TestTrace>* trace = nullptr) const;

 private:
  struct Node;
  std::unique_ptr<Node const> root_;
};

}  // namespace dalsegno::engine
