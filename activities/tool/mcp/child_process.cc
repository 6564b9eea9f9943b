#include "activities/tool/mcp/child_process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dalsegno::mcp {
namespace {

Error refused(std::string const& what) {
  return Error{Errc::io, what + ": " + std::strerror(errno)};  // NOLINT(concurrency-mt-unsafe)
}

struct Pipe {
  Descriptor read;
  Descriptor write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return refused("no pipe");
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

/// The file that `program` names, as a shell would find it.
Result<std::string> find_program(ProcessOptions const& options) {
  if (options.command.empty() || options.command.front().empty())
    return Error{Errc::invalid, "no program is named"};
  auto const& program = options.command.front();
  if (program.contains('/')) return program;
  std::string path = "/usr/local/bin:/usr/bin:/bin";
  if (auto const* const ours = std::getenv("PATH")) path = ours;  // NOLINT(concurrency-mt-unsafe)
  for (auto const& [name, value] : options.environment)
    if (name == "PATH") path = value;
  std::string_view rest = path;
  while (!rest.empty()) {
    auto const folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
    auto file = std::string(folder.empty() ? "." : folder) + "/" + program;
    if (::access(file.c_str(), X_OK) == 0) return file;
  }
  return Error{Errc::not_found, "there is no program \"" + program + "\" in PATH"};
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

void limit(int what, std::uint64_t value) {
  rlimit const bound{value, value};
  // A lower hard limit of ours stands.
  static_cast<void>(::setrlimit(static_cast<__rlimit_resource>(what), &bound));
}

struct Child {
  char const* file;
  char* const* arguments;
  char* const* environment;
  char const* directory;  // null: ours
  int in;
  int out;
  int error;
  int report;
  std::uint64_t memory_bytes;
  std::uint64_t cpu_seconds;
};

/// In the new process, where only one thread lives and nothing may be allocated.
[[noreturn]] void become(Child const& child) {
  ::setpgid(0, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  ::dup2(child.in, STDIN_FILENO);
  ::dup2(child.out, STDOUT_FILENO);
  ::dup2(child.error, STDERR_FILENO);
  ::dup2(child.report, 3);
  ::fcntl(3, F_SETFD, FD_CLOEXEC);
  ::syscall(SYS_close_range, 4U, ~0U, 0U);
  limit(RLIMIT_CORE, 0);
  if (child.memory_bytes > 0) limit(RLIMIT_DATA, child.memory_bytes);
  if (child.cpu_seconds > 0) limit(RLIMIT_CPU, child.cpu_seconds);
  if (child.directory == nullptr || ::chdir(child.directory) == 0)
    ::execve(child.file, child.arguments, child.environment);
  int const why = errno;
  static_cast<void>(!::write(3, &why, sizeof why));
  ::_exit(127);
}

}  // namespace

void Descriptor::reset() {
  if (number_ >= 0) ::close(std::exchange(number_, -1));
}

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(ProcessOptions const& options) {
  auto file = find_program(options);
  if (!file) return Error(file.error());
  auto in = make_pipe();
  auto out = make_pipe();
  auto error = make_pipe();
  auto report = make_pipe();
  for (auto const* const pipe : {&in, &out, &error, &report})
    if (!*pipe) return Error(pipe->error());
  auto arguments = options.command;
  std::vector<std::string> environment;
  environment.reserve(options.environment.size());
  for (auto const& [name, value] : options.environment) {
    auto& variable = environment.emplace_back(name);
    variable += '=';
    variable += value;
  }
  auto const argument_list = pointers(arguments);
  auto const environment_list = pointers(environment);
  auto const directory = options.directory.string();
  // Above the numbers that they are moved to, so that none is closed by the move of another.
  std::array<Descriptor, 4> ends;
  std::array<int, 4> const lower{
      in->read.get(), out->write.get(), error->write.get(), report->write.get()};
  for (std::size_t i = 0; i < ends.size(); ++i) {
    ends[i] = Descriptor(::fcntl(lower[i], F_DUPFD_CLOEXEC, 10));
    if (ends[i].get() < 0) return refused("no descriptor");
  }
  Child const child{.file = file->c_str(),
                    .arguments = argument_list.data(),
                    .environment = environment_list.data(),
                    .directory = directory.empty() ? nullptr : directory.c_str(),
                    .in = ends[0].get(),
                    .out = ends[1].get(),
                    .error = ends[2].get(),
                    .report = ends[3].get(),
                    .memory_bytes = options.memory_bytes,
                    .cpu_seconds = static_cast<std::uint64_t>(options.cpu_time.count())};
  int const pid = ::fork();
  if (pid < 0) return refused("no process");
  if (pid == 0) become(child);

  std::unique_ptr<ChildProcess> process(new ChildProcess());
  process->pid_ = pid;
  process->in_ = std::move(in->write);
  process->out_ = std::move(out->read);
  process->error_ = std::move(error->read);
  process->handle_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)));
  for (int const pipe : {process->in(), process->out(), process->error()})
    ::fcntl(pipe, F_SETFL, O_NONBLOCK);
  in->read.reset();
  report->write.reset();
  for (auto& end : ends) end.reset();
  int why = 0;
  ssize_t got = 0;
  while ((got = ::read(report->read.get(), &why, sizeof why)) < 0 && errno == EINTR) {
  }
  if (got == sizeof why) {
    process->end();
    errno = why;
    return refused("\"" + options.command.front() + "\" cannot be started");
  }
  if (process->handle_.get() < 0) return refused("no handle of the process");
  return process;
}

ChildProcess::~ChildProcess() { end(); }

void ChildProcess::signal(int number) const {
  if (!ended_) ::kill(-pid_, number);
}

bool ChildProcess::ends_by(std::chrono::steady_clock::time_point deadline) const {
  if (ended_) return true;
  for (;;) {
    auto const left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd handle{.fd = handle_.get(), .events = POLLIN, .revents = 0};
    auto const wait = std::clamp<std::chrono::milliseconds::rep>(left.count(), 0, INT_MAX);
    int const ready = ::poll(&handle, 1, static_cast<int>(wait));
    if (ready > 0) return true;
    if (ready == 0) return false;
  }
}

std::string ChildProcess::end() {
  if (ended_) return *ended_;
  // Before it is waited for, as until then nobody else can have the group's number.
  ::kill(-pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  ended_ = WIFEXITED(status) ? "exit code " + std::to_string(WEXITSTATUS(status))
                             : "signal " + std::to_string(WTERMSIG(status));
  return *ended_;
}

}  // namespace dalsegno::mcp
