#include "activities/http/network_transport.h"

#include "activities/http/connection_pool.h"
#include "activities/http/response_reader.h"
#include "dalsegno/try.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <exception>
#include <tuple>
#include <utility>

namespace dalsegno::http {
namespace {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
using Code = boost::system::error_code;
using Clock = std::chrono::steady_clock;
constexpr auto as_value = asio::as_tuple(asio::use_awaitable);

asio::ip::address to_asio(Address const& address) {
  if (address.is_v6()) return asio::ip::address_v6(address.bytes());
  asio::ip::address_v4::bytes_type bytes;
  std::copy_n(address.bytes().begin(), bytes.size(), bytes.begin());
  return asio::ip::address_v4(bytes);
}

/// The request's head; all parts have been checked.
std::string head_of(Transport::Job const& job) {
  auto const& request = job.request;
  std::string head = request.method + ' ' + job.plan.target() +
                     " HTTP/1.1\r\nHost: " + job.plan.authority() + "\r\n";
  for (auto const& [name, value] : request.headers)
    head.append(name).append(": ").append(value).append("\r\n");
  if (header(request.headers, "user-agent").empty()) head += "User-Agent: dalsegno\r\n";
  if (header(request.headers, "accept").empty()) head += "Accept: */*\r\n";
  head += "Accept-Encoding: identity\r\n";
  head += job.keep_alive ? "Connection: keep-alive\r\n" : "Connection: close\r\n";
  if (request.method == "POST" || request.method == "PUT" || request.method == "PATCH" ||
      !request.body.empty())
    head += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  return head + "\r\n";
}

std::string origin_of(DialPlan const& plan) {
  return (plan.scheme() == Scheme::https ? "https " : "http ") + plan.authority();
}

/// How long the server keeps the connection, less a second for the way; nothing if it does not say.
std::optional<std::chrono::milliseconds> life_of(std::vector<Header> const& headers) {
  auto const text = header(headers, "keep-alive");
  auto const at = text.find("timeout=");
  if (at == std::string_view::npos) return std::nullopt;
  auto const digits = text.substr(at + 8);
  unsigned seconds = 0;
  auto const read = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
  if (read.ec != std::errc() || seconds > 86'400) return std::nullopt;
  return std::chrono::seconds(std::max(seconds, 1U) - 1);
}

std::unique_ptr<Connection> connection_for(Transport::Job const& job, ConnectionPool& pool) {
  if (!job.keep_alive) return nullptr;
  return pool.take(origin_of(job.plan), job.addresses);
}

/// One exchange, on the thread that called.
class Call {
 public:
  Call(Transport::Job const& job, ssl::context& context, ConnectionPool& pool)
      : job_(job),
        context_(context),
        pool_(pool),
        connection_(connection_for(job, pool)),
        is_reused_(connection_ != nullptr),
        reader_(job.limits, job.request.method == "HEAD", job.on_head, job.on_body) {
    if (!is_reused_) connection_ = std::make_unique<Connection>();
    watchdog_.emplace(connection_->io);
  }

  Exchanged run();

 private:
  using Moved = std::tuple<Code, std::size_t>;

  asio::awaitable<void> go();
  // False: there is a failure.
  asio::awaitable<bool> connect();
  asio::awaitable<bool> shake_hands();
  asio::awaitable<void> send();
  asio::awaitable<void> receive();
  asio::awaitable<Moved> read_some(asio::mutable_buffer buffer);
  asio::awaitable<Moved> write_all(asio::const_buffer bytes);

  /// From now on `stage` may take `limit`; then the connection is closed.
  void allow(std::string_view stage, std::chrono::milliseconds limit);
  void allow_until(BodyDeadline const& deadline);
  void watch(Clock::time_point until);
  void close();
  void fail(FailureKind kind, std::string message) {
    if (!out_.failure) out_.failure = Failure{kind, std::move(message)};
  }
  /// A connection that was closed by us has failed for our reason, whatever the operation says.
  void fail_of(FailureKind kind, std::string message);

  /// The connection is as good as new, and its answer is whole.
  [[nodiscard]] bool may_be_kept() const;

  Transport::Job const& job_;
  ssl::context& context_;
  ConnectionPool& pool_;
  std::unique_ptr<Connection> connection_;
  bool const is_reused_;
  std::optional<asio::steady_timer> watchdog_;  // of the connection's context
  ResponseReader reader_;
  std::string_view stage_;
  std::chrono::milliseconds stage_limit_{0};
  bool is_paced_ = false;  // stage_ is what did not come in time
  bool is_sent_ = false;
  bool timed_out_ = false;
  bool is_cancelled_ = false;
  Exchanged out_;
};

void Call::allow(std::string_view stage, std::chrono::milliseconds limit) {
  stage_ = stage;
  stage_limit_ = limit;
  is_paced_ = false;
  auto const now = Clock::now();
  // Compared as a difference, as the end of a long limit may lie beyond the clock.
  watch(job_.deadline - now < limit ? job_.deadline : now + limit);
}

void Call::allow_until(BodyDeadline const& deadline) {
  stage_ = deadline.what;
  is_paced_ = true;
  watch(std::min(job_.deadline, deadline.at));
}

void Call::watch(Clock::time_point until) {
  watchdog_->expires_at(until);
  watchdog_->async_wait([this](Code const& error) {
    // It may have been queued before it was set anew.
    if (error || Clock::now() < watchdog_->expiry()) return;
    timed_out_ = true;
    close();
  });
}

void Call::close() {
  Code ignored;
  ignored = connection_->socket.close(ignored);
}

bool Call::may_be_kept() const {
  return job_.keep_alive && !out_.failure && !timed_out_ && !is_cancelled_ && is_sent_ &&
         reader_.leaves_connection_open() && connection_->socket.is_open();
}

void Call::fail_of(FailureKind kind, std::string message) {
  if (is_cancelled_)
    fail(FailureKind::cancelled, "cancelled by the caller");
  else if (timed_out_ && Clock::now() >= job_.deadline)
    fail(FailureKind::timed_out, "the time for the whole request was over: " + std::string(stage_));
  else if (timed_out_ && is_paced_)
    fail(FailureKind::timed_out, std::string(stage_) + " did not come in time");
  else if (timed_out_)
    fail(FailureKind::timed_out,
         std::string(stage_) + " took longer than " + std::to_string(stage_limit_.count()) + " ms");
  else
    fail(kind, std::move(message));
}

asio::awaitable<Call::Moved> Call::read_some(asio::mutable_buffer buffer) {
  if (connection_->tls) co_return co_await connection_->tls->async_read_some(buffer, as_value);
  co_return co_await connection_->socket.async_read_some(buffer, as_value);
}

asio::awaitable<Call::Moved> Call::write_all(asio::const_buffer bytes) {
  std::size_t written = 0;
  Code error;
  while (!error && bytes.size() > 0) {
    std::size_t count = 0;
    if (connection_->tls)
      std::tie(error, count) = co_await connection_->tls->async_write_some(bytes, as_value);
    else
      std::tie(error, count) = co_await connection_->socket.async_write_some(bytes, as_value);
    bytes += count;
    written += count;
  }
  co_return Moved{error, written};
}

asio::awaitable<bool> Call::connect() {
  if (is_reused_) {
    out_.address = connection_->address;
    out_.connected = out_.reused = true;
    if (is_cancelled_) fail_of(FailureKind::cancelled, "");
    co_return !is_cancelled_;
  }
  std::string why = "there is no address";
  auto const end = Clock::now() + job_.limits.connect;
  for (std::size_t i = 0; i < job_.addresses.size() && !is_cancelled_; ++i) {
    // Each address gets its share of what is left, so that a dead one does not take it all.
    auto const left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    auto const share = left / static_cast<int>(std::min<std::size_t>(job_.addresses.size() - i, 4));
    timed_out_ = false;
    allow("connecting", std::max(share, std::chrono::milliseconds(1)));
    out_.address = job_.addresses[i];
    close();
    auto const [error] = co_await connection_->socket.async_connect(
        tcp::endpoint(to_asio(out_.address), job_.plan.port()), as_value);
    if (!error && !timed_out_ && !is_cancelled_) {
      out_.connected = true;
      connection_->address = out_.address;
      Code ignored;
      ignored = connection_->socket.set_option(tcp::no_delay(true), ignored);
      co_return true;
    }
    why = to_string(out_.address) + ": " + error.message();
    if (Clock::now() >= end || Clock::now() >= job_.deadline) break;
  }
  fail_of(FailureKind::unreachable, "no connection to " + job_.plan.authority() + ": " + why);
  co_return false;
}

asio::awaitable<bool> Call::shake_hands() {
  if (job_.plan.scheme() == Scheme::http || is_reused_) co_return true;
  auto& tls = connection_->tls;
  allow("the handshake of TLS", job_.limits.connect);
  tls.emplace(connection_->socket, context_);
  if (!expect_host(tls->native_handle(), job_.plan)) {
    fail(FailureKind::tls_failed, "TLS cannot be set up for " + job_.plan.host());
    co_return false;
  }
  auto const [error] = co_await tls->async_handshake(ssl::stream_base::client, as_value);
  if (!error) co_return true;
  fail_of(FailureKind::tls_failed,
          "no TLS with " + job_.plan.authority() + ": " +
              handshake_failure(tls->native_handle(), error.message()));
  co_return false;
}

asio::awaitable<void> Call::send() {
  allow("the head of the answer", job_.limits.head);
  auto const head = head_of(job_);
  // A server may answer and close before it has read all: then its answer counts, not our error.
  auto const [head_error, head_bytes] = co_await write_all(asio::buffer(head));
  out_.bytes_sent += head_bytes;
  if (head_error) co_return;
  auto const [body_error, body_bytes] = co_await write_all(asio::buffer(job_.request.body));
  out_.bytes_sent += body_bytes;
  is_sent_ = !body_error;
}

asio::awaitable<void> Call::receive() {
  std::array<char, 16'384> buffer{};
  while (!reader_.done()) {
    if (reader_.has_head() && job_.body_pace)
      allow_until(job_.body_pace());
    else if (reader_.has_head())
      allow("the next piece of the body", job_.limits.idle);
    auto const [error, count] = co_await read_some(asio::buffer(buffer));
    out_.bytes_received += count;
    std::optional<Failure> failure;
    if (count > 0) failure = reader_.read({buffer.data(), count});
    if (!failure && error) failure = reader_.end(error == asio::error::eof);
    if (failure) {
      fail_of(failure->kind, std::move(failure->message));
      co_return;
    }
    if (error) co_return;
  }
}

asio::awaitable<void> Call::go() {
  if (co_await connect() && co_await shake_hands()) {
    co_await send();
    co_await receive();
  }
}

Exchanged Call::run() {
  auto& io = connection_->io;
  io.restart();
  std::exception_ptr thrown;
  {
    // Called on the thread that stops; what it posts runs here.
    std::stop_callback const on_stop(job_.stop, [this, &io] {
      asio::post(io, [this] {
        is_cancelled_ = true;
        close();
      });
    });
    asio::co_spawn(io, go(), [this, &thrown](std::exception_ptr error) {
      thrown = std::move(error);
      watchdog_->cancel();
    });
    io.run();
  }
  // What was posted at the last moment must not be left to the connection's next exchange.
  io.restart();
  io.poll();
  watchdog_.reset();
  bool const is_kept = !thrown && may_be_kept();
  out_.response = reader_.take_head();
  if (is_kept)
    pool_.keep(std::move(connection_), origin_of(job_.plan), life_of(out_.response.headers));
  else
    close();
  if (thrown) std::rethrow_exception(thrown);  // a sink of the caller threw
  return std::move(out_);
}

}  // namespace

Result<std::unique_ptr<NetworkTransport>> NetworkTransport::make(TlsTrust const& trust,
                                                                 KeepLimits const& keep) {
  TRY(auto context, make_tls_context(trust));
  return std::unique_ptr<NetworkTransport>(new NetworkTransport(std::move(context), keep));
}

NetworkTransport::NetworkTransport(ssl::context context, KeepLimits const& keep)
    : context_(std::make_unique<ssl::context>(std::move(context))),
      pool_(std::make_unique<ConnectionPool>(keep)) {}
NetworkTransport::~NetworkTransport() = default;

Exchanged NetworkTransport::exchange(Job const& job) { return Call(job, *context_, *pool_).run(); }

}  // namespace dalsegno::http
