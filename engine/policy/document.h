#pragma once

#include "dalsegno/result.h"
#include "engine/policy/rule.h"

#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::engine {

/// A policy document, read and validated.
struct PolicyDocument {
  std::string name;
  std::vector<Rule> rules;
  std::string canonical;  ///< RFC 8785
};

/// Errors: Errc::invalid; one line per mistake, in the order of the text, at most 20, each
/// "FILE:LINE:COLUMN: what is wrong".
/// Source: docs/policy.md.
[[nodiscard]] Result<PolicyDocument> read_policy_document(std::string_view text,
                                                          std::string_view file);

}  // namespace dalsegno::engine
