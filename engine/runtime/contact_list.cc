#include "engine/runtime/contact_list.h"

#include "storage/vault/intake.h"

#include <string>
#include <utility>

namespace dalsegno::engine {
namespace {

constexpr std::size_t max_text_bytes = 4'096;
constexpr std::size_t max_entries = 64;
// What FlatBuffers adds, at most: to a contact for its numbers and offsets, to a text.
constexpr std::size_t contact_overhead = 256;
constexpr std::size_t text_overhead = 16;
// For the contact that sums up what was left out.
constexpr std::size_t kept_free = 1'024;

/// Calls `each` with every text of the contact.
template <class Each>
void for_texts(Contact& contact, Each each) {
  for (auto* const text : {&contact.method,
                           &contact.url,
                           &contact.host,
                           &contact.address,
                           &contact.policy,
                           &contact.outcome,
                           &contact.reason})
    each(*text);
  for (auto* const list : {&contact.answers, &contact.rules, &contact.policy_rules})
    for (auto& text : *list) each(text);
}

/// Between two characters of UTF-8.
void cut(std::string& text) {
  if (text.size() <= max_text_bytes) return;
  auto end = max_text_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  text.resize(end);
  text += "…";
}

void cut(std::vector<std::string>& list) {
  if (list.size() <= max_entries) return;
  auto const more = list.size() - (max_entries - 1);
  list.resize(max_entries - 1);
  list.push_back("… and " + std::to_string(more) + " more");
}

}  // namespace

void ContactList::add(Contact contact) {
  for (auto* const list : {&contact.answers, &contact.rules, &contact.policy_rules}) cut(*list);
  std::size_t size = contact_overhead;
  // Redacted before it is cut: half a secret would not be known for one.
  for_texts(contact, [&](std::string& text) {
    if (intake_ != nullptr && !text.empty()) text = intake_->contact_text(text);
    cut(text);
    size += text.size() + text_overhead;
  });
  std::lock_guard const lock(mutex_);
  if (left_out_ == 0 && contacts_.size() + 1 < max_contacts &&
      bytes_ + size <= max_bytes - kept_free) {
    bytes_ += size;
    contacts_.push_back(std::move(contact));
    return;
  }
  ++left_out_;
  left_out_together_.bytes_sent += contact.bytes_sent;
  left_out_together_.bytes_received += contact.bytes_received;
  left_out_together_.elapsed_us += contact.elapsed_us;
}

std::vector<Contact> ContactList::contacts() const {
  std::lock_guard const lock(mutex_);
  auto all = contacts_;
  if (left_out_ == 0) return all;
  auto& last = all.emplace_back(left_out_together_);
  last.outcome = "left_out";
  last.reason = std::to_string(left_out_) + " more contacts are not listed: at most " +
                std::to_string(max_contacts) + " and " + std::to_string(max_bytes) +
                " bytes are kept of an attempt";
  return all;
}

}  // namespace dalsegno::engine
