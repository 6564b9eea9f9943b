#pragma once

#include "activities/tool/mcp/byte_tail.h"
#include "activities/tool/mcp/child_process.h"
#include "activities/tool/mcp/transport.h"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

namespace dalsegno::mcp {

struct StdioOptions {
  ProcessOptions process = {};
  std::size_t message_bytes = max_message_bytes;
  std::size_t stderr_bytes = 16'384;  ///< of its standard error that are kept
  /// Between one end of a server that nobody asked for and its next start, from the second in a row
  /// on; doubled each time.
  std::chrono::milliseconds pause{1'000};
  std::chrono::milliseconds longest_pause{60'000};
  std::chrono::milliseconds close_time{
      2'000};  ///< it gets to end by itself, and again after SIGTERM
};

/// MCP over the standard streams of a process that is ours: one message a line.
///
/// A server that writes something that is no message, more than it may, or nothing at all while it
/// is waited for, is ended; the next request starts it anew, later and later while none is
/// answered. Lines that do not begin with '{' are no messages but chatter, and are kept with its
/// standard error.
class StdioTransport final : public Transport {
 public:
  /// `peer` must outlive it.
  StdioTransport(StdioOptions options, Peer& peer);
  ~StdioTransport() override;

  OrFault<std::uint64_t> open() override;
  void speak(std::string_view /*version*/, bool /*is_stateless*/) override {}
  OrFault<Message> exchange(Outgoing const& request) override;
  OrFault<> notify(std::string const& message, Patience const& patience) override;
  void close() override;

  [[nodiscard]] std::string last_words() const { return tail_.text(); }
  /// Of the present server; -1: there is none.
  [[nodiscard]] int pid() const;

 private:
  struct Waiting {
    std::optional<OrFault<Message>> answer;
  };

  void read(std::stop_token const& stop);
  /// Reads what is there; false: the stream has ended.
  bool read_out();
  void read_error();
  void take_line(std::string_view line);
  void take(Message message);
  void serve(std::stop_token const& stop);
  /// Every request under way fails with this, and so does each one until the server is started
  /// again.
  void give_up(Fault fault);
  OrFault<> write(std::string const& message, Patience::Clock::time_point deadline);
  void write_quietly(std::string const& message);
  [[nodiscard]] OrFault<> start();
  void stop_threads();

  StdioOptions const options_;
  Peer& peer_;
  ByteTail tail_;
  // One at a time may start or end a server.
  std::mutex start_mutex_;
  // Set by start; they stay as long as the threads below run.
  std::unique_ptr<ChildProcess> child_;
  Descriptor wake_;
  // Only on reader_.
  std::string line_;
  // One message at a time.
  std::mutex write_mutex_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  // Guarded by mutex_.
  std::map<std::uint64_t, Waiting*> waiting_;
  std::deque<Message> asked_;
  std::optional<Fault> gone_ = Fault{
      .type = "server_unavailable", .message = "the server is not started", .retryable = true};
  std::uint64_t connection_ = 0;
  std::uint64_t lines_ = 0;  // that have come
  unsigned ends_in_a_row_ = 0;
  Patience::Clock::time_point not_before_{};
  bool is_closed_ = false;
  bool is_ended_by_reader_ = false;
  // Last, so that they end first.
  std::jthread reader_;
  std::jthread server_;  // answers what the server asks
};

}  // namespace dalsegno::mcp
