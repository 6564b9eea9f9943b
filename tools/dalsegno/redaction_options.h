#pragma once

// Redaction for the verbs that run sessions: on, unless somebody says otherwise.

#include "dalsegno/result.h"
#include "storage/log/event_log.h"
#include "storage/vault/redaction.h"
#include "tools/dalsegno/globals.h"
#include "tools/dalsegno/master_key_options.h"

#include <CLI/App.hpp>

#include <memory>
#include <string>
#include <vector>

namespace dalsegno::command {

struct RedactionOptions {
  MasterKeyOptions keys;
  std::vector<std::string> spared;  ///< categories that stay
  bool off = false;                 ///< --no-redaction
};

void add_redaction_options(CLI::App& verb, RedactionOptions& options);

/// What redacts for this store; its master key is made beside the store when no option names one
/// and none is there. Null when it is off. Errors: those of `vault::Redaction::open` and of the
/// keys.
[[nodiscard]] Result<std::unique_ptr<vault::Redaction>> open_redaction(
    Globals const& globals, storage::EventLog& log, RedactionOptions const& options);

}  // namespace dalsegno::command
