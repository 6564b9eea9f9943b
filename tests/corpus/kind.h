#pragma once

#include "dalsegno/json.h"

#include <filesystem>
#include <string_view>

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
  Result<Json> (*score)(std::filesystem::path const& path) = nullptr;
};

[[nodiscard]] Kind jcs();
[[nodiscard]] Kind redaction();
[[nodiscard]] Kind ssrf();

}  // namespace dalsegno::corpus
