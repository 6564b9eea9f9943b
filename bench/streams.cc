// What it costs to read 1,000 answers of models at once as they come: through a runtime and its
// model client, to recorded results, against a loop that only reads the same bytes.

#include "bench/figure.h"
#include "dalsegno/dalsegno.h"
#include "dalsegno/model.h"
#include "tests/support/model_server/model_server.h"
#include "tests/support/model_server/web.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/epoll.h>
#include <sys/resource.h>

namespace dalsegno::bench {
namespace {

constexpr std::size_t streams_at_once = 1'000;

/// How the server gives its answers: seven bytes a chunk.
struct Pace {
  char const* name;
  std::size_t answer_bytes;
  std::uint64_t milliseconds;  ///< between two chunks of a stream
};
// As fast as it can, so that a read brings many chunks; and as models speak, so that each chunk
// wakes its reader: 20,000 a second, all together.
constexpr std::array<Pace, 2> paces{{{"burst", 2'800, 0}, {"paced", 700, 50}}};

/// A call takes a socket and what Asio needs to wait for it.
void allow_many_files() {
  constexpr rlim_t wanted = 16'384;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) throw std::runtime_error("getrlimit");
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min(limit.rlim_max, wanted);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < 8 * streams_at_once)
    throw std::runtime_error("streams: a process may open too few files here");
}

struct Spent {
  double wall_us = 0;
  double cpu_us = 0;
};

double cpu_us() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  auto const of = [](timeval const& time) {
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

/// Runs `work`, which ends when all that was measured is over.
template <class Work>
Spent measure(Work work) {
  auto const cpu_before = cpu_us();
  auto const start = Clock::now();
  work();
  return {microseconds_since(start), cpu_us() - cpu_before};
}

double peak_mebibytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1024;
  throw std::runtime_error("streams: /proc/self/status has no VmHWM");
}

/// As many answers as are asked for, all begun when `gate` opens.
std::string orders(Pace const& pace, std::string const& gate) {
  std::string text;
  while (text.size() < pace.answer_bytes) text += "a word of an answer, ";
  text.resize(pace.answer_bytes);
  Json order;
  order.set("gate", gate).set("content", text).set("pace_ms", pace.milliseconds);
  return to_string(Json(Json::Array(streams_at_once, order)));
}

// ---- the loop that only reads ----

class BareClient {
 public:
  explicit BareClient(std::uint16_t port) : epoll_(test::Socket(::epoll_create1(EPOLL_CLOEXEC))) {
    std::string const body =
        R"({"model":"m","stream":true,"messages":[{"role":"user","content":"go"}]})";
    auto const request =
        "POST /v1/chat/completions HTTP/1.1\r\nHost: here\r\nContent-Type: "
        "application/json\r\nContent-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body;
    for (std::size_t i = 0; i < streams_at_once; ++i) {
      sockets_.push_back(test::connect_to(port));
      sockets_.back().write(request);
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u64 = i;
      if (::epoll_ctl(epoll_.file(), EPOLL_CTL_ADD, sockets_.back().file(), &event) != 0)
        throw std::runtime_error("epoll_ctl");
    }
    tails_.resize(streams_at_once);
  }

  /// Until every answer has ended. Returns how many chunks came.
  std::size_t read_all() {
    std::size_t ended = 0;
    std::size_t chunks = 0;
    std::array<epoll_event, 256> events{};
    while (ended < streams_at_once) {
      int const count = ::epoll_wait(epoll_.file(), events.data(), events.size(), -1);
      for (int i = 0; i < count; ++i) {
        auto const which = events[static_cast<std::size_t>(i)].data.u64;
        auto& text = tails_[which];
        auto const piece = sockets_[which].read();
        if (piece.empty()) throw std::runtime_error("streams: the server has closed");
        text += piece;
        std::size_t at = 0;
        for (auto end = text.find("\n\n"); end != std::string::npos; end = text.find("\n\n", at)) {
          ++chunks;
          at = end + 2;
        }
        text.erase(0, at);
        if (text.ends_with("0\r\n\r\n")) ++ended;
      }
    }
    return chunks;
  }

 private:
  test::Socket epoll_;
  std::vector<test::Socket> sockets_;
  std::vector<std::string> tails_;
};

// ---- the runtime ----

Workflow<std::string> ask_once(Context& ctx, std::string question) {
  agent::Message message;
  message.role = "user";
  message.content = std::move(question);
  auto const reply = co_await ctx.model<agent::ModelReply>(
      "m", agent::ModelRequest{{.messages = 1, .digest = ""}, {message}});
  co_return reply.content.value_or("");
}

class Runner {
 public:
  Runner(std::filesystem::path const& folder, std::string const& url) {
    model::Options options;
    options.name = "m";
    options.endpoints = {{.name = "bench", .url = url, .model = "m"}};
    options.on_delta = [this](model::Delta const& delta) { shown_bytes_ += delta.text.size(); };
    auto store = Store::open(folder);
    if (!store) throw std::runtime_error(store.error().detail);
    Registry registry;
    registry.add(define_workflow("ask_once", ask_once));
    if (auto const added = model::add_model(registry, *store, options); !added)
      throw std::runtime_error(added.error().detail);
    RuntimeOptions how;
    how.policy = R"({"dalsegno_policy":1,"rules":[
        {"id":"calls","effect":"permit","actions":["model.call"]}]})";
    how.activity_threads = 1'024;
    auto runtime = Runtime::start(std::move(*store), std::move(registry), std::move(how));
    if (!runtime) throw std::runtime_error(runtime.error().detail);
    runtime_ = std::move(*runtime);
    for (std::size_t i = 0; i < streams_at_once; ++i)
      if (auto const begun = runtime_->start_session(session(i), "ask_once", std::string("go"));
          !begun)
        throw std::runtime_error(begun.error().detail);
  }

  /// Until every session has its result.
  void wait(std::size_t answer_bytes) {
    for (std::size_t i = 0; i < streams_at_once; ++i) {
      auto const answer = runtime_->result<std::string>(session(i));
      if (!answer) throw std::runtime_error(answer.error().detail);
      if (answer->size() != answer_bytes) throw std::runtime_error("streams: not the whole answer");
    }
  }

 private:
  static SessionId session(std::size_t i) { return {.name = "stream-" + std::to_string(i)}; }

  std::atomic<std::uint64_t> shown_bytes_ = 0;  // somebody listens
  std::unique_ptr<Runtime> runtime_;
};

std::vector<Figure> measure_pace(std::filesystem::path const& folder, Pace const& pace) {
  test::ModelServer const server;
  server.script(orders(pace, "bare"));
  std::size_t chunks = 0;
  Spent bare;
  {
    BareClient client(server.port());
    server.wait_for_requests(streams_at_once);
    bare = measure([&] {
      server.open_gate("bare");
      chunks = client.read_all();
    });
  }
  server.script(orders(pace, "runtime"));
  Runner runner(folder / pace.name, server.url());
  server.wait_for_requests(2 * streams_at_once);
  auto const spent = measure([&] {
    server.open_gate("runtime");
    runner.wait(pace.answer_bytes);
  });
  auto const each = static_cast<double>(chunks);
  auto const name = "streams_" + std::string(pace.name);
  return {{name + "_cpu", spent.cpu_us / each, "us/chunk", bare.cpu_us / each},
          {name + "_wall", spent.wall_us / each, "us/chunk", bare.wall_us / each},
          {name + "_added_cpu", (spent.cpu_us - bare.cpu_us) / each, "us/chunk", {}},
          {name + "_added_wall", (spent.wall_us - bare.wall_us) / each, "us/chunk", {}},
          {name + "_chunks", each, "chunks", {}},
          {name + "_peak_rss", peak_mebibytes(), "MiB", {}}};
}

std::vector<Figure> measure_all(std::filesystem::path const& folder) {
  allow_many_files();
  std::vector<Figure> figures;
  for (auto const& pace : paces)
    for (auto& figure : measure_pace(folder, pace)) figures.push_back(std::move(figure));
  return figures;
}

}  // namespace

Benchmark streams() { return {"streams", measure_all}; }

}  // namespace dalsegno::bench
