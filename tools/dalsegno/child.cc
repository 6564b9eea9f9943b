#include "tools/dalsegno/child.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dalsegno::command {

Result<ChildEnd> run_self(std::vector<std::string> arguments, std::filesystem::path const& folder) {
  arguments.insert(arguments.begin(), "dalsegno");
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  std::fflush(stdout);  // what has been said so far comes first
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  pid_t child = 0;
  int const error = posix_spawn(&child, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return Error{Errc::io,
                 std::string("this program could not be run once more: ") + std::strerror(error)};
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR)
      return Error{Errc::io, std::string("waiting for a child: ") + std::strerror(errno)};
  }
  if (WIFSIGNALED(status)) return ChildEnd{.code = 0, .signal = WTERMSIG(status)};
  return ChildEnd{.code = WEXITSTATUS(status), .signal = 0};
}

}  // namespace dalsegno::command
