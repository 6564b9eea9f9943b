#include "tools/dalsegno/master_key_options.h"

namespace dalsegno::command {

void add_master_key_options(CLI::App& verb, MasterKeyOptions& options) {
  verb.add_option("--master-key-file", options.file, "a file with mode 0600 and a key a line")
      ->envname("DALSEGNO_MASTER_KEY_FILE");
  verb.add_option("--master-key-command", options.command, "a command that prints the same")
      ->envname("DALSEGNO_MASTER_KEY_COMMAND");
}

Result<vault::MasterKeys> master_keys(MasterKeyOptions const& options) {
  if (options.file.empty() == options.command.empty())
    return Error{Errc::invalid,
                 "say where the master key is: either --master-key-file or --master-key-command"};
  return options.file.empty() ? vault::MasterKeys::run_command(options.command)
                              : vault::MasterKeys::read_file(options.file);
}

}  // namespace dalsegno::command
