#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace dalsegno::simulation {

/// A bug that is planted on purpose, to see that the simulator finds it. All are planted in what
/// the engine stands on or reaches out through; the engine itself stays as it is.
enum class Canary : std::uint8_t {
  none,
  acknowledge_before_write,
  lose_newest_commit,
  lose_part_of_a_batch,
  no_fence,
  read_stale_heads,
  skip_a_step,
  forget_producer_keys,
  fire_timers_early,
  lose_a_timer,
  leave_timers_armed,
  perform_twice,
  new_key_each_attempt,
  perform_unreleased,
  answer_another_call,
  pass_late_results_as_new,
  retry_hopeless_failures,
  lose_results,
  permit_everything,
  repeat_random_bytes,
  older_checkpoint_under_newer_name,
  read_a_clock_in_the_workflow,
  vouch_for_what_broke_off,
  lose_errands,
  take_every_update,
  leak_tokens,
  redact_nothing,
  take_a_failed_read_for_nothing,
};

struct CanaryName {
  Canary canary;
  std::string_view name;
  std::string_view what;
};

/// All but `none`.
inline constexpr std::array canaries{
    CanaryName{Canary::acknowledge_before_write,
               "acknowledge-before-write",
               "a failed append is reported as written"},
    CanaryName{Canary::lose_newest_commit,
               "lose-newest-commit",
               "a crash takes the newest acknowledged commit along"},
    CanaryName{Canary::lose_part_of_a_batch,
               "lose-part-of-a-batch",
               "of a batch of several steps the last is reported as written and is not"},
    CanaryName{Canary::no_fence, "no-fence", "a log that a newer one has replaced still appends"},
    CanaryName{
        Canary::read_stale_heads, "read-stale-heads", "a head is read as it was one step before"},
    CanaryName{Canary::skip_a_step, "skip-a-step", "reading a run leaves out its second step"},
    CanaryName{Canary::forget_producer_keys,
               "forget-producer-keys",
               "no signal's producer key is found again"},
    CanaryName{Canary::fire_timers_early,
               "fire-timers-early",
               "the index of timers gives each 1 ms before it is due"},
    CanaryName{Canary::lose_a_timer, "lose-a-timer", "one timer in eight is not kept"},
    CanaryName{Canary::leave_timers_armed,
               "leave-timers-armed",
               "timers that were cleared stay in the index"},
    CanaryName{Canary::perform_twice, "perform-twice", "an attempt reaches the far side twice"},
    CanaryName{Canary::new_key_each_attempt,
               "new-key-each-attempt",
               "each attempt has an idempotency key of its own"},
    CanaryName{Canary::perform_unreleased,
               "perform-unreleased",
               "the next attempt is performed before it is in the log"},
    CanaryName{Canary::answer_another_call,
               "answer-another-call",
               "a result is handed in for the operation before"},
    CanaryName{Canary::pass_late_results_as_new,
               "pass-late-results-as-new",
               "a result is handed in for the attempt after its own"},
    CanaryName{Canary::retry_hopeless_failures,
               "retry-hopeless-failures",
               "a failure that must not be retried is said to be retryable"},
    CanaryName{
        Canary::lose_results, "lose-results", "one result in eight never comes, without a crash"},
    CanaryName{Canary::permit_everything,
               "permit-everything",
               "the engine was given another policy than the one in force"},
    CanaryName{Canary::repeat_random_bytes,
               "repeat-random-bytes",
               "the entropy gives the same bytes again and again"},
    CanaryName{Canary::older_checkpoint_under_newer_name,
               "older-checkpoint",
               "the bytes of the first checkpoint are given for every later one"},
    CanaryName{Canary::read_a_clock_in_the_workflow,
               "clock-in-workflow",
               "the workflow's code depends on how often it ran"},
    CanaryName{Canary::vouch_for_what_broke_off,
               "vouch-for-what-broke-off",
               "a failure of unknown outcome is said to have had no effect"},
    CanaryName{Canary::lose_errands,
               "lose-errands",
               "what sessions promise each other is not kept beyond a crash"},
    CanaryName{
        Canary::take_every_update, "take-every-update", "the workflow's code refuses no update"},
    CanaryName{Canary::leak_tokens,
               "leak-tokens",
               "somebody else ends attempts with the tokens of those outside"},
    CanaryName{Canary::redact_nothing, "redact-nothing", "the engine was given no redactor"},
    CanaryName{Canary::take_a_failed_read_for_nothing,
               "failed-read-is-nothing",
               "where the disk refuses a read it is said that there is nothing"},
};

[[nodiscard]] constexpr std::optional<Canary> find_canary(std::string_view name) {
  for (auto const& one : canaries)
    if (one.name == name) return one.canary;
  return std::nullopt;
}

}  // namespace dalsegno::simulation
