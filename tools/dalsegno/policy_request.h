#pragma once

#include "dalsegno/json.h"
#include "dalsegno/result.h"
#include "engine/policy/ambient.h"
#include "engine/policy/request.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::command {

/// A request that people wrote down, with its surroundings; owns what it views.
class WrittenRequest final : public engine::PolicyAmbient {
 public:
  /// {"action", "resource"?, "principal"? {"kind"?, "id"?, "tenant"?, "roles"?}, "session"?,
  /// "workflow"?, "attempt"?, "attributes"? {NAME: value}, "arguments"? (any JSON), "counters"?
  /// {NAME: number}, "now"? (RFC 3339)}. `now` is taken when it says none.
  /// Errors: Errc::invalid; the detail names the member.
  [[nodiscard]] static Result<std::unique_ptr<WrittenRequest>> read(Json const& json, Time now);

  /// Views into this.
  [[nodiscard]] engine::PolicyRequest request() const;

  [[nodiscard]] Time now() const override { return now_; }
  [[nodiscard]] std::optional<std::uint64_t> counter(engine::CounterKey const& key) const override;
  [[nodiscard]] std::optional<engine::RateUse> rate(engine::RateKey const& key) const override;

 private:
  WrittenRequest() = default;
  [[nodiscard]] Result<> take(std::string_view name, Json const& value);
  [[nodiscard]] Result<> take_principal(Json const& value);

  std::string action_, resource_, session_, workflow_;
  std::string kind_ = "workflow", id_, tenant_ = "default";
  std::vector<std::string> roles_;
  std::uint32_t attempt_ = 1;
  std::vector<engine::Attribute> attributes_;
  std::optional<std::string> arguments_;
  std::map<std::string, std::uint64_t> counters_;
  Time now_;
};

}  // namespace dalsegno::command
