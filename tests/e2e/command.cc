#include "tests/e2e/command.h"

#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <stdexcept>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dalsegno::test {
namespace {

void become(int descriptor, std::filesystem::path const& path, int flags) {
  int const file = open(path.c_str(), flags, 0600);
  if (file < 0 || dup2(file, descriptor) < 0) _exit(126);
  close(file);
}

Ran run(std::vector<std::string> const& arguments,
        std::string const& in,
        std::optional<std::size_t> file_bytes) {
  TemporaryFolder const folder;
  auto const path = [&folder](char const* name) { return folder.path() / name; };
  write_file(path("in"), in);
  std::string program = DALSEGNO_COMMAND;
  std::vector<std::string> words = arguments;
  words.insert(words.begin(), "dalsegno");
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  pid_t const child = fork();
  if (child < 0) throw std::runtime_error("fork");
  if (child == 0) {
    become(STDIN_FILENO, path("in"), O_RDONLY);
    become(STDOUT_FILENO, path("out"), O_WRONLY | O_CREAT);
    become(STDERR_FILENO, path("err"), O_WRONLY | O_CREAT);
    unsetenv("DALSEGNO_DATA");
    if (file_bytes) {
      signal(SIGXFSZ, SIG_IGN);  // the write fails with EFBIG instead
      rlimit const limit{*file_bytes, *file_bytes};
      if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(126);
    }
    execv(program.c_str(), argv.data());
    _exit(127);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) throw std::runtime_error("waitpid");
  Ran ran;
  ran.out = read_bytes(path("out"));
  ran.err = read_bytes(path("err"));
  if (WIFSIGNALED(status)) {
    ran.signal = WTERMSIG(status);
  } else {
    ran.code = WEXITSTATUS(status);
  }
  return ran;
}

}  // namespace

Ran dalsegno(std::vector<std::string> const& arguments, std::string const& in) {
  return run(arguments, in, std::nullopt);
}

Ran dalsegno_with_file_limit(std::vector<std::string> const& arguments, std::size_t file_bytes) {
  return run(arguments, {}, file_bytes);
}

void write_file(std::filesystem::path const& path, std::string const& bytes) {
  std::ofstream out(path, std::ios::binary);
  out << bytes;
  out.close();
  if (!out) throw std::runtime_error("cannot write " + path.string());
}

}  // namespace dalsegno::test
