#pragma once

#include "dalsegno/json.h"
#include "engine/policy/problems.h"
#include "engine/policy/rule.h"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dalsegno::engine {

/// How much of a set has been read so far, over all of its documents: what the bounds are about.
struct SetSize {
  std::size_t rules = 0;
  std::size_t conditions = 0;
  std::size_t regexes = 0;
};

/// One document under the reader's eye: its mistakes are noted with their places, and reading goes
/// on, so that one reading shows all of them.
class Reading {
 public:
  Reading(LocatedJson const& document, SetSize& size) : document_(document), size_(size) {}

  [[nodiscard]] Problems const& problems() const { return problems_; }
  [[nodiscard]] JsonPlace place(std::string_view pointer) const { return document_.place(pointer); }
  [[nodiscard]] Json const& root() const { return document_.value; }
  [[nodiscard]] SetSize& size() { return size_; }

  void note(std::string_view pointer, std::string what) {
    problems_.note(document_.place(pointer), std::move(what));
  }
  void note_wrong_kind(std::string_view pointer,
                       std::string_view field,
                       std::string_view wanted,
                       Json const& found);
  /// Notes each member of `object` that is not known.
  void check_fields(Json const& object,
                    std::string_view pointer,
                    std::span<std::string_view const> known);

  /// A member for people; "" when absent.
  [[nodiscard]] std::string text(Json const& object,
                                 std::string_view pointer,
                                 std::string_view field);
  /// A member that is a string; nullptr when absent or (noted) something else.
  [[nodiscard]] std::string const* string(Json const& object,
                                          std::string_view pointer,
                                          std::string_view field);
  /// A list of names and globs; empty when absent.
  [[nodiscard]] Patterns patterns(Json const& object,
                                  std::string_view pointer,
                                  std::string_view field);
  /// The place of `word` in `known`; noted when it is not there. `what` says what it is.
  [[nodiscard]] std::optional<std::size_t> word(std::string const& word,
                                                std::string_view pointer,
                                                std::string_view what,
                                                std::span<std::string_view const> known);

 private:
  LocatedJson const& document_;
  SetSize& size_;
  Problems problems_;
};

/// "null", "a string", "an object" …
[[nodiscard]] std::string describe_kind(Json const& value);

/// A step further in a JSON pointer (RFC 6901).
[[nodiscard]] std::string operator/(std::string_view pointer, std::string_view step);
[[nodiscard]] std::string operator/(std::string_view pointer, std::size_t index);

// The parts of a rule that have readers of their own. Nullopt: something was noted.
[[nodiscard]] std::optional<Condition> read_condition(Reading& reading,
                                                      Json const& value,
                                                      std::string const& pointer);
[[nodiscard]] std::optional<Condition> read_time(Reading& reading,
                                                 Json const& value,
                                                 std::string const& pointer);
[[nodiscard]] std::optional<Condition> read_counter(Reading& reading,
                                                    Json const& object,
                                                    std::string const& pointer);
/// Whether `literal` is one that `op` takes; else what is wrong is noted.
[[nodiscard]] bool check_literal(Reading& reading,
                                 Operator op,
                                 Json const& literal,
                                 std::string const& pointer);
[[nodiscard]] std::vector<Obligation> read_obligations(Reading& reading,
                                                       Json const& value,
                                                       std::string const& pointer);

}  // namespace dalsegno::engine
