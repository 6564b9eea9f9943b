#pragma once

#include "dalsegno/contact.h"

#include <cstddef>
#include <mutex>
#include <vector>

namespace dalsegno::vault {
class Intake;
}

namespace dalsegno::engine {

/// The contacts of one attempt as they are to be recorded: redacted, and no more of them than an
/// event has room for beside a result.
///
/// Limits: texts are cut at 4 KiB, lists at 64 entries (the last says how many more there were).
/// What is beyond `max_contacts` or `max_bytes` is summed up in a last contact with the outcome
/// "left_out".
/// Thread: any.
class ContactList {
 public:
  static constexpr std::size_t max_contacts = 256;
  static constexpr std::size_t max_bytes = 128U << 10U;  ///< as they stand in an event, at most

  /// `intake` outlives this; null: nothing is redacted.
  explicit ContactList(vault::Intake const* intake) : intake_(intake) {}

  void add(Contact contact);
  /// All so far, in the order in which they were added.
  [[nodiscard]] std::vector<Contact> contacts() const;

 private:
  vault::Intake const* intake_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<Contact> contacts_;
  std::size_t bytes_ = 0;
  std::size_t left_out_ = 0;
  Contact left_out_together_;
};

}  // namespace dalsegno::engine
