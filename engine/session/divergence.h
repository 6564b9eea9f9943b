#pragma once

#include "dalsegno/ids.h"
#include "storage/event/event.h"

#include <optional>
#include <string>
#include <vector>

namespace dalsegno::engine {

/// Where workflow code and log part.
struct Divergence {
  Sequence sequence = 0;  ///< of the recorded event, or the one that would have come next
  OperationId operation = OperationId::none;
  std::optional<storage::Event> recorded;  ///< absent: the code did more than was recorded
  std::optional<storage::Event> produced;  ///< absent: the code did less
  std::vector<std::string> fields;         ///< which fields differ, when both are of one kind
  std::string hint;                        ///< what commonly causes this
};

/// The fields in which an event that code produced differs from the recorded one: "kind", "name",
/// "input" … Empty when they match. Digests that `produced` left empty are not compared: they
/// follow from the bytes.
[[nodiscard]] std::vector<std::string> differing_fields(storage::Event const& recorded,
                                                        storage::Event const& produced);

[[nodiscard]] Divergence make_divergence(std::optional<storage::Event> recorded,
                                         std::optional<storage::Event> produced,
                                         std::vector<std::string> fields);

/// One paragraph for people.
[[nodiscard]] std::string describe(Divergence const& divergence);
/// The report that a Held event carries, as JSON.
[[nodiscard]] std::string report_of(Divergence const& divergence);

}  // namespace dalsegno::engine
