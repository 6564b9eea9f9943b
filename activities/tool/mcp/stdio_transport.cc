#include "activities/tool/mcp/stdio_transport.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <utility>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace dalsegno::mcp {
namespace {

using Clock = Patience::Clock;

constexpr std::size_t max_asked = 64;
constexpr std::chrono::milliseconds time_for_a_word{1'000};
constexpr std::chrono::milliseconds look_up_every{100};

/// A write to a pipe that nobody reads fails in place of ending this process.
class NoSigpipe {
 public:
  NoSigpipe() {
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoSigpipe() {
    timespec const at_once{};
    if (!was_pending_)
      while (::sigtimedwait(&pipe_, nullptr, &at_once) == SIGPIPE) {
      }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoSigpipe(NoSigpipe const&) = delete;
  NoSigpipe& operator=(NoSigpipe const&) = delete;

 private:
  sigset_t pipe_{};
  sigset_t before_{};
  bool was_pending_ = false;
};

void poke(int event) {
  std::uint64_t const one = 1;
  static_cast<void>(!::write(event, &one, sizeof one));
}

int milliseconds_until(Clock::time_point deadline) {
  auto const left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::clamp<std::chrono::milliseconds::rep>(left.count(), 0, INT_MAX));
}

Fault ended(std::string message) {
  return {.type = "server_ended",
          .message = std::move(message),
          .retryable = true,
          .outcome_unknown = true};
}

Fault malformed(std::string message) {
  return {.type = "malformed_answer",
          .message = std::move(message),
          .retryable = false,
          .outcome_unknown = true};
}

}  // namespace

StdioTransport::StdioTransport(StdioOptions options, Peer& peer)
    : options_(std::move(options)),
      peer_(peer),
      tail_(options_.stderr_bytes),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

StdioTransport::~StdioTransport() { close(); }

int StdioTransport::pid() const {
  std::scoped_lock const lock(mutex_);
  return gone_ ? -1 : child_->pid();
}

// ---- starting and ending ----

OrFault<std::uint64_t> StdioTransport::open() {
  std::scoped_lock const starting(start_mutex_);
  {
    std::scoped_lock const lock(mutex_);
    if (!gone_) return connection_;
    if (is_closed_)
      return std::unexpected(Fault{.type = "cancelled", .message = "the client is closed"});
    auto const now = Clock::now();
    if (now < not_before_) {
      auto const left = std::chrono::ceil<std::chrono::milliseconds>(not_before_ - now);
      return std::unexpected(Fault{
          .type = "server_unavailable",
          .message =
              "the server has ended " + std::to_string(ends_in_a_row_) +
              " times in a row and is left alone for a while; the last time: " + gone_->message,
          .retryable = true,
          .retry_after = left});
    }
  }
  if (auto const started = start(); !started) return std::unexpected(started.error());
  std::scoped_lock const lock(mutex_);
  return connection_;
}

OrFault<> StdioTransport::start() {
  stop_threads();
  child_.reset();
  line_.clear();
  auto child = ChildProcess::start(options_.process);
  if (!child) {
    bool const is_lasting = child.error().code != Errc::io;
    return std::unexpected(
        Fault{.type = "not_started", .message = child.error().detail, .retryable = !is_lasting});
  }
  child_ = std::move(*child);
  {
    std::scoped_lock const lock(mutex_);
    gone_.reset();
    is_ended_by_reader_ = false;
    asked_.clear();
    ++connection_;
  }
  reader_ = std::jthread([this](std::stop_token const& stop) { read(stop); });
  server_ = std::jthread([this](std::stop_token const& stop) { serve(stop); });
  return {};
}

void StdioTransport::stop_threads() {
  reader_.request_stop();
  poke(wake_.get());
  if (reader_.joinable()) reader_.join();
  server_.request_stop();
  if (server_.joinable()) server_.join();
}

void StdioTransport::give_up(Fault fault) {
  std::scoped_lock const lock(mutex_);
  if (gone_) return;
  ++ends_in_a_row_;
  auto pause = ends_in_a_row_ < 2 ? std::chrono::milliseconds(0) : options_.pause;
  for (unsigned i = 2; i < ends_in_a_row_ && pause < options_.longest_pause; ++i) pause *= 2;
  not_before_ = Clock::now() + std::min(pause, options_.longest_pause);
  for (auto& [id, waiting] : waiting_)
    if (!waiting->answer) waiting->answer = std::unexpected(fault);
  gone_ = std::move(fault);
  changed_.notify_all();
}

void StdioTransport::close() {
  std::scoped_lock const starting(start_mutex_);
  bool is_running = false;
  {
    std::scoped_lock const lock(mutex_);
    is_closed_ = true;
    is_running = !gone_ && !is_ended_by_reader_;
  }
  if (is_running) {
    give_up({.type = "cancelled", .message = "the client was closed", .outcome_unknown = true});
    // The server is to see the end of its input, then a request to end, then it is ended. The
    // reader goes on meanwhile, so that it is not held up by a full pipe.
    {
      std::scoped_lock const writing(write_mutex_);
      child_->close_in();
    }
    if (!child_->ends_by(Clock::now() + options_.close_time)) {
      child_->signal(SIGTERM);
      static_cast<void>(child_->ends_by(Clock::now() + options_.close_time));
    }
  }
  stop_threads();
  child_.reset();
}

// ---- reading ----

void StdioTransport::read(std::stop_token const& stop) {
  bool is_open = true;
  while (is_open && !stop.stop_requested()) {
    std::array<pollfd, 3> wanted{pollfd{.fd = child_->out(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = child_->error(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
    if (::poll(wanted.data(), wanted.size(), -1) < 0) continue;
    // Why it was woken stands elsewhere: a stop is requested, or the server is gone.
    std::uint64_t count = 0;
    if (wanted[2].revents != 0) static_cast<void>(!::read(wake_.get(), &count, sizeof count));
    if ((wanted[1].revents & POLLIN) != 0) read_error();
    if (wanted[0].revents != 0) is_open = read_out();
    {
      std::scoped_lock const lock(mutex_);
      if (gone_ && gone_->type != "cancelled") break;
    }
    // Its standard error alone is closed: nothing more is to be had there, and poll would not wait.
    if (is_open && (wanted[1].revents & (POLLHUP | POLLERR)) != 0 &&
        (wanted[1].revents & POLLIN) == 0) {
      std::array<pollfd, 2> rest{wanted[0], wanted[2]};
      static_cast<void>(::poll(rest.data(), rest.size(), -1));
    }
  }
  bool is_over = false;
  {
    std::scoped_lock const lock(mutex_);
    // Whoever closes ends it, or has begun to.
    if (stop.stop_requested() || (gone_ && gone_->type == "cancelled")) return;
    is_ended_by_reader_ = true;
    is_over = gone_.has_value();
  }
  read_error();
  if (!is_over) static_cast<void>(child_->ends_by(Clock::now() + time_for_a_word));
  auto const how = child_->end();
  read_error();
  auto const words = presentable(tail_.text(), options_.stderr_bytes * 2);
  auto const last =
      words.size() > 500 ? "…" + presentable(words.substr(words.size() - 500), 600) : words;
  give_up(
      ended("the server ended (" + how + ")" + (last.empty() ? "" : "; its last words: " + last)));
}

void StdioTransport::read_error() {
  std::array<char, 4'096> buffer;
  for (;;) {
    auto const got = ::read(child_->error(), buffer.data(), buffer.size());
    if (got <= 0) return;
    tail_.add({buffer.data(), static_cast<std::size_t>(got)});
  }
}

bool StdioTransport::read_out() {
  std::array<char, 65'536> buffer;
  auto const got = ::read(child_->out(), buffer.data(), buffer.size());
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
  while (!bytes.empty()) {
    auto const end = bytes.find('\n');
    auto const piece = bytes.substr(0, end);
    if (line_.size() + piece.size() > options_.message_bytes) {
      give_up({.type = "too_large",
               .message = "the server sent a message of more than " +
                          std::to_string(options_.message_bytes) + " bytes",
               .retryable = false,
               .outcome_unknown = true});
      return true;
    }
    line_ += piece;
    if (end == std::string_view::npos) break;
    bytes.remove_prefix(end + 1);
    take_line(line_);
    line_.clear();
  }
  return true;
}

void StdioTransport::take_line(std::string_view line) {
  auto const begin = line.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return;
  if (line[begin] != '{') {
    tail_.add(line);
    tail_.add("\n");
    return;
  }
  auto message = read_message(line);
  if (!message) {
    give_up(malformed("the server sent something that is no message: " +
                      presentable(message.error().detail, 300)));
    return;
  }
  take(std::move(*message));
}

void StdioTransport::take(Message message) {
  {
    std::scoped_lock const lock(mutex_);
    ++lines_;
  }
  if (message.kind == Message::Kind::notification) return peer_.notified(message);
  std::scoped_lock const lock(mutex_);
  if (message.kind == Message::Kind::request) {
    // Whoever asks more than is answered is not answered.
    if (asked_.size() < max_asked) asked_.push_back(std::move(message));
  } else {
    for (auto& [id, waiting] : waiting_)
      if (message.answers(id) && !waiting->answer) {
        waiting->answer = std::move(message);
        break;
      }
  }
  changed_.notify_all();
}

void StdioTransport::serve(std::stop_token const& stop) {
  for (;;) {
    Message message;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [this] { return !asked_.empty(); })) return;
      message = std::move(asked_.front());
      asked_.pop_front();
    }
    write_quietly(peer_.asked(message));
  }
}

// ---- writing ----

OrFault<> StdioTransport::write(std::string const& message, Clock::time_point deadline) {
  std::scoped_lock const writing(write_mutex_);
  {
    std::scoped_lock const lock(mutex_);
    if (gone_) return std::unexpected(*gone_);
  }
  NoSigpipe const no_sigpipe;
  auto const line = message + "\n";
  std::string_view rest = line;
  while (!rest.empty()) {
    auto const wrote = ::write(child_->in(), rest.data(), rest.size());
    if (wrote > 0) {
      rest.remove_prefix(static_cast<std::size_t>(wrote));
      continue;
    }
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0 && errno != EAGAIN)
      return std::unexpected(ended("the server takes no more input"));
    pollfd pipe{.fd = child_->in(), .events = POLLOUT, .revents = 0};
    auto const slice = std::min(deadline, Clock::now() + look_up_every);
    if (::poll(&pipe, 1, milliseconds_until(slice)) != 0) continue;
    {
      std::scoped_lock const lock(mutex_);
      if (gone_) return std::unexpected(*gone_);
    }
    if (Clock::now() < deadline) continue;
    auto fault = Fault{
        .type = "timed_out",
        .message = "the server did not take a message of " + std::to_string(line.size()) + " bytes",
        .retryable = true,
        .outcome_unknown = true};
    // Half a message is in the pipe: nothing can follow it.
    give_up(fault);
    poke(wake_.get());
    return std::unexpected(std::move(fault));
  }
  return {};
}

void StdioTransport::write_quietly(std::string const& message) {
  // Where it is not written the server is gone, and whoever waits for it is told so.
  auto const written = write(message, Clock::now() + time_for_a_word);
  if (!written) return;
}

OrFault<> StdioTransport::notify(std::string const& message, Patience const& patience) {
  return write(message, patience.deadline());
}

OrFault<Message> StdioTransport::exchange(Outgoing const& request) {
  Waiting waiting;
  std::uint64_t lines = 0;
  {
    std::scoped_lock const lock(mutex_);
    if (gone_) {  // since it was opened
      auto fault = *gone_;
      fault.outcome_unknown = false;
      return std::unexpected(std::move(fault));
    }
    waiting_.emplace(request.id, &waiting);
    lines = lines_;
  }
  auto const written = write(request.message, request.patience.deadline());
  std::unique_lock lock(mutex_);
  auto const is_answered = [&] { return waiting.answer.has_value(); };
  if (!written) {
    // Whoever reads knows better why; but half a message has no effect.
    changed_.wait_until(lock, request.stop, Clock::now() + 2 * time_for_a_word, is_answered);
    if (!waiting.answer) waiting.answer = std::unexpected(written.error());
    if (!*waiting.answer) waiting.answer->error().outcome_unknown = false;
  }
  while (!is_answered() && !request.stop.stop_requested()) {
    auto const deadline = request.patience.deadline();
    if (changed_.wait_until(lock, request.stop, deadline, is_answered)) break;
    if (Clock::now() >= request.patience.deadline()) break;
  }
  waiting_.erase(request.id);
  if (waiting.answer) {
    if (*waiting.answer && request.method != "initialize" && request.method != "server/discover")
      ends_in_a_row_ = 0;
    return std::move(*waiting.answer);
  }
  bool const is_stopped = request.stop.stop_requested();
  bool const is_silent = lines_ == lines && request.method != "server/discover";
  lock.unlock();
  Fault fault{.type = is_stopped ? "cancelled" : "timed_out",
              .message = is_stopped
                             ? "the caller does not wait any longer"
                             : "the server did not answer \"" + request.method + "\" in time",
              .retryable = !is_stopped,
              .outcome_unknown = true};
  if (!is_stopped && is_silent) {
    // Not a sign of life: whoever asks next is to find a server that answers.
    fault.message += " and gave no sign of life; it was ended";
    give_up(fault);
    poke(wake_.get());
  } else if (request.method != "initialize" && request.method != "server/discover") {
    Json params;
    params.set("requestId", request.id).set("reason", fault.message);
    write_quietly(write_notification("notifications/cancelled", std::move(params)));
  }
  return std::unexpected(std::move(fault));
}

}  // namespace dalsegno::mcp
