#include "storage/vault/intake.h"

#include "dalsegno/try.h"

#include <openssl/crypto.h>

namespace dalsegno::vault {
namespace {

void wipe(std::vector<Replacement>& replaced) {
  for (auto& part : replaced) OPENSSL_cleanse(part.original.data(), part.original.size());
}

Result<> open_all(Vault const& vault, SessionId const& session, Json& value) {
  if (auto* const text = value.as_string()) {
    if (find_tokens(*text).empty()) return {};
    TRY(auto opened, vault.reveal(session, *text));
    *text = std::move(opened);
  } else if (auto* const array = value.as_array()) {
    for (auto& item : *array) TRY_VOID(open_all(vault, session, item));
  } else if (auto* const object = value.as_object()) {
    for (auto& member : *object) TRY_VOID(open_all(vault, session, member.value));
  }
  return {};
}

}  // namespace

Result<Taken> Intake::json(SessionId const& session, std::string_view text) const {
  TRY(auto const value, parse_json(text));
  auto redacted = redactor_.json(value);
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

Result<std::string> Intake::reveal(SessionId const& session, std::string_view text) const {
  if (vault_ == nullptr || find_tokens(text).empty()) return std::string(text);
  TRY(auto value, parse_json(text));
  TRY_VOID(open_all(*vault_, session, value));
  return to_string(value);
}

std::string Intake::message(std::string_view text) const {
  auto redacted = redactor_.text(text);
  wipe(redacted.replaced);
  return std::move(redacted.value);
}

}  // namespace dalsegno::vault
