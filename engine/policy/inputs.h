#pragma once

#include "dalsegno/ids.h"
#include "dalsegno/json.h"
#include "engine/policy/ambient.h"
#include "engine/policy/decision.h"
#include "engine/policy/grammar.h"
#include "engine/policy/operand.h"
#include "engine/policy/request.h"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dalsegno::engine {

/// A JSON pointer in its parts, for following it often.
class JsonPointer {
 public:
  /// `text` must be a pointer as RFC 6901 has it (`is_json_pointer`).
  explicit JsonPointer(std::string_view text);
  /// nullptr when there is nothing.
  [[nodiscard]] Json const* find(Json const& root) const;

 private:
  struct Part {
    std::string name;
    std::optional<std::size_t> index;  // when the part is a number as an array's place is written
  };
  std::vector<Part> parts_;
};
[[nodiscard]] bool is_json_pointer(std::string_view text);

/// What one decision looks at: the request and its surroundings, and a list of what was read.
/// The same question is asked of the surroundings once.
class Inputs {
 public:
  Inputs(PolicyRequest const& request, PolicyAmbient const& ambient)
      : request_(request), ambient_(ambient) {}
  Inputs(Inputs const&) = delete;
  Inputs& operator=(Inputs const&) = delete;

  [[nodiscard]] PolicyRequest const& request() const { return request_; }
  /// Absent when neither the request nor its surroundings know it.
  [[nodiscard]] Operand attribute(AttributeName name);
  /// nullptr when there are no arguments or they are not JSON; `why` then says so.
  [[nodiscard]] Json const* arguments(std::string& why);
  [[nodiscard]] Time now();
  [[nodiscard]] std::optional<std::uint64_t> counter(CounterKey const& key);
  [[nodiscard]] std::optional<RateUse> rate(RateKey const& key);
  [[nodiscard]] ObligationKinds fulfils();

  /// Moves what was read into `decision`.
  void leave(Decision& decision);

 private:
  [[nodiscard]] Operand given(AttributeName name) const;
  [[nodiscard]] Operand resolved(AttributeName name);

  PolicyRequest const& request_;
  PolicyAmbient const& ambient_;
  InputsRead read_;
  std::optional<Time> now_;
  std::optional<ObligationKinds> fulfils_;
  std::optional<Result<Json>> arguments_;
  std::vector<std::pair<std::string, std::optional<std::uint64_t>>> counters_;
  std::vector<std::pair<std::string, std::optional<RateUse>>> rates_;
  std::deque<std::pair<AttributeName, std::optional<Json>>> resolved_;  // a deque: views stay valid
};

}  // namespace dalsegno::engine
