#include "tools/dalsegno/config_file.h"

#include "dalsegno/try.h"
#include "tools/dalsegno/policy_files.h"

namespace dalsegno::command {

Result<config::Config> read_config(std::filesystem::path const& file) {
  TRY(auto const text, read_text(file));
  return config::parse_config(text, file.string());
}

}  // namespace dalsegno::command
