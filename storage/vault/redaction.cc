#include "storage/vault/redaction.h"

#include "dalsegno/try.h"

namespace dalsegno::vault {

Result<std::unique_ptr<Redaction>> Redaction::open(storage::EventLog& log,
                                                   MasterKeys keys,
                                                   RedactorOptions options) {
  std::unique_ptr<Redaction> made(new Redaction(log, std::move(keys)));
  TRY(auto const key, made->vault_.redaction_key());
  made->redactor_ = std::make_unique<Redactor>(key, std::move(options));
  made->intake_ = std::make_unique<Intake>(*made->redactor_, &made->vault_);
  return made;
}

}  // namespace dalsegno::vault
