#include "tools/dalsegno/master_key_options.h"

namespace dalsegno::command {

void add_master_key_options(CLI::App& verb, MasterKeyOptions& options) {
  verb.add_option("--master-key-file",
                  options.file,
                  "a file with mode 0600 and a key a line [beside the store: DATA.master-key]")
      ->envname("DALSEGNO_MASTER_KEY_FILE");
  verb.add_option("--master-key-command", options.command, "a command that prints the same")
      ->envname("DALSEGNO_MASTER_KEY_COMMAND");
}

Result<vault::MasterKeys> master_keys(Globals const& globals, MasterKeyOptions const& options) {
  if (!options.file.empty() && !options.command.empty())
    return Error{Errc::invalid,
                 "say once where the master key is: --master-key-file or --master-key-command"};
  if (!options.command.empty()) return vault::MasterKeys::run_command(options.command);
  if (!options.file.empty()) return vault::MasterKeys::read_file(options.file);
  return vault::MasterKeys::read_file(vault::default_master_key_file(globals.data));
}

}  // namespace dalsegno::command
