#include "storage/vault/intake.h"

#include "dalsegno/try.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <iterator>
#include <system_error>
#include <utility>

namespace dalsegno::vault {
namespace {

void wipe(std::vector<Replacement>& replaced) {
  for (auto& part : replaced) OPENSSL_cleanse(part.original.data(), part.original.size());
}

Result<> open_all(Vault const& vault, SessionId const& session, Json& value, MayReveal const& may) {
  if (auto* const text = value.as_string()) {
    if (find_tokens(*text).empty()) return {};
    TRY(auto opened, vault.reveal(session, *text, may));
    *text = std::move(opened);
  } else if (auto* const array = value.as_array()) {
    for (auto& item : *array) TRY_VOID(open_all(vault, session, item, may));
  } else if (auto* const object = value.as_object()) {
    for (auto& member : *object) TRY_VOID(open_all(vault, session, member.value, may));
  }
  return {};
}

std::string unescaped(std::string_view part) {
  std::string out;
  for (std::size_t i = 0; i < part.size(); ++i) {
    bool const escape = part[i] == '~' && i + 1 < part.size();
    out.push_back(!escape ? part[i] : part[++i] == '0' ? '~' : '/');
  }
  return out;
}

/// The value at an RFC 6901 pointer; nullptr: there is none.
Json* at(Json& value, std::string_view pointer) {
  auto* here = &value;
  while (!pointer.empty() && here != nullptr) {
    pointer.remove_prefix(1);
    auto const end = std::min(pointer.find('/'), pointer.size());
    auto const name = unescaped(pointer.substr(0, end));
    pointer.remove_prefix(end);
    Json* next = nullptr;
    if (auto* const object = here->as_object()) {
      for (auto& member : *object)
        if (member.name == name) next = &member.value;
    } else if (auto* const array = here->as_array()) {
      std::size_t index = 0;
      auto const* const last = name.data() + name.size();
      auto const [stopped, error] = std::from_chars(name.data(), last, index);
      if (error == std::errc() && stopped == last && index < array->size()) next = &(*array)[index];
    }
    here = next;
  }
  return here;
}

/// Puts one token in the place of what stands at each of the pointers.
void replace_always(Redactor const& redactor,
                    Json& value,
                    std::span<std::string const> pointers,
                    std::vector<Replacement>& replaced) {
  for (auto const& pointer : pointers) {
    auto* const part = at(value, pointer);
    if (part == nullptr || part->is_null()) continue;
    auto const* const text = part->as_string();
    if (text != nullptr && text->starts_with("[secret:") && find_tokens(*text).size() == 1)
      continue;
    auto original = text != nullptr ? *text : canonical(*part);
    auto token = redactor.token("policy", original);
    *part = Json(token);
    auto const end = original.size();
    replaced.push_back({.pointer = pointer,
                        .begin = 0,
                        .end = end,
                        .kind = "policy",
                        .category = "policy",
                        .token = std::move(token),
                        .original = std::move(original)});
  }
}

}  // namespace

Result<Taken> Intake::json(SessionId const& session,
                           std::string_view text,
                           std::span<std::string const> always) const {
  TRY(auto value, parse_json(text));
  std::vector<Replacement> by_policy;
  replace_always(redactor_, value, always, by_policy);
  auto redacted = redactor_.json(std::move(value), text);
  redacted.replaced.insert(redacted.replaced.end(),
                           std::make_move_iterator(by_policy.begin()),
                           std::make_move_iterator(by_policy.end()));
  Taken taken;
  if (!redacted.failed && redacted.replaced.empty()) {
    taken.text = text;
    return taken;
  }
  taken.replaced = redacted.failed ? 1 : redacted.replaced.size();
  if (vault_ != nullptr && !redacted.failed) {
    auto records = vault_->seal(session, redacted.replaced);
    wipe(redacted.replaced);
    if (records) {
      taken.records = std::move(*records);
    } else if (records.error().code == Errc::conflict) {
      redacted.value = Json(redactor_.commitment(text));
      taken.replaced = 1;
    } else {
      return records.error();
    }
  }
  wipe(redacted.replaced);
  taken.text = to_string(redacted.value);
  return taken;
}

Result<std::string> Intake::reveal(SessionId const& session,
                                   std::string_view text,
                                   MayReveal const& may) const {
  if (vault_ == nullptr || find_tokens(text).empty()) return std::string(text);
  TRY(auto value, parse_json(text));
  TRY_VOID(open_all(*vault_, session, value, may));
  return to_string(value);
}

std::string Intake::message(std::string_view text) const {
  auto redacted = redactor_.text(text);
  wipe(redacted.replaced);
  return std::move(redacted.value);
}

std::string Intake::contact_text(std::string_view text) const {
  auto redacted = redactor_.text(text, {}, "ip");
  wipe(redacted.replaced);
  return std::move(redacted.value);
}

}  // namespace dalsegno::vault
