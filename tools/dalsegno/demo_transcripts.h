#pragma once

#include <string>

namespace dalsegno::command {

// What the demonstration is made of: the desk of an airline. People, bookings and flights are
// invented here.

/// Transcripts of the sessions "seat-change" and "refund-request", a line each.
[[nodiscard]] std::string demo_short_sessions();
/// That of the session "lost-bag".
[[nodiscard]] std::string demo_long_session();
/// A card is charged, which a person has to approve.
[[nodiscard]] std::string demo_paid_session();
/// The desk's policy: a document as in docs/policy.md.
[[nodiscard]] std::string demo_policy();

}  // namespace dalsegno::command
