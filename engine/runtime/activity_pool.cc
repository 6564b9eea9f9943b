#include "engine/runtime/activity_pool.h"

#include "dalsegno/errors.h"
#include "dalsegno/json.h"
#include "engine/runtime/attempt_scope.h"
#include "engine/runtime/system_clock.h"
#include "engine/runtime/thread_name.h"
#include "storage/log/crash_point.h"
#include "storage/vault/intake.h"
#include "storage/vault/wipe.h"

#include <cassert>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace dalsegno::engine {

namespace {

/// Overwrites a secret at the end of its scope.
class Wiped {
 public:
  explicit Wiped(std::string& secret) : secret_(secret) {}
  Wiped(Wiped const&) = delete;
  Wiped& operator=(Wiped const&) = delete;
  ~Wiped() { vault::wipe(secret_); }

 private:
  std::string& secret_;
};

}  // namespace

ActivityPool::ActivityPool(Registry const& registry,
                           PolicySet const& policy,
                           std::function<Time()> now,
                           vault::Intake const* intake,
                           std::vector<QueueOptions> queues,
                           unsigned threads,
                           Deliver deliver)
    : registry_(registry),
      policy_(policy),
      now_(std::move(now)),
      intake_(intake),
      deliver_(std::move(deliver)),
      queues_(std::move(queues)),
      thread_count_(threads) {
  threads_.reserve(threads);
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

ActivityPool::~ActivityPool() { stop(); }

void ActivityPool::submit(std::vector<StartAttempt> attempts) {
  for (auto const& attempt : attempts) {
    bool const covered = attempt.permit.covers(
        attempt.run, attempt.operation, attempt.attempt, attempt.input_digest);
    assert(covered && "an effect without a permit that covers it");
    if (!covered) std::abort();
  }
  bool const single = attempts.size() == 1;
  auto const now = steady_now();
  {
    std::lock_guard const lock(mutex_);
    if (stopping_) return;
    for (auto& attempt : attempts) {
      open_.try_emplace(Key{attempt.run, attempt.operation, attempt.attempt});
      if (thread_count_ == 0) {
        untaken_.push_back(std::move(attempt));
      } else {
        queues_.add(std::move(attempt), now);
      }
    }
    waiting_ += attempts.size();
  }
  if (single) {
    ready_.notify_one();
  } else {
    ready_.notify_all();
  }
}

void ActivityPool::abandon(RunId const& run,
                           OperationId operation,
                           std::optional<std::uint32_t> attempt) {
  std::vector<std::stop_source> abandoned;
  {
    std::lock_guard const lock(mutex_);
    auto it = open_.lower_bound(Key{run, operation, attempt.value_or(0)});
    for (; it != open_.end() && it->first.run == run && it->first.operation == operation &&
           (!attempt || it->first.attempt == *attempt);
         ++it)
      abandoned.push_back(it->second);
  }
  // Outside of the lock: it calls what activities have registered.
  for (auto& stop : abandoned) stop.request_stop();
}

void ActivityPool::stop() {
  {
    std::lock_guard const lock(mutex_);
    stopping_ = true;
    untaken_.clear();
    queues_.clear();
    waiting_ = 0;
  }
  ready_.notify_all();
  threads_.clear();  // joins
}

/// Whether nobody waits for it any more; then it is forgotten.
bool ActivityPool::was_abandoned(Key const& key) {
  auto const open = open_.find(key);
  if (open == open_.end() || !open->second.stop_requested()) return false;
  open_.erase(open);
  return true;
}

void ActivityPool::work() {
  name_this_thread("ds-activity");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    auto const now = steady_now();
    auto next = queues_.next(now);
    if (!next) {
      if (auto const at = queues_.ready_at(now)) {
        ready_.wait_until(lock, *at);
      } else {
        ready_.wait(lock);
      }
      continue;
    }
    // What ended, or the time, may have made room for more than one.
    if (--waiting_ > 0) ready_.notify_one();
    auto const attempt = std::move(next->attempt);
    auto took = std::chrono::steady_clock::duration(0);
    if (!was_abandoned({attempt.run, attempt.operation, attempt.attempt})) {
      lock.unlock();
      auto end = perform_and_redact(attempt);
      took = steady_now() - now;
      deliver_(attempt.session, attempt.run, std::move(end));
      lock.lock();
    }
    queues_.ended(next->queue, attempt.session, took);
  }
}

std::vector<QueueStatus> ActivityPool::queues() const {
  std::lock_guard const lock(mutex_);
  return queues_.status(steady_now());
}

StartAttempt ActivityPool::take(std::size_t index) {
  std::lock_guard const lock(mutex_);
  auto const chosen = untaken_.begin() + static_cast<std::ptrdiff_t>(index);
  auto attempt = std::move(*chosen);
  untaken_.erase(chosen);
  --waiting_;
  return attempt;
}

AttemptEnd ActivityPool::perform_and_redact(StartAttempt const& attempt) {
  Key const key{attempt.run, attempt.operation, attempt.attempt};
  std::stop_token stop;
  {
    std::lock_guard const lock(mutex_);
    if (auto const open = open_.find(key); open != open_.end()) stop = open->second.get_token();
  }
  AttemptScope scope(attempt, policy_, now_, intake_, std::move(stop));
  auto end = redacted(attempt, perform(attempt, scope.context()));
  // Whichever way it ended.
  if (auto* const result = std::get_if<ResultInput>(&end.input))
    result->contacts = scope.contacts();
  if (auto* const failed = std::get_if<FailureInput>(&end.input))
    failed->contacts = scope.contacts();
  std::lock_guard const lock(mutex_);
  open_.erase(key);
  return end;
}

AttemptEnd ActivityPool::redacted(StartAttempt const& attempt, Input input) const {
  if (intake_ == nullptr) return {std::move(input), {}};
  if (auto* const failed = std::get_if<FailureInput>(&input)) {
    failed->type = intake_->message(failed->type);
    failed->message = intake_->message(failed->message);
  }
  auto* const result = std::get_if<ResultInput>(&input);
  if (result == nullptr) return {std::move(input), {}};
  auto taken = intake_->json(attempt.session, result->payload, attempt.permit.redacts());
  if (!taken) {
    return {FailureInput{attempt.operation,
                         attempt.attempt,
                         "not_redacted",
                         "its result cannot be recorded: " + taken.error().detail,
                         false},
            {}};
  }
  result->payload = std::move(taken->text);
  result->model = intake_->message(result->model);
  result->finish = intake_->message(result->finish);
  return {std::move(input), std::move(taken->records)};
}

Input ActivityPool::perform(StartAttempt const& attempt, ActivityContext const& context) const {
  auto const failure = [&attempt](std::string type, std::string message, bool retryable) {
    return FailureInput{
        attempt.operation, attempt.attempt, std::move(type), std::move(message), retryable};
  };
  ActivityHandler const* handler = nullptr;
  switch (attempt.kind) {
    case storage::OperationKind::model:
      handler = registry_.find_model(attempt.name);
      break;
    case storage::OperationKind::tool:
      handler = registry_.find_tool(attempt.name);
      break;
    default:
      handler = registry_.find_activity(attempt.name);
      break;
  }
  if (handler == nullptr) {
    return failure("unknown_activity",
                   "this program has nothing registered under \"" + attempt.name + "\"",
                   false);
  }
  std::string revealed;
  if (intake_ != nullptr && attempt.permit.reveals_any()) {
    auto opened = intake_->reveal(attempt.session, *attempt.input, [&](std::string_view kind) {
      return attempt.permit.reveals(kind);
    });
    if (!opened) return failure("not_revealed", opened.error().detail, false);
    revealed = std::move(*opened);
  }
  Wiped const wiped(revealed);
  try {
    storage::crash_point("attempt.before_effect");
    auto reply = (*handler)(context, revealed.empty() ? *attempt.input : revealed);
    storage::crash_point("attempt.after_effect");
    if (auto json = parse_json(reply.payload); !json) {
      return failure("result_not_json", json.error().detail, false);
    }
    ResultInput result;
    result.operation = attempt.operation;
    result.attempt = attempt.attempt;
    result.payload = std::move(reply.payload);
    result.is_error = reply.is_error;
    result.model = std::move(reply.model);
    result.finish = std::move(reply.finish);
    result.input_tokens = reply.input_tokens;
    result.output_tokens = reply.output_tokens;
    result.cached_tokens = reply.cached_tokens;
    return result;
  } catch (ActivityError const& error) {
    auto failed =
        failure(error.type(), error.what(), error.retry() == ActivityError::Retry::allowed);
    failed.retry_after = error.retry_after();
    return failed;
  } catch (std::exception const& error) {
    return failure("exception", error.what(), true);
  } catch (...) {
    return failure("exception", "something that is no std::exception", true);
  }
}

}  // namespace dalsegno::engine
