#pragma once

#include "dalsegno/result.h"
#include "engine/policy/document.h"
#include "engine/policy/policy.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::command {

/// The text of a file. Errors: Errc::not_found, Errc::io; the detail names the file.
[[nodiscard]] Result<std::string> read_text(std::filesystem::path const& file);

/// Files with policy documents, in memory.
class PolicyFiles {
 public:
  /// Errors: as read_text.
  [[nodiscard]] static Result<PolicyFiles> read(std::vector<std::string> const& files);

  /// Views into this.
  [[nodiscard]] std::vector<engine::PolicySource> sources() const;
  /// Errors: those of PolicySet::parse.
  [[nodiscard]] Result<engine::PolicySet> parse() const;

 private:
  std::vector<std::pair<std::string, std::string>> files_;  // name, text
};

/// The set that these files make. Errors: those of both.
[[nodiscard]] Result<engine::PolicySet> read_policies(std::vector<std::string> const& files);

}  // namespace dalsegno::command
