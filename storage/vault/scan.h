#pragma once

// One pass over one text. Included by sources of this folder only.

#include "storage/vault/finding.h"
#include "storage/vault/rules.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dalsegno::vault {

/// A range of bytes.
struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// What the parts of a pass share: the text, what is around it, and what was found so far.
class Scan {
 public:
  /// `hint`: the name of the field that the text is the value of, or "". `tokens`: where redaction
  /// tokens stand in it, in order; nothing in them is looked at.
  Scan(Rules const& rules, std::string_view text, std::string_view hint, std::vector<Range> tokens)
      : rules_(rules), text_(text), hint_(hint), tokens_(std::move(tokens)) {}

  [[nodiscard]] Rules const& rules() const { return rules_; }
  [[nodiscard]] std::string_view text() const { return text_; }
  /// The byte at `at`, NUL outside.
  [[nodiscard]] char at(std::size_t at) const { return at < text_.size() ? text_[at] : '\0'; }
  /// The byte before `at`, NUL at the start.
  [[nodiscard]] char before(std::size_t at) const { return at > 0 ? text_[at - 1] : '\0'; }
  [[nodiscard]] std::string_view between(std::size_t begin, std::size_t end) const {
    return text_.substr(begin, end - begin);
  }

  /// Whether one of `words` (lower case) stands shortly before or behind the range, or in the name
  /// of the field. A word counts where it begins a word.
  [[nodiscard]] bool has_context(Range range, std::vector<std::string> const& words) const;
  /// The same at most so many bytes before and behind, without the name of the field.
  [[nodiscard]] bool has_context_within(Range range,
                                        std::vector<std::string> const& words,
                                        std::size_t before,
                                        std::size_t behind) const;
  /// Whether the name of the field is or has one of `words`.
  [[nodiscard]] bool is_hinted(std::vector<std::string> const& words) const;
  /// Whether the text is little more than numbers: at most three words of letters besides the
  /// range, no field name.
  [[nodiscard]] bool is_bare(Range range) const;
  /// The end of the last token before `at`, or 0; the start of the first one from `at` on, or npos.
  [[nodiscard]] std::size_t token_before(std::size_t at) const;
  [[nodiscard]] std::size_t token_after(std::size_t at) const;
  /// Whether the range meets a token.
  [[nodiscard]] bool meets_token(Range range) const;

  void add(Range range, std::string_view kind, std::string_view category, Evidence evidence);
  /// Adds the range if what `needs` asks for is there; what is there is its evidence.
  void add_if(Range range,
              std::string_view kind,
              std::string_view category,
              Needs needs,
              std::vector<std::string> const& context);
  [[nodiscard]] std::vector<Finding>& findings() { return findings_; }

  /// What begins at `at` may go on behind the end of the text.
  void leave_open(std::size_t at) { open_from_ = std::min(open_from_, at); }
  /// Where the first such begins; npos: nowhere.
  [[nodiscard]] std::size_t open_from() const { return open_from_; }

  /// Ends of what has been looked at, so that no part is taken twice.
  std::size_t addresses_until = 0;
  std::size_t field_until = 0;

 private:
  Rules const& rules_;
  std::string_view text_;
  std::string_view hint_;
  std::vector<Range> tokens_;
  std::vector<Finding> findings_;
  std::size_t open_from_ = std::string_view::npos;
};

// The parts, each called where what it begins with was seen.

/// A literal of `rule` stands at `at`.
void match_token(Scan& scan, TokenRule const& rule, std::size_t at);
/// A dot stands at `at`, and another seven further.
void match_dotted(Scan& scan, std::size_t at);
/// A run of digits [begin, end) that is not longer to either side.
void match_number(Scan& scan, Range run);
void match_card(Scan& scan, Range run);
void match_iban(Scan& scan, Range run);
void match_phone(Scan& scan, Range run);
void match_ipv4(Scan& scan, Range run);
void match_crypto(Scan& scan, Range run);
/// A colon, a dash, a dot or an at sign stands at `at`.
void match_colon(Scan& scan, std::size_t at);
void match_dash(Scan& scan, std::size_t at);
void match_dot(Scan& scan, std::size_t at);
void match_email(Scan& scan, std::size_t at);
/// A word of the names of fields stands at `at`.
void match_field(Scan& scan, std::size_t at);
/// "://" stands at `at`: a password may follow.
void match_url(Scan& scan, std::size_t at);
/// An option that takes user:password ends at `at`.
void match_user_option(Scan& scan, std::size_t at);

}  // namespace dalsegno::vault
