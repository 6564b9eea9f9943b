#include "tests/support/forked_cases.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <utility>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dalsegno::test {
namespace {

constexpr std::size_t cases_per_child = 40;

void send(int pipe, std::string const& report) {
  auto const size = static_cast<std::uint32_t>(report.size());
  std::string message(reinterpret_cast<char const*>(&size), sizeof size);
  message += report;
  if (write(pipe, message.data(), message.size()) != static_cast<ssize_t>(message.size()))
    _exit(70);
}

bool receive_exactly(int pipe, char* data, std::size_t size) {
  while (size > 0) {
    auto const got = read(pipe, data, size);
    if (got <= 0) return false;
    data += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

bool receive(int pipe, std::string& report) {
  std::uint32_t size = 0;
  if (!receive_exactly(pipe, reinterpret_cast<char*>(&size), sizeof size)) return false;
  report.resize(size);
  return receive_exactly(pipe, report.data(), size);
}

std::string end_of(std::FILE* file) {
  std::array<char, 4000> text{};
  std::fseek(file, 0, SEEK_END);
  auto const size = std::ftell(file);
  std::fseek(file, std::max(0L, size - static_cast<long>(text.size())), SEEK_SET);
  return {text.data(), std::fread(text.data(), 1, text.size(), file)};
}

std::string how_it_died(int status) {
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  return "exit " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

std::vector<CaseOutcome> run_forked(std::vector<std::size_t> const& cases,
                                    std::function<std::string(std::size_t)> const& body) {
  std::vector<CaseOutcome> outcomes;
  while (outcomes.size() < cases.size()) {
    auto const first = outcomes.size();
    auto const last = std::min(first + cases_per_child, cases.size());
    std::array<int, 2> channel{};
    if (pipe(channel.data()) != 0) std::abort();
    auto* const errors = std::tmpfile();
    if (errors == nullptr) std::abort();
    std::fflush(nullptr);
    auto const child = fork();
    if (child == 0) {
      close(channel[0]);
      dup2(fileno(errors), STDERR_FILENO);
      for (auto i = first; i < last; ++i) {
        std::string report;
        try {
          report = body(cases[i]);
        } catch (std::exception const& error) {
          report = std::string("exception: ") + error.what();
        }
        send(channel[1], report);
      }
      _exit(0);
    }
    close(channel[1]);
    std::string report;
    while (outcomes.size() < last && receive(channel[0], report)) {
      outcomes.push_back(
          {.number = cases[outcomes.size()], .died = false, .report = std::move(report)});
    }
    close(channel[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (outcomes.size() < last) {
      outcomes.push_back({.number = cases[outcomes.size()],
                          .died = true,
                          .report = how_it_died(status) + "\n" + end_of(errors)});
    }
    std::fclose(errors);
  }
  return outcomes;
}

}  // namespace dalsegno::test
