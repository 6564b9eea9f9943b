#include "tools/dalsegno/govern.h"

#include "dalsegno/try.h"
#include "storage/access/guard_log.h"
#include "storage/rocksdb/rocksdb_log.h"
#include "storage/vault/redactor.h"
#include "tools/dalsegno/store.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <utility>

namespace dalsegno::command {

Result<GovernedStore> open_to_govern(Globals const& globals, Absent absent) {
  if (absent == Absent::refuse) TRY_VOID(open_store(globals));  // says so when there is none
  auto opened = storage::open_rocksdb(globals.data);
  if (!opened) {
    auto error = std::move(opened.error());
    if (error.code == Errc::locked)
      error.detail += "; another dalsegno works in this store: wait until it has ended";
    if (!error.detail.starts_with(globals.data.string()))
      error.detail.insert(0, globals.data.string() + ": ");
    return error;
  }
  GovernedStore store{std::move(*opened), nullptr};
  store.operators = access::guard_log(*store.log, access::TokenKind::operators);
  return store;
}

std::string recordable(std::string_view reason) {
  storage::SessionSecret nobodys;
  if (RAND_bytes(nobodys.bytes.data(), static_cast<int>(nobodys.bytes.size())) != 1) return {};
  auto redacted = vault::Redactor(nobodys).text(reason);
  for (auto& part : redacted.replaced) OPENSSL_cleanse(part.original.data(), part.original.size());
  return std::move(redacted.value);
}

Result<engine::Actor> operate(storage::EventLog& log,
                              Globals const& globals,
                              CredentialOptions const& options,
                              engine::OperatorAction action) {
  action.reason = recordable(options.reason);
  TRY(auto const shown, credentials(options));
  return engine::operate(log, shown, std::move(action), globals.now);
}

}  // namespace dalsegno::command
