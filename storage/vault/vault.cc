#include "storage/vault/vault.h"

#include "dalsegno/try.h"
#include "storage/log/journal.h"
#include "storage/vault/seal.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

namespace dalsegno::vault {
namespace {

constexpr std::string_view key_record = "key";
constexpr std::string_view redaction_record = "redaction";
constexpr std::string_view hold_record = "hold";
constexpr std::string_view erased_record = "erased";
constexpr std::string_view original_prefix = "original/";
constexpr char key_format = 1;

std::string place_of(std::string_view what, SessionId const& session) {
  std::string out(what);
  for (auto const& part : {session.tenant, session.name}) {
    out.push_back('\0');
    out += part;
  }
  return out;
}

std::string original_place(SessionId const& session, std::string_view digits) {
  auto out = place_of("dalsegno/vault/original/1", session);
  out.push_back('\0');
  return out.append(digits);
}

std::string original_name(std::string_view digits) {
  return std::string(original_prefix).append(digits);
}

Result<std::string> wrap(MasterKeys const& keys, SessionId const& session, SecretKey const& key) {
  if (keys.empty()) return Error{Errc::denied, "no master key was given"};
  auto const bytes = key.bytes();
  TRY(auto const sealed,
      seal(keys.current().key,
           {reinterpret_cast<char const*>(bytes.data()), bytes.size()},
           place_of("dalsegno/vault/key/1", session)));
  std::string record(1, key_format);
  record.append(reinterpret_cast<char const*>(keys.current().id.data()), keys.current().id.size());
  return record + sealed;
}

std::string reason_json(Reason const& reason) {
  Json json;
  json.set("at_us", std::int64_t{reason.at.time_since_epoch().count()})
      .set("by", reason.by)
      .set("reason", reason.reason);
  return canonical(json);
}

Error erased(SessionId const& session) {
  return {Errc::undecidable,
          to_string(session) + " was erased: its originals cannot be known any more"};
}

/// kind ‖ 0x00 ‖ original.
std::string_view original_of(std::string_view plaintext) {
  auto const end = plaintext.find('\0');
  return end == std::string_view::npos ? std::string_view() : plaintext.substr(end + 1);
}

}  // namespace

Result<Vault::Known> Vault::key_of(SessionId const& session, std::string_view record) const {
  constexpr auto head = 1 + sizeof(MasterKeyId);
  if (record.size() < head || record[0] != key_format)
    return Error{Errc::corrupt, to_string(session) + ": its wrapped key is damaged"};
  auto const* const id = reinterpret_cast<std::uint8_t const*>(record.data()) + 1;
  auto const* const master = keys_.find({id, sizeof(MasterKeyId)});
  if (master == nullptr)
    return Error{Errc::denied,
                 to_string(session) +
                     ": its key is wrapped by a master key that is not among the given ones"};
  TRY(auto bytes, unseal(*master, record.substr(head), place_of("dalsegno/vault/key/1", session)));
  auto key =
      SecretKey::copy_of({reinterpret_cast<std::uint8_t const*>(bytes.data()), bytes.size()});
  OPENSSL_cleanse(bytes.data(), bytes.size());
  if (!key) return key.error();
  return Known{std::make_shared<SecretKey const>(std::move(*key)), std::string(record)};
}

Result<std::optional<Vault::Known>> Vault::stored_key(SessionId const& session) const {
  TRY(auto const record, log_.vault_record(session, key_record));
  if (!record) {
    TRY(auto const gone, log_.vault_record(session, erased_record));
    if (gone) return erased(session);
    return std::optional<Known>();
  }
  TRY(auto known, key_of(session, *record));
  return std::optional(std::move(known));
}

Result<storage::SessionSecret> Vault::redaction_key() {
  // It lies with the store's own session, wrapped as a session's key is.
  auto const& journal = storage::journal_session();
  std::lock_guard const lock(mutex_);
  TRY(auto record, log_.vault_record(journal, redaction_record));
  if (!record) {
    TRY(auto const fresh, SecretKey::random());
    TRY(auto wrapped, wrap(keys_, journal, fresh));
    storage::VaultRecord const made{std::string(redaction_record), std::move(wrapped)};
    if (!log_.put_vault(journal, {&made, 1}))
      return Error{Errc::not_found,
                   "this store has no key for tokens yet: nothing was redacted in it"};
    record = made.bytes;
  }
  TRY(auto const known, key_of(journal, *record));
  storage::SessionSecret secret;
  std::ranges::copy(known.key->bytes(), secret.bytes.begin());
  return secret;
}

Result<std::vector<storage::VaultRecord>> Vault::seal(SessionId const& session,
                                                      std::span<Replacement const> replaced) {
  std::vector<storage::VaultRecord> records;
  if (replaced.empty()) return records;
  std::lock_guard const lock(mutex_);
  TRY(auto known, stored_key(session));
  if (known) {
    fresh_.erase(session);
  } else {
    // Not in the store yet: every append carries it until it is.
    auto const it = fresh_.find(session);
    if (it != fresh_.end()) {
      known = it->second;
    } else {
      TRY(auto key, SecretKey::random());
      TRY(auto record, wrap(keys_, session, key));
      known = Known{std::make_shared<SecretKey const>(std::move(key)), std::move(record)};
      fresh_.emplace(session, *known);
    }
    records.push_back({std::string(key_record), known->wrapped});
  }
  std::map<std::string_view, std::string_view> now;
  for (auto const& part : replaced) {
    auto const places = find_tokens(part.token);
    if (places.size() != 1) return Error{Errc::invalid, "a replacement without a token"};
    auto const digits = places[0].digits;
    auto const clash = Error{
        Errc::conflict, "two values have the token " + part.token + " in " + to_string(session)};
    if (auto const [it, added] = now.emplace(digits, part.original); !added) {
      if (it->second != part.original) return clash;
      continue;
    }
    TRY(auto const stored, log_.vault_record(session, original_name(digits)));
    if (stored) {
      TRY(auto plaintext, unseal(*known->key, *stored, original_place(session, digits)));
      bool const same = original_of(plaintext) == part.original;
      OPENSSL_cleanse(plaintext.data(), plaintext.size());
      if (!same) return clash;
      continue;
    }
    auto plaintext = part.kind + '\0' + part.original;
    auto sealed = vault::seal(*known->key, plaintext, original_place(session, digits));
    OPENSSL_cleanse(plaintext.data(), plaintext.size());
    if (!sealed) return sealed.error();
    records.push_back({original_name(digits), std::move(*sealed)});
  }
  return records;
}

namespace {

Error no_original(SessionId const& session, std::string_view digits) {
  return {Errc::not_found,
          to_string(session) + " has no original of the token " + std::string(digits)};
}

}  // namespace

Result<> Vault::can_open(SessionId const& session, std::string_view digits) const {
  TRY(auto const known, stored_key(session));
  TRY(auto const stored, log_.vault_record(session, original_name(digits)));
  if (!known || !stored) return no_original(session, digits);
  return {};
}

Result<std::string> Vault::open(SessionId const& session, std::string_view digits) const {
  TRY(auto const known, stored_key(session));
  TRY(auto const stored, log_.vault_record(session, original_name(digits)));
  if (!known || !stored) return no_original(session, digits);
  TRY(auto plaintext, unseal(*known->key, *stored, original_place(session, digits)));
  std::string original(original_of(plaintext));
  OPENSSL_cleanse(plaintext.data(), plaintext.size());
  return original;
}

Result<std::string> Vault::reveal(SessionId const& session,
                                  std::string_view text,
                                  MayReveal const& may) const {
  std::string out;
  std::size_t at = 0;
  for (auto const& token : find_tokens(text)) {
    if (!may(token.kind)) continue;
    auto original = open(session, token.digits);
    if (!original && original.error().code != Errc::not_found) return original.error();
    out += text.substr(at, token.begin - at);
    out +=
        original ? std::string_view(*original) : text.substr(token.begin, token.end - token.begin);
    at = token.end;
    if (original) OPENSSL_cleanse(original->data(), original->size());
  }
  out += text.substr(at);
  return out;
}

Result<Rotation> Vault::rotate() {
  if (keys_.empty()) return Error{Errc::denied, "no master key was given"};
  Rotation rotation;
  std::vector<SessionId> sessions;
  TRY_VOID(log_.scan_heads([&](SessionId const& session, storage::Head const&) {
    sessions.push_back(session);
    return true;
  }));
  std::lock_guard const lock(mutex_);
  TRY_VOID(rewrap(storage::journal_session(), redaction_record, rotation));
  for (auto const& session : sessions) TRY_VOID(rewrap(session, key_record, rotation));
  return rotation;
}

Result<> Vault::rewrap(SessionId const& session, std::string_view name, Rotation& rotation) {
  TRY(auto const record, log_.vault_record(session, name));
  if (!record) return {};
  TRY(auto const known, key_of(session, *record));
  auto const& current = keys_.current().id;
  if (std::string_view(*record).substr(1, current.size()) ==
      std::string_view(reinterpret_cast<char const*>(current.data()), current.size())) {
    ++rotation.current;
    return {};
  }
  TRY(auto wrapped, wrap(keys_, session, *known.key));
  storage::VaultRecord const anew{std::string(name), std::move(wrapped)};
  TRY_VOID(log_.put_vault(session, {&anew, 1}));
  ++rotation.rewrapped;
  return {};
}

Result<> Vault::hold(SessionId const& session, Reason const& reason) {
  storage::VaultRecord const record{std::string(hold_record), reason_json(reason)};
  return log_.put_vault(session, {&record, 1});
}

Result<> Vault::lift(SessionId const& session) {
  storage::VaultRecord const record{std::string(hold_record), ""};
  return log_.put_vault(session, {&record, 1});
}

Result<std::optional<Json>> Vault::hold_on(SessionId const& session) const {
  TRY(auto const record, log_.vault_record(session, hold_record));
  if (!record || record->empty()) return std::optional<Json>();
  TRY(auto json, parse_json(*record));
  return std::optional(std::move(json));
}

Result<Erasure> Vault::erase(SessionId const& session, Reason const& reason) {
  TRY(auto const hold, hold_on(session));
  if (hold)
    return Error{Errc::held,
                 to_string(session) + " is under a legal hold of " + std::string(hold->text("by")) +
                     ": " + std::string(hold->text("reason"))};
  TRY(auto const gone, log_.vault_record(session, erased_record));
  if (gone) return erased(session);
  Erasure erasure;
  erasure.secret = log_.secret(session).has_value();
  TRY_VOID(log_.scan_vault(session, [&](storage::VaultRecord const& record) {
    erasure.originals += record.name.starts_with(original_prefix) ? 1U : 0U;
    erasure.key = erasure.key || record.name == key_record;
    return true;
  }));
  Json json;
  json.set("at_us", std::int64_t{reason.at.time_since_epoch().count()})
      .set("by", reason.by)
      .set("key", erasure.key);
  json.set("originals", static_cast<std::uint64_t>(erasure.originals)).set("reason", reason.reason);
  storage::VaultRecord const record{std::string(erased_record), canonical(json)};
  std::lock_guard const lock(mutex_);
  fresh_.erase(session);
  TRY_VOID(log_.destroy_vault(session, {&record, 1}));
  return erasure;
}

}  // namespace dalsegno::vault
