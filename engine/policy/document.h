#pragma once

#include "dalsegno/json.h"
#include "dalsegno/result.h"
#include "engine/policy/rule.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::engine {

/// A text that is a policy document, and how errors name it.
struct PolicySource {
  std::string_view text;
  std::string_view file = "policy";
};

/// Where a rule stands.
struct RulePlace {
  std::size_t file = 0;  ///< which of the sources
  JsonPlace place;
};

/// The rules of one policy document or of several together, read and validated.
struct PolicyDocument {
  std::string name;  ///< of several: their names, joined by " + "
  std::vector<Rule> rules;
  std::vector<RulePlace> places;  ///< of each rule
  std::string canonical;          ///< RFC 8785; of several: as if they were one document
};

/// Reads a document. Errors: Errc::invalid; one line per mistake, in the order of the text, at most
/// 20, each "FILE:LINE:COLUMN: what is wrong"; with the nearest known name for an unknown one.
/// Source: docs/policy.md, docs/policy.schema.json.
[[nodiscard]] Result<PolicyDocument> read_policy_document(std::string_view text,
                                                          std::string_view file);

/// Reads several documents as one: all rules in the given order, ids different over all of them.
/// The mistakes of all are reported.
[[nodiscard]] Result<PolicyDocument> read_policy_documents(std::span<PolicySource const> sources);

/// The document that has these rules, in the grammar.
[[nodiscard]] Json as_json(PolicyDocument const& document);

}  // namespace dalsegno::engine
