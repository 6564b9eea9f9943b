#pragma once

// Where a verb gets the master keys from: the same options for all that need them.

#include "dalsegno/result.h"
#include "storage/vault/master_keys.h"
#include "tools/dalsegno/globals.h"

#include <CLI/App.hpp>

#include <string>

namespace dalsegno::command {

struct MasterKeyOptions {
  std::string file;     ///< --master-key-file, else $DALSEGNO_MASTER_KEY_FILE
  std::string command;  ///< --master-key-command, else $DALSEGNO_MASTER_KEY_COMMAND
};

void add_master_key_options(CLI::App& verb, MasterKeyOptions& options);

/// Without an option the keys that lie beside the store. Errors: those of MasterKeys; Errc::invalid
/// when both options are given.
[[nodiscard]] Result<vault::MasterKeys> master_keys(Globals const& globals,
                                                    MasterKeyOptions const& options);

}  // namespace dalsegno::command
