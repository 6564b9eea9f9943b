#pragma once

// Replaces secrets and personal data by tokens, before anything is logged or sent.

#include "dalsegno/json.h"
#include "storage/event/digest.h"
#include "storage/vault/clean_texts.h"
#include "storage/vault/detector.h"
#include "storage/vault/known_values.h"
#include "storage/vault/seen_names.h"
#include "storage/vault/token.h"

#include <cstddef>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::vault {

struct RedactorOptions {
  /// Categories that stay: "ip", "email", "national_id:us_npi".
  std::set<std::string, std::less<>> spared;
  /// Beyond these the text is not looked at: only a commitment stays.
  std::size_t max_bytes = 16ULL << 20U;
  std::size_t max_findings = 100'000;
};

/// One part of the input that was replaced.
struct Replacement {
  std::string pointer;    ///< of JSON: the RFC 6901 pointer of the value; with "#key", of its name
  std::size_t begin = 0;  ///< bytes in that string, or in the text; of a number, in its digits
  std::size_t end = 0;
  std::string kind;
  std::string category;
  std::string token;
  std::string original;  ///< a secret: hand it to the vault and wipe it

  friend bool operator==(Replacement const&, Replacement const&) = default;
};

template <class Value>
struct Redacted {
  Value value;
  std::vector<Replacement> replaced;  ///< in order
  /// A bound was exceeded: `value` is one token of kind "unredacted" (a string, of JSON), and
  /// nothing of the input is in `replaced`.
  bool failed = false;
};

/// Redacts with the key of one store.
///
/// Redacting what was redacted changes nothing. Equal values become tokens with equal digits. What
/// is found depends on the input, the rules (`version()`) and the known values alone.
/// Thread: any.
class Redactor {
 public:
  explicit Redactor(storage::SessionSecret const& key, RedactorOptions options = {});

  /// `spared`: a category that stays in this text, beside those of the options.
  [[nodiscard]] Redacted<std::string> text(std::string_view text,
                                           std::string_view hint = {},
                                           std::string_view spared = {}) const;
  /// Members whose names say that they hold a secret are replaced as a whole, numbers too (by a
  /// string). Names are redacted as texts are. What was an object stays one.
  /// `whole`: the text that the value was read from, which stands for it where it cannot be
  /// redacted; without it its canonical text does.
  [[nodiscard]] Redacted<Json> json(Json value, std::string_view whole) const;
  [[nodiscard]] Redacted<Json> json(Json const& value) const;

  /// From now on `value` is found wherever it stands, also encoded. False: too short for that.
  bool add_known(std::string_view kind, std::string_view value);

  /// The digits that `value` has in its token: what `dalsegno hash` prints.
  [[nodiscard]] std::string digits(std::string_view value) const { return tokens_.digits(value); }
  /// The token that stands for `value`.
  [[nodiscard]] std::string token(std::string_view kind, std::string_view value) const {
    return tokens_.token(kind, value);
  }
  /// The one token that stands for a whole that could not be redacted.
  [[nodiscard]] std::string commitment(std::string_view whole) const {
    return tokens_.token("unredacted", whole);
  }
  /// Of the rules and the options: two redactors with equal versions, keys and known values do the
  /// same.
  [[nodiscard]] std::string const& version() const { return version_; }
  [[nodiscard]] RedactorOptions const& options() const { return options_; }

 private:
  friend class StreamRedactor;
  friend class JsonRedaction;

  [[nodiscard]] Prefix find(std::string_view text,
                            std::string_view hint,
                            std::string_view spared = {}) const;
  [[nodiscard]] Replacement replacement(Finding const& finding, std::string_view text) const;

  // Set in the constructor.
  Rules const& rules_;
  RedactorOptions options_;
  TokenMaker tokens_;
  std::string version_;
  mutable CleanTexts clean_;  // strings of JSON; what was found in them under other known values is
                              // forgotten
  mutable SeenNames names_;
  // Guarded by known_mutex_.
  mutable std::shared_mutex known_mutex_;
  KnownValues known_;
};

}  // namespace dalsegno::vault
