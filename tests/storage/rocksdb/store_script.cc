#include "tests/storage/rocksdb/store_script.h"

#include "dalsegno/try.h"
#include "storage/log/chain.h"
#include "storage/log/journal.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <utility>

namespace dalsegno::storage::test {
namespace {

std::string name(std::string const& kind, std::size_t session, std::uint32_t step) {
  return kind + " " + std::to_string(session) + "/" + std::to_string(step);
}

SessionSecret secret_of(std::size_t session) {
  SessionSecret secret;
  secret.bytes.fill(static_cast<std::uint8_t>(session + 1));
  return secret;
}

/// One of them is large enough for a blob file.
StoredArtifact artifact_of(std::size_t session, std::uint32_t step) {
  auto bytes = name("artifact", session, step);
  if (step % 2 == 0) {
    std::uint32_t state = static_cast<std::uint32_t>(session * 977 + step);
    for (int i = 0; i < 5000; ++i)
      bytes.push_back(static_cast<char>((state = state * 1664525U + 1013904223U) >> 24));
  }
  return {.digest = sha256({bytes}), .bytes = bytes};
}

Timer timer_of(std::size_t session, std::uint32_t step) {
  return {.due = at(1'000 * step + static_cast<std::int64_t>(session)),
          .session = script_session(session),
          .run = run_id(static_cast<std::uint8_t>(session + 1)),
          .operation = static_cast<OperationId>(step)};
}

bool has_checkpoint(std::uint32_t step) { return step % 3 != 2; }

Judgement wrong(std::string detail) { return {Judgement::Kind::wrong, std::move(detail)}; }
Judgement detected(Error const& error) {
  return {Judgement::Kind::detected, std::string(name_of(error.code)) + ": " + error.detail};
}

#define JUDGE(expression) \
  if (auto judgement = (expression); judgement.kind != Judgement::Kind::complete) return judgement

/// All that belongs to one step of a session.
Judgement judge_step(EventLog const& log, std::size_t session, std::uint32_t step) {
  auto const id = script_session(session);
  auto const what = to_string(id) + " step " + std::to_string(step) + ": ";
  auto const key = log.find_producer_key(id, name("key", session, step));
  if (!key) return detected(key.error());
  if (*key != std::optional<Sequence>(step)) return wrong(what + "its producer key");
  auto const artifact = artifact_of(session, step);
  auto const stored = log.artifact(id, artifact.digest);
  if (!stored)
    return stored.error().code == Errc::not_found ? wrong(what + "its artifact")
                                                  : detected(stored.error());
  if (*stored != artifact.bytes) return wrong(what + "another artifact");
  if (has_checkpoint(step)) {
    auto const checkpoint =
        log.newest_checkpoint(id, run_id(static_cast<std::uint8_t>(session + 1)), step);
    if (!checkpoint) return detected(checkpoint.error());
    bool const same = *checkpoint && (*checkpoint)->sequence == step &&
                      (*checkpoint)->bytes == name("checkpoint", session, step);
    if (!same) return wrong(what + "its checkpoint");
  }
  auto const timer = timer_of(session, step);
  auto const timers = log.timers(timer.due, timer.due, 1000);
  if (!timers) return detected(timers.error());
  if (std::ranges::find(*timers, timer) == timers->end()) return wrong(what + "its timer");
  return {};
}

Judgement judge_session(EventLog const& log, std::size_t session, std::uint32_t acknowledged) {
  auto const id = script_session(session);
  auto const head = log.head(id);
  if (!head) return detected(head.error());
  if (!*head) return acknowledged == 0 ? Judgement{} : wrong(to_string(id) + " is gone");
  std::uint32_t found = 0;
  bool same = true;
  auto const read =
      read_verified(log, id, (*head)->run, 1, Reading::run, [&](DecodedStep const& step) {
        auto const expected = EventBody(input(name("step", session, ++found)));
        same = same && step.step.events.size() == 1 && step.step.events.front().body == expected;
        return true;
      });
  if (!read) return detected(read.error());
  if (!same) return wrong(to_string(id) + " has other steps");
  if (found < acknowledged) {
    return wrong(to_string(id) + " has " + std::to_string(found) + " steps of " +
                 std::to_string(acknowledged));
  }
  if ((*head)->last_sequence != found || (*head)->steps != found)
    return wrong(to_string(id) + ": its head does not fit");
  for (std::uint32_t step = 1; step <= found; ++step) JUDGE(judge_step(log, session, step));
  auto const secret = log.secret(id);
  if (!secret)
    return secret.error().code == Errc::not_found ? wrong(to_string(id) + ": no secret")
                                                  : detected(secret.error());
  if (*secret != secret_of(session)) return wrong(to_string(id) + ": another secret");
  return {};
}

Judgement judge_commits(EventLog const& log) {
  Digest previous;
  std::uint64_t commits = 0;
  bool linked = true;
  auto const read = log.read_commits(1, [&](CommitRecord const& record, Digest const& digest) {
    linked = linked && record.number == ++commits && record.previous == previous;
    previous = digest;
    return true;
  });
  if (!read) return detected(read.error());
  if (!linked) return detected({Errc::corrupt, "commit records are not linked"});
  auto const info = log.info();
  if (commits != info.last_commit) return wrong("read_commits and info differ");
  return {};
}

Judgement judge_going_on(EventLog& log) {
  OperatorActed acted;
  acted.by = "test";
  acted.action = "judge";
  auto const appended = append_to_journal(log, {acted}, at(1));
  if (!appended) return detected(appended.error());
  auto const journal = read_journal(log);
  if (!journal) return detected(journal.error());
  if (journal->empty() || journal->back().body != EventBody(acted))
    return wrong("an append after reopening is not there");
  return {};
}

}  // namespace

WorkFolder::WorkFolder() {
  std::error_code none;
  auto const memory = std::filesystem::path("/dev/shm");
  auto const parent =
      std::filesystem::is_directory(memory, none) ? memory : std::filesystem::temp_directory_path();
  auto pattern = (parent / "dalsegno-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make " + pattern);
  path_ = pattern;
}

WorkFolder::~WorkFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

bool full_run() {
  auto const* const full = std::getenv("DALSEGNO_FULL");
  return full != nullptr && std::string_view(full) == "1";
}

std::vector<std::size_t> choose_cases(std::size_t count, std::size_t sample) {
  if (auto const* const one = std::getenv("DALSEGNO_CASE"))
    return {std::strtoull(one, nullptr, 10)};
  std::vector<std::size_t> cases;
  if (auto const* const wanted = std::getenv("DALSEGNO_SAMPLE"))
    sample = std::strtoull(wanted, nullptr, 10);
  if (full_run() || count <= sample) {
    for (std::size_t i = 0; i < count; ++i) cases.push_back(i);
    return cases;
  }
  auto const* const given = std::getenv("DALSEGNO_SEED");
  auto const seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::printf("%zu of %zu cases, DALSEGNO_SEED=%llu\n",
              sample,
              count,
              static_cast<unsigned long long>(seed));
  // One from each of `sample` equal parts.
  std::mt19937_64 random(seed);
  for (std::size_t i = 0; i < sample; ++i) {
    auto const from = i * count / sample;
    auto const to = (i + 1) * count / sample;
    cases.push_back(from + random() % (to - from));
  }
  return cases;
}

RocksDbOptions script_options(std::shared_ptr<rocksdb::FileSystem> files) {
  RocksDbOptions options;
  options.partitions = 4;
  options.memtable_bytes = 4 << 20;
  options.free_space_floor_bytes = 0;
  options.ballast_bytes = 0;
  options.watermark_sync = std::chrono::hours(1);
  options.file_system = std::move(files);
  return options;
}

SessionId script_session(std::size_t session) {
  return {"tenant", "session-" + std::to_string(session)};
}

Append script_step(AppendScript& script, std::size_t session, std::uint32_t step) {
  auto append = script.next({input(name("step", session, step))});
  append.artifacts.push_back(artifact_of(session, step));
  append.producer_keys.push_back({.key = name("key", session, step), .sequence = step});
  append.timers_set.push_back(timer_of(session, step));
  if (has_checkpoint(step)) {
    append.checkpoints.push_back({.sequence = step, .bytes = name("checkpoint", session, step)});
  }
  if (step == 1) append.secret = secret_of(session);
  return append;
}

Result<> StoreScript::open() {
  log_.reset();
  auto options = script_options(files_);
  options.watermark_sync = watermark_sync;
  TRY(log_, open_rocksdb(folder_, std::move(options)));
  for (std::size_t i = sessions_.size(); i < script_sessions; ++i) {
    sessions_.emplace_back(*log_, script_session(i), run_id(static_cast<std::uint8_t>(i + 1)));
  }
  for (auto& session : sessions_) session.set_epoch(log_->info().epoch);
  return {};
}

Result<> StoreScript::append(std::size_t from, std::size_t to) {
  std::vector<Append> batch;
  for (auto i = from; i < to; ++i)
    batch.push_back(script_step(sessions_[i], i, acknowledged_[i] + 1));
  TRY(auto const receipt, log_->append(batch));
  for (auto const& one : receipt.each) {
    if (!one) return one.error();
  }
  for (auto i = from; i < to; ++i) ++acknowledged_[i];
  on_acknowledged(acknowledged_);
  return {};
}

Result<> StoreScript::run(Ending ending) {
  TRY_VOID(open());
  for (std::size_t i = 0; i < script_sessions; i += 5) TRY_VOID(append(i, i + 5));
  for (std::size_t i = 0; i < 4; ++i) TRY_VOID(append(i, i + 1));
  TRY_VOID(log_->put_meta("policy", "one"));
  TRY_VOID(log_->compact());
  TRY_VOID(append(0, 10));
  TRY_VOID(open());
  TRY_VOID(append(10, 20));
  TRY_VOID(log_->put_meta("policy", "two"));
  for (std::size_t i = 0; i < 3; ++i) TRY_VOID(append(i, i + 3));
  if (ending == Ending::close) log_.reset();
  return {};
}

Error StoreScript::run_on(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  if (auto const opened = open(); !opened) return opened.error();
  for (;;) {
    auto const from = random() % script_sessions;
    auto const to = from + 1 + random() % (script_sessions - from);
    auto done = append(from, to);
    if (done && random() % 100 == 0) done = log_->compact();
    if (done && random() % 100 == 0) done = open();
    if (!done) return done.error();
  }
}

Judgement judge(std::filesystem::path const& folder, Acknowledged const& acknowledged) {
  auto log = open_rocksdb(folder, script_options());
  if (!log)
    return {Judgement::Kind::refused,
            std::string(name_of(log.error().code)) + ": " + log.error().detail};
  for (std::size_t i = 0; i < script_sessions; ++i) JUDGE(judge_session(**log, i, acknowledged[i]));
  JUDGE(judge_commits(**log));
  JUDGE(judge_going_on(**log));
  return {};
}

std::string to_text(Judgement const& judgement) {
  switch (judgement.kind) {
    case Judgement::Kind::complete:
      return "complete";
    case Judgement::Kind::refused:
      return "refused " + judgement.detail;
    case Judgement::Kind::detected:
      return "detected " + judgement.detail;
    case Judgement::Kind::wrong:
      return "WRONG " + judgement.detail;
  }
  return "?";
}

}  // namespace dalsegno::storage::test
