#include "tools/dalsegno/redaction_options.h"

#include "dalsegno/try.h"

#include <utility>

namespace dalsegno::command {

void add_redaction_options(CLI::App& verb, RedactionOptions& options) {
  add_master_key_options(verb, options.keys);
  verb.add_option("--spare",
                  options.spared,
                  "categories that are not redacted, such as ip or email; may be repeated");
  verb.add_flag("--no-redaction", options.off, "record payloads as they come, secrets and all");
}

Result<std::unique_ptr<vault::Redaction>> open_redaction(Globals const& globals,
                                                         storage::EventLog& log,
                                                         RedactionOptions const& options) {
  if (options.off) return std::unique_ptr<vault::Redaction>();
  bool const named = !options.keys.file.empty() || !options.keys.command.empty();
  auto keys = named
                  ? master_keys(globals, options.keys)
                  : vault::read_or_create_master_keys(vault::default_master_key_file(globals.data));
  if (!keys) return keys.error();
  vault::RedactorOptions redactor;
  redactor.spared.insert(options.spared.begin(), options.spared.end());
  return vault::Redaction::open(log, std::move(*keys), std::move(redactor));
}

}  // namespace dalsegno::command
