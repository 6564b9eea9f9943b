#include "storage/log/chain.h"

#include "dalsegno/try.h"

#include <string>
#include <utility>
#include <variant>

namespace dalsegno::storage {
namespace {

Error broken(StepHeader const& header, std::string const& what) {
  return Error{Errc::corrupt,
               to_string(header.session) + ", step at " + std::to_string(header.first_sequence) +
                   ": " + what};
}

/// What the first step of a run must carry as its previous hash.
Digest previous_of_first(Step const& step) {
  auto const* started = std::get_if<SessionStarted>(&step.events.front().body);
  return started && started->follows ? started->follows_hash : Digest{};
}

}  // namespace

ChainVerifier::ChainVerifier(RunId log_id, SessionId session, RunId run)
    : log_id_(log_id), session_(std::move(session)), run_(run) {}

void ChainVerifier::resume_after(Sequence last_sequence, Digest const& hash) {
  last_sequence_ = last_sequence;
  hash_ = hash;
  any_start_ = false;
}

void ChainVerifier::accept_any_start() { any_start_ = true; }

Result<> ChainVerifier::check(DecodedStep const& step) {
  auto const& header = step.step.header;
  if (header.log_id != log_id_)
    return broken(header, "it belongs to another log, " + to_string(header.log_id));
  if (header.session != session_)
    return broken(header, "it stands in the log of " + to_string(session_));
  if (header.run != run_)
    return broken(header, "it is of run " + to_string(header.run) + ", not " + to_string(run_));
  bool const known_start = !any_start_ || header.first_sequence == 1;
  if (!any_start_ && header.first_sequence != last_sequence_ + 1)
    return broken(header, "the step before it ends at " + std::to_string(last_sequence_));
  auto const expected = header.first_sequence == 1 ? previous_of_first(step.step) : hash_;
  if (known_start && header.previous != expected)
    return broken(header,
                  "it follows a step with hash " + to_hex(header.previous) +
                      ", but that one's hash is " + to_hex(expected));
  if (header.epoch < epoch_)
    return broken(header,
                  "its epoch, " + std::to_string(header.epoch) +
                      ", is older than the one before it, " + std::to_string(epoch_));
  any_start_ = false;
  last_sequence_ = step.step.events.back().sequence;
  hash_ = step.hash;
  epoch_ = header.epoch;
  return {};
}

namespace {

/// The steps must reach the head that was read before them, and have its hash there.
class HeadCheck {
 public:
  HeadCheck(std::optional<Head> head, RunId const& run, Sequence from) {
    if (head && head->run == run && head->last_sequence >= from) head_ = std::move(head);
  }

  Result<> check(DecodedStep const& step) {
    if (!head_ || step.step.events.back().sequence < head_->last_sequence) return {};
    bool const same =
        step.step.events.back().sequence == head_->last_sequence && step.hash == head_->hash;
    if (!same && !reached_)
      return Error{Errc::data_loss,
                   to_string(step.step.header.session) + ": the step at " +
                       std::to_string(step.step.header.first_sequence) +
                       " is not the one that the session's head names"};
    reached_ = true;
    return {};
  }

  [[nodiscard]] Result<> at_end(SessionId const& session, Sequence last_sequence) const {
    if (!head_ || reached_) return {};
    return Error{Errc::data_loss,
                 to_string(session) + ": the steps end at " + std::to_string(last_sequence) +
                     ", the session's head is at " + std::to_string(head_->last_sequence)};
  }

 private:
  std::optional<Head> head_;
  bool reached_ = false;
};

}  // namespace

Result<> read_verified(EventLog const& log,
                       SessionId const& session,
                       RunId const& run,
                       Sequence from,
                       Reading reading,
                       std::function<bool(DecodedStep const&)> const& visit) {
  ChainVerifier chain(log.info().log_id, session, run);
  if (from > 1) chain.accept_any_start();
  auto head = log.head(session);
  if (!head) return std::move(head).error();
  HeadCheck at_head(std::move(*head), run, from);
  StepDecoder decoder(reading);
  Result<> outcome;
  bool stopped = false;
  auto const take = [&](std::string_view bytes) -> Result<> {
    TRY(auto const* const step, decoder.decode(bytes));
    bool const first = chain.last_sequence() == 0;
    if (auto fits = chain.check(*step); !fits) return fits;
    if (first && from > 0 &&
        (step->step.header.first_sequence > from || chain.last_sequence() < from))
      return broken(step->step.header, "it does not hold sequence " + std::to_string(from));
    if (auto fits = at_head.check(*step); !fits) return fits;
    stopped = !visit(*step);
    return {};
  };
  auto read = log.read_steps(session, run, from, [&](std::string_view bytes) {
    outcome = take(bytes);
    return outcome.has_value() && !stopped;
  });
  if (!read) return read;
  if (!outcome || stopped) return outcome;
  return at_head.at_end(session, chain.last_sequence());
}

}  // namespace dalsegno::storage
