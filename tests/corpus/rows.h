#pragma once

#include "dalsegno/json.h"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::corpus {

/// All bytes of `path`; those of a name that ends in .gz are unpacked (gzip, several members too).
/// Limits: 1 GiB unpacked.
/// Errors: Errc::not_found, Errc::io, Errc::invalid where the packed data is damaged.
[[nodiscard]] Result<std::string> read_bytes(std::filesystem::path const& path);

/// `path` itself if it is a file, else the files below it whose name ends with one of `endings`,
/// sorted by path.
/// Errors: Errc::not_found when there is no such path, or no such file below it.
[[nodiscard]] Result<std::vector<std::filesystem::path>> files_at(
    std::filesystem::path const& path, std::vector<std::string_view> const& endings);

/// One object of a .jsonl file.
struct Row {
  std::filesystem::path file;
  std::size_t line = 0;  ///< from 1
  Json value;
};

/// "FILE:LINE", for messages.
[[nodiscard]] std::string place_of(Row const& row);

/// Calls `each` for every row of the .jsonl and .jsonl.gz files at `path`, in order, until it
/// returns an error; blank lines are passed over.
///
/// JSON that escapes half of a surrogate pair alone cannot be held as UTF-8: such a half is read as
/// U+FFFD, as a browser reads it.
/// Errors: those of `files_at`, of `read_bytes` and of `each`; Errc::invalid where a line is no
/// JSON.
[[nodiscard]] Result<> for_each_row(std::filesystem::path const& path,
                                    std::function<Result<>(Row const&)> const& each);

}  // namespace dalsegno::corpus
