#pragma once

#include "dalsegno/json.h"
#include "engine/policy/grammar.h"
#include "engine/policy/operand.h"
#include "engine/policy/truth.h"

#include <memory>
#include <string>

namespace dalsegno::engine {

/// An operator with its literal, made ready to be held against many values.
/// A value that never changes. Thread: any.
class LiteralTest {
 public:
  /// The literal must be one that `op` takes (the document's reader has seen to it).
  LiteralTest(Operator op, Json literal);
  LiteralTest(LiteralTest&&) noexcept;
  LiteralTest& operator=(LiteralTest&&) noexcept;
  ~LiteralTest();

  /// `failed` when the value is absent (but for `exists`), of a kind that the operator does not
  /// take, or beyond max_matched_bytes for a glob or a regex; `why` then says so.
  [[nodiscard]] Truth holds(Operand const& value, std::string& why) const;

 private:
  struct Compiled;
  std::unique_ptr<Compiled const> compiled_;
};

/// Whether RE2 takes it within our bounds; "" or what is wrong.
[[nodiscard]] std::string problem_of_regex(std::string const& pattern);

}  // namespace dalsegno::engine
