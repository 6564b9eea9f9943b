#pragma once

#include "dalsegno/result.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::mcp {

struct ProcessOptions {
  std::vector<std::string> command;  ///< the program, looked up in PATH, and its arguments
  /// The whole environment of the process: nothing of ours goes with it.
  std::vector<std::pair<std::string, std::string>> environment = {};
  std::filesystem::path directory = {};  ///< empty: ours
  std::uint64_t memory_bytes = 0;        ///< of data; 0: no bound
  std::chrono::seconds cpu_time{0};      ///< 0: no bound
};

/// A file descriptor that is closed with its owner.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() { reset(); }

  [[nodiscard]] int get() const { return number_; }
  void reset();

 private:
  int number_ = -1;
};

/// A process with pipes to its standard streams, in a process group of its own: what it starts ends
/// with it. It has none of our descriptors, signal handlers and limits of signals.
class ChildProcess {
 public:
  /// Errors: Errc::not_found without such a program; Errc::io.
  [[nodiscard]] static Result<std::unique_ptr<ChildProcess>> start(ProcessOptions const& options);
  ~ChildProcess();  ///< kills the group
  ChildProcess(ChildProcess const&) = delete;
  ChildProcess& operator=(ChildProcess const&) = delete;

  // None of these blocks.
  [[nodiscard]] int in() const { return in_.get(); }
  [[nodiscard]] int out() const { return out_.get(); }
  [[nodiscard]] int error() const { return error_.get(); }
  [[nodiscard]] int pid() const { return pid_; }

  void close_in() { in_.reset(); }
  /// Sends a signal to the whole group while the process is not yet waited for.
  void signal(int number) const;
  /// Whether it has ended by then.
  [[nodiscard]] bool ends_by(std::chrono::steady_clock::time_point deadline) const;
  /// Kills what is left of the group and waits for the process; gives how it ended: "exit code 1",
  /// "signal 9".
  std::string end();

 private:
  ChildProcess() = default;

  int pid_ = -1;
  Descriptor in_;
  Descriptor out_;
  Descriptor error_;
  Descriptor handle_;  // a pidfd
  std::optional<std::string> ended_;
};

}  // namespace dalsegno::mcp
