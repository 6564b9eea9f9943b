// A real process over a real store, killed with SIGKILL at random moments, hundreds of times. What
// it said was recorded must be there, once; what it never said may be; and the far side may see no
// effect without its AttemptStarted.
//
// The process is this program again, with a role. It tells of each acknowledgement through a pipe,
// and arms a timer of the kernel whose signal is SIGKILL: while it opens and recovers, or while it
// works.

#include "dalsegno/workflow.h"
#include "engine/runtime/engine.h"
#include "storage/log/chain.h"
#include "storage/log/crash_point.h"
#include "storage/rocksdb/rocksdb_log.h"
#include "tests/support/temporary_folder.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <latch>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dalsegno::engine {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr int sessions_at_once = 5;
constexpr int jobs_of_each = 30;

// ---- what the process works on ----

constexpr Activity<std::int64_t, std::int64_t> triple{
    "triple", {.start_to_close = {}, .retry = {.initial = 1ms, .max_attempts = 4, .jitter = 0.5}}};

struct Total {
  std::int64_t jobs = 0;
  std::int64_t sum = 0;
};
BOOST_DESCRIBE_STRUCT(Total, (), (jobs, sum))

/// Does job after job until a negative one comes.
Workflow<std::int64_t> works(Context& ctx, Total total) {
  for (;;) {
    co_await ctx.checkpoint(total);
    auto const job = co_await ctx.receive<std::int64_t>("job");
    if (job < 0) co_return total.sum;
    if (job % 5 == 0) co_await ctx.sleep(1ms);
    if (job % 7 == 3) {
      auto [one, other] = co_await ctx.all(ctx.call(triple, job), ctx.call(triple, 0));
      total.sum += one + other;
    } else {
      total.sum += co_await ctx.call(triple, job);
    }
    ++total.jobs;
  }
}

std::int64_t expected_sum() {
  std::int64_t sum = 0;
  for (int job = 0; job < jobs_of_each; ++job) sum += 3 * job;
  return sum;
}

SessionId session_name(int generation, int number) {
  return {"default", "g" + std::to_string(generation) + "s" + std::to_string(number)};
}

Result<std::unique_ptr<storage::EventLog>> open_store(fs::path const& folder) {
  storage::RocksDbOptions options;
  options.memtable_bytes = 1U << 20U;  // so that it flushes now and then
  options.ballast_bytes = 0;
  return storage::open_rocksdb(folder / "store", std::move(options));
}

// ---- the process ----

/// What it is told on its command line.
struct Orders {
  fs::path folder;
  int reports = -1;  ///< file descriptor
  int generation = 0;
  std::int64_t kill_when_begun_us = 0;  ///< 0: not
  std::int64_t kill_when_open_us = 0;   ///< 0: not
  std::vector<int> next_jobs;           ///< of each session: the first that is not acknowledged
};

std::vector<std::string> to_arguments(Orders const& orders) {
  std::vector<std::string> arguments{"--as-victim",
                                     orders.folder.string(),
                                     std::to_string(orders.reports),
                                     std::to_string(orders.generation),
                                     std::to_string(orders.kill_when_begun_us),
                                     std::to_string(orders.kill_when_open_us)};
  for (auto const job : orders.next_jobs) arguments.push_back(std::to_string(job));
  return arguments;
}

Orders from_arguments(std::vector<std::string> const& arguments) {
  Orders orders{arguments.at(1),
                std::stoi(arguments.at(2)),
                std::stoi(arguments.at(3)),
                std::stoll(arguments.at(4)),
                std::stoll(arguments.at(5)),
                {}};
  for (std::size_t i = 6; i < arguments.size(); ++i)
    orders.next_jobs.push_back(std::stoi(arguments[i]));
  return orders;
}

/// The kernel kills this process then, whatever it does.
void die_in(std::int64_t microseconds) {
  if (microseconds == 0) return;
  struct sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGKILL;
  timer_t timer{};
  struct itimerspec when{};
  when.it_value.tv_sec = microseconds / 1'000'000;
  when.it_value.tv_nsec = microseconds % 1'000'000 * 1'000;
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 ||
      timer_settime(timer, 0, &when, nullptr) != 0)
    std::abort();
}

/// One line; short enough to arrive whole or not at all.
void say(int file, std::string line) {
  line += '\n';
  if (write(file, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::abort();
}

class Victim {
 public:
  explicit Victim(Orders orders) : orders_(std::move(orders)) {}

  int run() {
    die_in(orders_.kill_when_begun_us);
    effects_ = ::open((orders_.folder / "effects").c_str(), O_WRONLY | O_APPEND | O_CREAT, 0600);
    auto log = open_store(orders_.folder);
    if (!log) return complain("open", log.error());
    Registry registry;
    registry.add(define_workflow("works", works));
    registry.add(triple, [this](ActivityContext const& context, std::int64_t number) {
      say(effects_, context.idempotency_key);
      // The effect is done, and yet it fails: one more attempt.
      if (number % 4 == 1 && context.attempt == 1) throw ActivityError("busy", "try again");
      return 3 * number;
    });
    EngineOptions options;
    options.shards = 2;
    options.activity_threads = 4;
    options.max_idle_sessions = orders_.kill_when_open_us % 3 == 0 ? 0 : 100;
    options.marker_file = orders_.folder / "marker";
    auto policy = PolicySet::parse(R"({"dalsegno_policy": 1, "name": "all", "rules": [
      {"id": "all", "effect": "permit", "actions": ["*.call"]}]})");
    auto engine = Engine::start(**log, registry, *policy, std::move(options));
    if (!engine) return complain("start", engine.error());
    die_in(orders_.kill_when_open_us);
    for (int number = 0; number < sessions_at_once; ++number) begin(**engine, number);
    for (int number = 0; number < sessions_at_once; ++number) {
      auto const end = (*engine)->wait_for_end(session_name(orders_.generation, number));
      if (!end) return complain("end", end.error());
      say(orders_.reports, "end " + std::to_string(number) + " " + end->result + end->type);
    }
    return 0;
  }

 private:
  int complain(std::string const& what, Error const& error) const {
    say(orders_.reports,
        "error " + what + ": " + std::string(name_of(error.code)) + ": " + error.detail);
    return 1;
  }

  void begin(Engine& engine, int number) const {
    auto const session = session_name(orders_.generation, number);
    engine.start_session({session, "works", to_json(Total{}), "victim"},
                         [this](Result<Receipt> const& receipt) {
                           if (!receipt) complain("start_session", receipt.error());
                         });
    auto const first = orders_.next_jobs.at(static_cast<std::size_t>(number));
    for (int job = first; job <= jobs_of_each; ++job) {
      SignalInput input{
          "job", std::to_string(job < jobs_of_each ? job : -1), "job " + std::to_string(job), ""};
      engine.signal(session, std::move(input), [this, number, job](Result<Receipt> const& receipt) {
        if (!receipt) {
          complain("signal", receipt.error());
        } else {
          say(orders_.reports,
              "ack " + std::to_string(number) + " " + std::to_string(job) + " " +
                  std::to_string(receipt->sequence));
        }
      });
    }
  }

  Orders orders_;
  int effects_ = -1;
};

// ---- the test ----

std::uint64_t number_from_environment(char const* name, std::uint64_t otherwise) {
  auto const* const given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

class KillTest : public testing::Test {
 protected:
  KillTest() : random_(seed_) { std::cout << "DALSEGNO_SEED=" << seed_ << "\n"; }

  /// Lets a process work on the current generation; returns its wait status.
  int run_process(Orders orders) {
    std::array<int, 2> pipe_ends{};
    EXPECT_EQ(pipe2(pipe_ends.data(), O_CLOEXEC), 0);
    orders.folder = folder_.path();
    orders.reports = pipe_ends[1];
    orders.generation = generation_;
    orders.next_jobs = next_jobs();
    auto const arguments = to_arguments(orders);
    std::vector<char*> argv{const_cast<char*>("kill_test")};
    for (auto const& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    auto const child = fork();
    if (child == 0) {
      fcntl(pipe_ends[1], F_SETFD, 0);
      execv("/proc/self/exe", argv.data());
      _exit(127);
    }
    close(pipe_ends[1]);
    read_reports(pipe_ends[0]);
    close(pipe_ends[0]);
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return status;
  }

  Orders killed_at_random() {
    Orders orders;
    auto const moment =
        static_cast<std::int64_t>(1 + random_() % (1U << (10 + random_() % 8)));  // up to 131 ms
    if (random_() % 4 == 0) {
      orders.kill_when_begun_us = moment;
    } else {
      orders.kill_when_open_us = moment;
    }
    return orders;
  }

  /// After a crash: everything that was acknowledged is there, once, in chains that verify.
  void check_store(int from_generation) {
    auto const log = open_store(folder_.path());
    ASSERT_TRUE(log) << name_of(log.error().code) << ": " << log.error().detail;
    std::map<std::string, int> started;
    for (int generation = from_generation; generation <= generation_; ++generation) {
      for (int number = 0; number < sessions_at_once; ++number)
        check_session(**log, generation, number, started);
    }
    auto const run_of = [](std::string const& key) { return key.substr(0, key.rfind('/')); };
    std::map<std::string, bool> known_runs;
    for (auto const& [key, count] : started) known_runs[run_of(key)] = true;
    for (auto const& [key, times] : effects()) {
      if (known_runs.contains(run_of(key)) || from_generation == 0)
        EXPECT_LE(times, started[key]) << "effects of " << key;
    }
  }

  /// The current generation has come to its end.
  [[nodiscard]] bool generation_ended() const { return ended_ == sessions_at_once; }
  void next_generation() {
    ++generation_;
    ended_ = 0;
  }

  std::uint64_t seed_ = number_from_environment("DALSEGNO_SEED", std::random_device{}());
  std::mt19937_64 random_;
  int generation_ = 0;
  std::size_t acknowledged_count() const { return acknowledged_.size(); }
  std::size_t effects_seen() { return effects().size(); }

 private:
  using Job = std::tuple<int, int, int>;  // generation, session, number

  std::vector<int> next_jobs() const {
    std::vector<int> next;
    for (int number = 0; number < sessions_at_once; ++number) {
      int job = 0;
      while (acknowledged_.contains({generation_, number, job})) ++job;
      next.push_back(std::max(0, job - 2));  // two of them once more: they must be recognized
    }
    return next;
  }

  void read_reports(int pipe_end) {
    std::string text;
    std::array<char, 4096> buffer{};
    for (ssize_t got = 0; (got = read(pipe_end, buffer.data(), buffer.size())) > 0;) {
      text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    ended_ = 0;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) take_report(line);
  }

  void take_report(std::string const& line) {
    std::istringstream words(line);
    std::string kind;
    int number = 0;
    words >> kind;
    if (kind == "ack") {
      int job = 0;
      Sequence sequence = 0;
      words >> number >> job >> sequence;
      auto const [known, fresh] = acknowledged_.emplace(Job{generation_, number, job}, sequence);
      EXPECT_EQ(known->second, sequence)
          << "a repeated signal was acknowledged with another sequence: " << line;
    } else if (kind == "end") {
      std::string result;
      words >> number >> result;
      EXPECT_EQ(result, std::to_string(expected_sum())) << line;
      ++ended_;
    } else {
      ADD_FAILURE() << line;
    }
  }

  void check_session(storage::EventLog const& log,
                     int generation,
                     int number,
                     std::map<std::string, int>& started) {
    auto const session = session_name(generation, number);
    auto const head = log.head(session);
    ASSERT_TRUE(head) << head.error().detail;
    std::map<std::string, Sequence> found;
    if (*head) {
      EXPECT_NE((*head)->status, storage::SessionStatus::held) << to_string(session);
      auto const prefix = to_string(session) + "/" + to_string((*head)->run) + "/";
      auto const read = storage::read_verified(
          log,
          session,
          (*head)->run,
          1,
          storage::Reading::run,
          [&](storage::DecodedStep const& step) {
            for (auto const& event : step.step.events) {
              if (auto const* const input = std::get_if<storage::InputReceived>(&event.body)) {
                EXPECT_TRUE(found.emplace(input->producer_key, event.sequence).second)
                    << to_string(session) << " has twice: " << input->producer_key;
              } else if (std::holds_alternative<storage::AttemptStarted>(event.body)) {
                ++started[prefix + std::to_string(static_cast<std::uint64_t>(event.operation))];
              }
            }
            return true;
          });
      EXPECT_TRUE(read) << read.error().detail;
    }
    for (int job = 0; job <= jobs_of_each; ++job) {
      auto const acknowledged = acknowledged_.find({generation, number, job});
      if (acknowledged == acknowledged_.end()) continue;
      EXPECT_EQ(found["job " + std::to_string(job)], acknowledged->second)
          << to_string(session) << ", job " << job;
    }
  }

  /// What the far side saw: how often under each key.
  [[nodiscard]] std::map<std::string, int> effects() const {
    std::map<std::string, int> times;
    std::ifstream file(folder_.path() / "effects");
    for (std::string key; std::getline(file, key);) ++times[key];
    return times;
  }

  dalsegno::test::TemporaryFolder folder_;
  std::map<Job, Sequence> acknowledged_;
  int ended_ = 0;
};

TEST_F(KillTest, loses_nothing_acknowledged_and_repeats_no_recorded_effect_whenever_it_is_killed) {
  auto const rounds = number_from_environment("DALSEGNO_ROUNDS", 200);
  std::uint64_t kills = 0;
  for (std::uint64_t round = 0; kills < rounds && !HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    auto const status = run_process(killed_at_random());
    if (WIFSIGNALED(status)) {
      EXPECT_EQ(WTERMSIG(status), SIGKILL);
      ++kills;
    } else {
      EXPECT_EQ(WEXITSTATUS(status), 0);
    }
    ASSERT_NO_FATAL_FAILURE(check_store(std::max(0, generation_ - 1)));
    if (generation_ended()) next_generation();
  }
  // Left in peace, the last ones come to their end too.
  auto const status = run_process({});
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_TRUE(generation_ended());
  check_store(0);
  std::cout << kills << " kills, " << generation_ + 1 << " generations, " << acknowledged_count()
            << " acknowledgements, " << effects_seen() << " effects\n";
}

// Not at random: between a write and what follows from it, at the first pass and at later ones.
TEST_F(KillTest,
       loses_nothing_acknowledged_wherever_it_is_killed_between_a_write_and_what_follows) {
  for (auto const point : storage::crash_points) {
    for (auto const pass : {1, 2, 7, 40}) {
      auto const where = std::string(point) + ":" + std::to_string(pass);
      SCOPED_TRACE(where);
      setenv("DALSEGNO_CRASH_AT", where.c_str(), 1);
      Orders orders;
      orders.kill_when_open_us = pass == 1 ? 9'000'000 : 10'000'000;  // the first: passivates
      auto status = run_process(orders);
      if (pass == 1 && status == 0 && generation_ended()) {
        // The kill before had left nothing to do but to say that all is done: new work, then.
        next_generation();
        status = run_process(orders);
      }
      unsetenv("DALSEGNO_CRASH_AT");
      bool const killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
      EXPECT_TRUE(killed || (pass > 1 && status == 0)) << status;
      ASSERT_NO_FATAL_FAILURE(check_store(std::max(0, generation_ - 1)));
      if (generation_ended()) next_generation();
      if (HasFailure()) return;
    }
  }
  EXPECT_EQ(run_process({}), 0);
  check_store(0);
}

}  // namespace

int run_as_victim(std::vector<std::string> const& arguments) {
  return Victim(from_arguments(arguments)).run();
}

}  // namespace dalsegno::engine

int main(int count, char** values) {
  if (count > 1 && std::string(values[1]) == "--as-victim") {
    return dalsegno::engine::run_as_victim({values + 1, values + count});
  }
  testing::InitGoogleTest(&count, values);
  return RUN_ALL_TESTS();
}
