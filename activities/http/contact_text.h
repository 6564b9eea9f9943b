#pragma once

#include "dalsegno/contact.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::http {

/// The message of a failed attempt with the contacts that it made behind it: a failure has no
/// payload of its own in the log, and what it contacted must be there all the same.
[[nodiscard]] std::string with_contacts(std::string message, std::span<Contact const> contacts);

/// The contacts in a failure's message; none when it has none.
[[nodiscard]] std::vector<Contact> contacts_in_message(std::string_view message);
/// The contacts in an activity's result: its member "contacts". None when it has none.
[[nodiscard]] std::vector<Contact> contacts_in_result(std::string_view json);

}  // namespace dalsegno::http
