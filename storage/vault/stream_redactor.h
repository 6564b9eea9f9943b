#pragma once

// Redaction of text that comes in chunks, such as a model's answer.

#include "storage/vault/redactor.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::vault {

/// Lets text through as soon as no continuation can make a secret of it.
///
/// Whatever the chunks, the outputs together are what `Redactor::text` makes of the whole (but for
/// its later rounds), and no part of a secret is let out before the secret is known as one. What is
/// held back is the last `lookahead` bytes, back to a blank; more while a quoted value, a PEM block
/// or a known value is open.
/// Limits: when more than `max_held` bytes are held, nothing more is let out; `finish` then gives
/// one token in place of all the rest.
/// Thread: one at a time.
class StreamRedactor {
 public:
  static constexpr std::size_t max_held = 64ULL << 10U;

  /// `redactor` outlives this.
  explicit StreamRedactor(Redactor const& redactor) : redactor_(redactor) {}

  /// Takes the next bytes and returns what may go out now.
  [[nodiscard]] std::string feed(std::string_view chunk);
  /// The rest. Nothing may be fed afterwards.
  [[nodiscard]] std::string finish();

  /// What was replaced so far, with offsets in the whole input.
  [[nodiscard]] std::vector<Replacement> const& replaced() const { return replaced_; }
  /// Whether the bound was exceeded.
  [[nodiscard]] bool failed() const { return failed_; }
  /// How many bytes are held back now.
  [[nodiscard]] std::size_t held() const { return buffer_.size() - context_; }

 private:
  /// Lets out buffer_ up to `cut`, with these findings.
  std::string release(std::size_t cut, std::vector<Finding> const& findings);

  Redactor const& redactor_;
  std::string buffer_;        ///< what was let out last, and what is held
  std::size_t context_ = 0;   ///< how many bytes of it were let out
  std::size_t consumed_ = 0;  ///< of the input before buffer_
  std::vector<Replacement> replaced_;
  bool failed_ = false;
};

}  // namespace dalsegno::vault
