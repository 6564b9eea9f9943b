#include "activities/http/contact_text.h"

#include "dalsegno/json.h"
#include "dalsegno/payload.h"

namespace dalsegno::http {
namespace {

constexpr std::string_view marker = "; contacts: ";

}  // namespace

std::string with_contacts(std::string message, std::span<Contact const> contacts) {
  if (contacts.empty()) return message;
  message += marker;
  message += to_json(std::vector<Contact>(contacts.begin(), contacts.end()));
  return message;
}

std::vector<Contact> contacts_in_message(std::string_view message) {
  // A reason may hold anything, the marker too: what follows the true one is read as a whole.
  for (auto at = message.find(marker); at != std::string_view::npos;
       at = message.find(marker, at + 1))
    if (auto contacts = from_json<std::vector<Contact>>(message.substr(at + marker.size())))
      return std::move(*contacts);
  return {};
}

std::vector<Contact> contacts_in_result(std::string_view json) {
  if (!json.contains("\"contacts\"")) return {};
  auto const value = parse_json(json);
  auto const* const contacts = value ? value->find("contacts") : nullptr;
  if (contacts == nullptr || contacts->as_array() == nullptr) return {};
  return from_json<std::vector<Contact>>(to_string(*contacts)).value_or(std::vector<Contact>());
}

}  // namespace dalsegno::http
