#pragma once

#include "dalsegno/json.h"
#include "dalsegno/result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace dalsegno::schema {

class Document;

/// How a schema that does not say so itself ("$schema") is to be read.
enum class Draft : std::uint8_t { draft7, draft2020_12 };

/// What one check may cost.
struct CheckLimits {
  std::size_t depth = 200;       ///< schemas within schemas, by references too
  std::size_t work = 2'000'000;  ///< schemas applied, and bytes and items looked at
  std::size_t problems = 8;      ///< told of; more are counted as one
};

/// What is wrong with a value.
struct Problem {
  std::string path;  ///< JSON pointer (RFC 6901) into the value; "" is the value itself
  std::string what;  ///< what is wrong and what is expected
};
/// "at /path: what".
[[nodiscard]] std::string to_string(Problem const& problem);

/// What came of a check: no problem means that the value fits.
struct Verdict {
  std::vector<Problem> problems = {};
  bool is_cut_short = false;  ///< over a limit: nobody knows whether it fits. There is a problem.

  [[nodiscard]] bool fits() const { return problems.empty(); }
};
/// One line a problem.
[[nodiscard]] std::string to_string(Verdict const& verdict);

/// A JSON Schema of draft 2020-12 or 7, as strangers write it: bounded in depth, size and work;
/// nothing is ever fetched, and patterns are matched by RE2.
///
/// "format" and the "content…" keywords say nothing, as the draft has it; unknown keywords neither.
/// A value of shared, unchanging content. Thread: any.
class Schema {
 public:
  /// Limits: 20'000 subschemas, nested at most 128 deep.
  /// Errors: Errc::invalid, "at #/pointer: what is wrong", for keywords of a wrong form and for
  /// references that lead out of the schema; Errc::too_large.
  [[nodiscard]] static Result<Schema> read(Json schema);
  [[nodiscard]] static Result<Schema> read(Json schema, Draft draft);

  [[nodiscard]] Verdict check(Json const& value, CheckLimits const& limits = {}) const;

  /// Where patterns stand that are not checked, as RE2 cannot express them (lookaheads).
  [[nodiscard]] std::vector<std::string> const& unchecked() const;

 private:
  explicit Schema(std::shared_ptr<Document const> document) : document_(std::move(document)) {}
  std::shared_ptr<Document const> document_;  // shared: copies of what never changes
};

}  // namespace dalsegno::schema
