#pragma once

#include <cassert>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::test {

/// The folder `folder` of the public test data: below the environment's DALSEGNO_SHARED_DATA, else
/// below
/// ../shared/data beside the project. Nothing where it is missing; a test then says so and skips.
inline std::optional<std::filesystem::path> shared_data(std::string_view folder) {
  auto const* const variable = std::getenv("DALSEGNO_SHARED_DATA");
  auto const project = std::filesystem::path(__FILE__).parent_path() / ".." / "..";
  auto const path =
      (variable ? std::filesystem::path(variable) : project / ".." / "shared" / "data") / folder;
  if (!std::filesystem::is_directory(path)) return std::nullopt;
  return std::filesystem::canonical(path);
}

/// All bytes of a file that is there.
inline std::string read_bytes(std::filesystem::path const& path) {
  std::ifstream file(path, std::ios::binary);
  assert(file && "no such file");
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace dalsegno::test
