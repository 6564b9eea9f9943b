#pragma once

#include "storage/vault/intake.h"
#include "storage/vault/master_keys.h"
#include "storage/vault/redactor.h"
#include "storage/vault/vault.h"

#include <memory>
#include <utility>

namespace dalsegno::vault {

/// All that redacts for one store: vault, redactor and intake. Thread: any.
class Redaction {
 public:
  /// Makes the store's key for tokens at the first call. `log` outlives this. Errors: those of
  /// `Vault::redaction_key`.
  [[nodiscard]] static Result<std::unique_ptr<Redaction>> open(storage::EventLog& log,
                                                               MasterKeys keys,
                                                               RedactorOptions options = {});
  Redaction(Redaction const&) = delete;
  Redaction& operator=(Redaction const&) = delete;
  ~Redaction() = default;

  [[nodiscard]] Redactor& redactor() { return *redactor_; }
  [[nodiscard]] Intake const& intake() const { return *intake_; }

 private:
  Redaction(storage::EventLog& log, MasterKeys keys) : vault_(log, std::move(keys)) {}

  // Each refers to those before it.
  Vault vault_;
  std::unique_ptr<Redactor> redactor_;
  std::unique_ptr<Intake> intake_;
};

}  // namespace dalsegno::vault
