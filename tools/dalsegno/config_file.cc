#include "tools/dalsegno/config_file.h"

#include "dalsegno/try.h"
#include "tools/dalsegno/policy_files.h"
#include "tools/dalsegno/printable.h"

namespace dalsegno::command {

Result<config::Config> read_config(std::filesystem::path const& file) {
  TRY(auto const text, read_text(file));
  auto config = config::parse_config(text, file.string());
  if (!config) return Error{config.error().code, printable(config.error().detail)};
  return config;
}

}  // namespace dalsegno::command
