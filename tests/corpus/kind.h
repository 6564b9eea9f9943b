#pragma once

#include "dalsegno/json.h"

#include <filesystem>
#include <functional>
#include <string_view>

namespace CLI {
class App;
}

namespace dalsegno::corpus {

/// One kind of data that can be scored.
struct Kind {
  /// What stands on the command line.
  std::string_view name;
  /// One line of help: what is scored, and the members of the answer.
  std::string_view about;
  /// Scores a file, or all files of a folder that have the kind's format; an object.
  /// Errors: Errc::not_found, Errc::io, and Errc::invalid for what is not in the format: the detail
  /// names the file and the line.
  std::function<Result<Json>(std::filesystem::path const& path)> score;
  /// Adds the kind's own options to its subcommand; nothing where it has none.
  std::function<void(CLI::App& command)> add_options{};
};

[[nodiscard]] Kind affinity();
[[nodiscard]] Kind jcs();
[[nodiscard]] Kind redaction();
[[nodiscard]] Kind route();
[[nodiscard]] Kind ssrf();
[[nodiscard]] Kind transcripts();
[[nodiscard]] Kind usage();

}  // namespace dalsegno::corpus
