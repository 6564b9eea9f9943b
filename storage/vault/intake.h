#pragma once

#include "storage/vault/redactor.h"
#include "storage/vault/vault.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::vault {

/// What comes into a session, redacted, and what the step that records it has to carry.
struct Taken {
  std::string text;                           ///< JSON again
  std::vector<storage::VaultRecord> records;  ///< for Append::vault
  std::size_t replaced = 0;                   ///< how many parts; 0: `text` is the input itself
};

/// The place where payloads enter: one call redacts, seals the originals and wipes them.
/// Thread: any.
class Intake {
 public:
  /// Both outlive this. Without a vault the originals are gone.
  Intake(Redactor const& redactor, Vault* vault) : redactor_(redactor), vault_(vault) {}

  /// Redacts a payload, which must be JSON. Without findings the text stays byte for byte. What
  /// stands at the JSON pointers `always` is replaced as a whole, whatever it is, by tokens of the
  /// kind "policy".
  /// When the redactor fails, or a token would stand for two values, the payload becomes one string
  /// that commits to it.
  /// Errors: Errc::invalid when it is no JSON; those of `Vault::seal` (nothing may be recorded
  /// then).
  [[nodiscard]] Result<Taken> json(SessionId const& session,
                                   std::string_view text,
                                   std::span<std::string const> always = {}) const;

  /// The other way, for a tool whose permit says `reveal`: JSON with its tokens of these kinds
  /// opened, in memory only. A number that was replaced comes back as a string; names of members
  /// stay redacted. Errors: Errc::invalid; those of `Vault::open` but not_found: such a token
  /// stays.
  [[nodiscard]] Result<std::string> reveal(SessionId const& session,
                                           std::string_view text,
                                           MayReveal const& may) const;

  /// Redacts a text that is no JSON, such as the message of an error. Its originals are not kept.
  [[nodiscard]] std::string message(std::string_view text) const;

  /// Redacts a text about a contact with the outside world (a URL, a host, a reason): as `message`,
  /// but IP addresses stay, as where a call went is what the record is for.
  [[nodiscard]] std::string contact_text(std::string_view text) const;

  /// Of the redactor.
  [[nodiscard]] std::string const& version() const { return redactor_.version(); }
  /// Whether originals are kept, so that they can be revealed.
  [[nodiscard]] bool keeps_originals() const { return vault_ != nullptr; }

 private:
  Redactor const& redactor_;
  Vault* vault_;
};

}  // namespace dalsegno::vault
