#pragma once

// Finds what has to go in one text. Pure: the same text and rules give the same findings.

#include "storage/vault/finding.h"
#include "storage/vault/rules.h"
#include "storage/vault/values.h"

#include <string_view>
#include <vector>

namespace dalsegno::vault {

class KnownValues;

/// What is found in the beginning of a text.
struct Prefix {
  std::vector<Finding> findings;
  /// From here on a finding may begin that the text's end cuts off; npos: nowhere. Only what may be
  /// longer than `lookahead` bytes is named.
  std::size_t open_from = std::string_view::npos;
};

/// What stands so far from the end of a text, and what is found there, does not depend on what
/// follows, unless `Prefix::open_from` says so or no blank stands between the two.
inline constexpr std::size_t lookahead = 320;
/// What is found does not depend on what stands further before it.
inline constexpr std::size_t lookbehind = 640;

/// Where secrets and personal data stand in `text`: disjoint, in order.
///
/// `hint` is the name of the field whose value the text is, or "" when there is none: it is context
/// (a number under "ssn" is one), but not a reason by itself; a field named sensitive is the
/// caller's to replace as a whole (`kind_by_field`). Redaction tokens in the text are passed
/// over. `known` may be null.
/// Limits: any bytes; work is linear in the text, times small constants for places that look like
/// something.
/// Thread: any.
[[nodiscard]] std::vector<Finding> find_sensitive(Rules const& rules,
                                                  KnownValues const* known,
                                                  std::string_view text,
                                                  std::string_view hint = {});

/// The same, of a text that may go on.
[[nodiscard]] Prefix find_sensitive_in_prefix(Rules const& rules,
                                              KnownValues const* known,
                                              std::string_view text,
                                              std::string_view hint);

/// What kind of secret `value` is as the value of a field of this name ("password", "token"); ""
/// when it is none by its name alone. What people choose ("password", "client_secret") is one
/// whatever it looks like; of names of tokens and keys the value is looked at.
[[nodiscard]] std::string_view kind_by_field(Rules const& rules,
                                             std::string_view name,
                                             std::string_view value);
/// The same where the name's class is known.
[[nodiscard]] std::string_view kind_by_field(Rules const& rules,
                                             FieldClass field,
                                             std::string_view name,
                                             std::string_view value);

}  // namespace dalsegno::vault
