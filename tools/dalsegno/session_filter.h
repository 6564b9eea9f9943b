#pragma once

// Which sessions are meant: `status = "open" and risk > 2 and started > -7d order by started`.

#include "dalsegno/ids.h"
#include "dalsegno/json.h"
#include "dalsegno/result.h"
#include "storage/log/event_log.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace dalsegno::command {

/// What is known of a session when it is chosen.
struct SessionRow {
  SessionId id;
  storage::Head head;
  std::map<std::string, Json, std::less<>> attributes;  ///< empty where nobody asked for them
};

/// A value of a row: absent, truth, number, text or time. An attribute that is an object or an
/// array is its JSON text.
using FieldValue = std::variant<std::monostate, bool, double, std::string, Time>;

/// The name of a field: session, tenant, run, workflow, status, events, steps, open_attempts,
/// checkpoint, started, updated; any other is an attribute, which `attribute.NAME` is as well.
struct FieldName {
  std::string name;
  bool attribute = false;
};

/// Errors: Errc::invalid. `text`: one name, quoted where it is no word.
[[nodiscard]] Result<FieldName> parse_field(std::string_view text);
[[nodiscard]] FieldValue value_of(SessionRow const& row, FieldName const& field);
/// As a person would write it; "" where it is absent.
[[nodiscard]] std::string to_text(FieldValue const& value);

/// A parsed filter.
///
///     filter  := [or] ["order by" FIELD ["asc"|"desc"] {"," …}] ["limit" N]
///     or      := and {"or" and}
///     and     := term {"and" term}
///     term    := "not" term | "(" or ")" | FIELD "exists" | FIELD "in" "(" VALUE {"," VALUE} ")"
///              | FIELD ("=" | "!=" | "<" | "<=" | ">" | ">=" | "like") VALUE
///     VALUE   := text in quotes | number | true | false | -7d (weeks, days, hours, minutes,
///     seconds
///                before now)
///
/// Keywords and names of fields in lower case. `like` takes a glob (* and ?). A comparison with an
/// absent value, or of values of different kinds, does not hold; so `not (risk > 2)` also holds
/// where there is no risk. Thread: const use from several threads is fine.
class SessionFilter {
 public:
  /// Errors: Errc::invalid with the column, what was expected and what stands there.
  [[nodiscard]] static Result<SessionFilter> parse(std::string_view text, Time now);

  [[nodiscard]] bool matches(SessionRow const& row) const;
  /// Whether it has to be told attributes.
  [[nodiscard]] bool asks_for_attributes() const { return asks_for_attributes_; }
  /// Sorts by `order by` (else leaves the order) and cuts at `limit`. Absent values come last.
  void arrange(std::vector<SessionRow>& rows) const;

 private:
  friend class FilterParser;

  enum class Kind : std::uint8_t { all, any, negated, exists, in, compare, like };
  enum class Comparison : std::uint8_t { eq, ne, lt, le, gt, ge };
  struct Node {
    Kind kind = Kind::all;
    FieldName field;
    Comparison comparison = Comparison::eq;
    std::vector<FieldValue> values;
    std::vector<Node> parts;
  };
  struct Order {
    FieldName field;
    bool descending = false;
  };

  [[nodiscard]] static bool holds(Node const& node, SessionRow const& row);
  [[nodiscard]] static bool compares(Comparison comparison,
                                     FieldValue const& left,
                                     FieldValue const& right);

  Node root_;
  std::vector<Order> order_;
  std::optional<std::size_t> limit_;
  bool asks_for_attributes_ = false;
};

}  // namespace dalsegno::command
