#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace dalsegno::test {

/// What a run of the program came to.
struct Ran {
  int code = 0;    ///< when it ended by itself
  int signal = 0;  ///< else
  std::string out;
  std::string err;
};

/// Runs the program `dalsegno` with these arguments and waits for it. `in` is what it reads.
Ran dalsegno(std::vector<std::string> const& arguments, std::string const& in = {});

/// The same, while no file may grow beyond `file_bytes`: as on a disk that refuses writes.
Ran dalsegno_with_file_limit(std::vector<std::string> const& arguments, std::size_t file_bytes);

void write_file(std::filesystem::path const& path, std::string const& bytes);

}  // namespace dalsegno::test
