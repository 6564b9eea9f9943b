#include "engine/runtime/activity_pool.h"

#include "dalsegno/errors.h"
#include "dalsegno/json.h"
#include "engine/runtime/attempt_scope.h"
#include "engine/runtime/system_clock.h"
#include "engine/runtime/thread_name.h"
#include "storage/log/crash_point.h"
#include "storage/vault/intake.h"
#include "storage/vault/wipe.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <iterator>
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
                           Deliver deliver,
                           TokenOf token_of)
    : registry_(registry),
      policy_(policy),
      now_(std::move(now)),
      intake_(intake),
      deliver_(std::move(deliver)),
      token_of_(std::move(token_of)),
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
      if (withdrawn_.erase(key_of(attempt)) > 0) continue;
      auto const [open, fresh] = open_.try_emplace(key_of(attempt));
      if (fresh && attempt.watched) {
        open->second.watched = true;
        ++watched_;
      }
      if (thread_count_ == 0) {
        untaken_.push_back(std::move(attempt));
      } else {
        queues_.add(std::move(attempt), now);
      }
      ++waiting_;
    }
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
      abandoned.push_back(it->second.stop);
  }
  // Outside of the lock: it calls what activities have registered.
  for (auto& stop : abandoned) stop.request_stop();
}

void ActivityPool::forget(RunId const& run,
                          OperationId operation,
                          std::optional<std::uint32_t> attempt) {
  if (watched_ == 0) return;
  std::lock_guard const lock(mutex_);
  auto it = open_.lower_bound(Key{run, operation, 0});
  while (it != open_.end() && it->first.run == run && it->first.operation == operation &&
         (!attempt || it->first.attempt <= *attempt)) {
    if (it->second.ended) {
      --watched_;
      it = open_.erase(it);
    } else {
      it->second.forgotten = true;
      ++it;
    }
  }
}

AttemptSigns ActivityPool::signs_of(RunId const& run,
                                    OperationId operation,
                                    std::uint32_t attempt) const {
  std::lock_guard const lock(mutex_);
  auto const open = open_.find(Key{run, operation, attempt});
  // What is not here yet waits for the disk.
  if (open == open_.end() || !open->second.begun) return {.waits = true};
  return {.waits = false, .newest = open->second.newest};
}

bool ActivityPool::withdraw(RunId const& run, OperationId operation, std::uint32_t attempt) {
  Key const key{run, operation, attempt};
  std::lock_guard const lock(mutex_);
  auto const open = open_.find(key);
  if (open == open_.end()) {
    withdrawn_.insert(key);
    return true;
  }
  if (open->second.begun) return false;
  if (auto const waits = std::ranges::find(untaken_, key, key_of); waits != untaken_.end()) {
    untaken_.erase(waits);
    --waiting_;
    if (open->second.watched) --watched_;
    open_.erase(open);
    return true;
  }
  open->second.stop.request_stop();  // nobody listens yet: it is dropped when its turn comes
  return true;
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
  if (open == open_.end() || !open->second.stop.stop_requested()) return false;
  if (open->second.watched) --watched_;
  open_.erase(open);
  return true;
}

/// Called under the mutex, when the attempt's turn has come: from now on nobody can withdraw it.
void ActivityPool::begin(StartAttempt const& attempt) {
  auto const open = open_.find(key_of(attempt));
  if (open == open_.end()) return;
  open->second.begun = true;
  if (attempt.watched) open->second.newest = Heartbeat{now_()};
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
    if (!was_abandoned(key_of(attempt))) {
      begin(attempt);
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
  begin(attempt);
  return attempt;
}

/// On whichever thread the activity says so.
void ActivityPool::take_heartbeat(StartAttempt const& attempt, std::string details) {
  Heartbeat beat{now_(), std::move(details)};
  if (intake_ != nullptr && !beat.details.empty()) {
    auto taken = intake_->json(attempt.session, beat.details, attempt.permit.redacts());
    if (taken) {
      beat.details = std::move(taken->text);
      beat.vault = std::move(taken->records);
    } else {
      beat.details.clear();  // it lives, and what it says cannot be recorded
    }
  }
  std::lock_guard const lock(mutex_);
  auto const open = open_.find(key_of(attempt));
  if (open == open_.end()) return;
  auto& newest = open->second.newest;
  if (beat.details.empty() && newest) {
    newest->at = beat.at;
  } else {
    newest = std::move(beat);
  }
}

namespace {

/// The newest details that the attempt reported go with its end.
void add_details(Input& input, std::string const& details) {
  if (auto* const failed = std::get_if<FailureInput>(&input)) failed->heartbeat = details;
  if (auto* const deferred = std::get_if<DeferInput>(&input)) deferred->heartbeat = details;
}

void add_contacts(Input& input, std::vector<Contact> contacts) {
  if (auto* const result = std::get_if<ResultInput>(&input))
    result->contacts = std::move(contacts);
  else if (auto* const failed = std::get_if<FailureInput>(&input))
    failed->contacts = std::move(contacts);
  else if (auto* const deferred = std::get_if<DeferInput>(&input))
    deferred->contacts = std::move(contacts);
}

}  // namespace

AttemptEnd ActivityPool::perform_and_redact(StartAttempt const& attempt) {
  auto const key = key_of(attempt);
  std::stop_token stop;
  {
    std::lock_guard const lock(mutex_);
    if (auto const open = open_.find(key); open != open_.end())
      stop = open->second.stop.get_token();
  }
  AttemptServices services;
  services.heartbeat = [this, &attempt](std::string details) {
    take_heartbeat(attempt, std::move(details));
  };
  if (token_of_) services.token = [this, &attempt] { return token_of_(attempt); };
  AttemptScope scope(attempt, policy_, now_, intake_, std::move(stop), std::move(services));
  auto end = redacted(attempt, perform(attempt, scope));
  add_contacts(end.input, scope.contacts());  // whichever way it ended
  std::lock_guard const lock(mutex_);
  auto const open = open_.find(key);
  if (open == open_.end()) return end;
  if (auto const& newest = open->second.newest; newest && !newest->details.empty()) {
    add_details(end.input, newest->details);
    if (!std::holds_alternative<ResultInput>(end.input))
      std::ranges::copy(newest->vault, std::back_inserter(end.vault));
  }
  if (attempt.watched && !open->second.forgotten) {
    open->second.ended = true;
    return end;
  }
  if (attempt.watched) --watched_;
  open_.erase(open);
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
                         taken.error().code == Errc::io,
                         {},
                         std::nullopt,
                         {},
                         true},
            {}};
  }
  result->payload = std::move(taken->text);
  result->model = intake_->message(result->model);
  result->finish = intake_->message(result->finish);
  return {std::move(input), std::move(taken->records)};
}

namespace {

FailureInput failure_of(StartAttempt const& attempt,
                        std::string type,
                        std::string message,
                        bool retryable) {
  FailureInput failure;
  failure.operation = attempt.operation;
  failure.attempt = attempt.attempt;
  failure.type = std::move(type);
  failure.message = std::move(message);
  failure.retryable = retryable;
  // What has not been done by this attempt may have been done by one before it.
  failure.outcome_unknown = attempt.asks_first;
  return failure;
}

FailureInput failure_of(StartAttempt const& attempt, ActivityError const& error) {
  auto failure = failure_of(
      attempt, error.type(), error.what(), error.retry() == ActivityError::Retry::allowed);
  failure.retry_after = error.retry_after();
  failure.outcome_unknown = error.outcome_unknown();
  return failure;
}

FailureInput unknown_outcome(StartAttempt const& attempt,
                             std::string type,
                             std::string message,
                             bool retryable) {
  auto failure = failure_of(attempt, std::move(type), std::move(message), retryable);
  failure.outcome_unknown = true;
  return failure;
}

Input result_of(StartAttempt const& attempt, ActivityReply reply) {
  if (auto json = parse_json(reply.payload); !json)
    return unknown_outcome(attempt, "result_not_json", json.error().detail, false);
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
}

}  // namespace

/// An earlier attempt may have done it. Nothing: it has not.
std::optional<Input> ActivityPool::ask_far_side(StartAttempt const& attempt,
                                                ActivityContext const& context,
                                                std::string_view input) const {
  auto const* const ask = attempt.kind == storage::OperationKind::tool
                              ? registry_.find_tool_reconciler(attempt.name)
                              : registry_.find_reconciler(attempt.name);
  if (ask == nullptr)
    return unknown_outcome(attempt,
                           "outcome_unknown",
                           "this program has no reconciler of \"" + attempt.name + "\"",
                           false);
  try {
    auto said = (*ask)(context, input);
    switch (said.says) {
      case FarSide::did_not_happen:
        return std::nullopt;
      case FarSide::unknown:
        return unknown_outcome(attempt, "outcome_unknown", std::move(said.why), false);
      case FarSide::happened:
        break;
    }
    auto end = result_of(attempt, std::move(said.reply));
    if (auto* const result = std::get_if<ResultInput>(&end)) result->reconciled = true;
    return end;
  } catch (ActivityError const& error) {
    auto failure = failure_of(attempt, error);
    failure.outcome_unknown = true;
    return failure;
  } catch (std::exception const& error) {
    return unknown_outcome(attempt, "exception", error.what(), true);
  } catch (...) {
    return unknown_outcome(attempt, "exception", "something that is no std::exception", true);
  }
}

Input ActivityPool::perform(StartAttempt const& attempt, AttemptScope& scope) const {
  auto const context = scope.context();
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
    return failure_of(attempt,
                      "unknown_activity",
                      "this program has nothing registered under \"" + attempt.name + "\"",
                      false);
  }
  std::string revealed;
  if (intake_ != nullptr && attempt.permit.reveals_any()) {
    auto opened = intake_->reveal(attempt.session, *attempt.input, [&](std::string_view kind) {
      return attempt.permit.reveals(kind);
    });
    if (!opened) {
      bool const may_pass = opened.error().code == Errc::io;
      return failure_of(attempt, "not_revealed", opened.error().detail, may_pass);
    }
    revealed = std::move(*opened);
  }
  Wiped const wiped(revealed);
  std::string_view const input = revealed.empty() ? *attempt.input : revealed;
  if (attempt.asks_first) {
    if (auto end = ask_far_side(attempt, context, input)) return std::move(*end);
  }
  try {
    storage::crash_point("attempt.before_effect");
    auto reply = (*handler)(context, input);
    storage::crash_point("attempt.after_effect");
    if (scope.is_deferred()) return DeferInput{attempt.operation, attempt.attempt};
    return result_of(attempt, std::move(reply));
  } catch (ActivityError const& error) {
    return failure_of(attempt, error);
  } catch (std::exception const& error) {
    return unknown_outcome(attempt, "exception", error.what(), true);
  } catch (...) {
    return unknown_outcome(attempt, "exception", "something that is no std::exception", true);
  }
}

}  // namespace dalsegno::engine
