#include "tools/dalsegno/forensics/verify.h"

#include "dalsegno/try.h"
#include "engine/fork/step_copier.h"
#include "storage/log/chain.h"
#include "storage/log/journal.h"
#include "storage/log/step_key.h"
#include "tools/dalsegno/forensics/commit_check.h"
#include "tools/dalsegno/forensics/operator_check.h"
#include "tools/dalsegno/forensics/policy_book.h"
#include "tools/dalsegno/forensics/run_check.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace dalsegno::forensics {

namespace {

struct ListedSession {
  SessionId id;
  storage::Head head;
};

/// One verification of a store.
class Verification {
 public:
  Verification(storage::EventLog const& log, VerifyOptions const& options)
      : log_(log),
        options_(options),
        info_(log.info()),
        commits_(log,
                 options.sessions.empty() ? Coverage::all_sessions : Coverage::some_sessions,
                 report_.findings) {}

  Result<VerifyReport> run() {
    TRY_VOID(read_policies());
    TRY_VOID(list_sessions());
    TRY_VOID(list_timers());
    for (auto const& session : sessions_) TRY_VOID(check_session(session));
    check_timers_of_nobody();
    TRY_VOID(commits_.run());
    report_.commits = commits_.commits();
    check_watermark();
    return std::move(report_);
  }

 private:
  void found(std::string_view check,
             SessionId const& session,
             RunId const& run,
             Sequence sequence,
             std::string detail,
             Severity severity = Severity::failure) {
    report_.findings.add(
        {severity, std::string(check), session, run, sequence, 0, std::move(detail)});
  }

  Result<> read_policies() {
    auto book = PolicyBook::read(log_);
    if (book) {
      policies_ = std::move(*book);
    } else if (book.error().code == Errc::io) {
      return book.error();
    }  // else the check of the journal itself will say so
    if (auto tokens = access::TokenTable::read(log_)) {
      tokens_ = std::move(*tokens);
    } else if (tokens.error().code == Errc::io) {
      return tokens.error();
    }
    return {};
  }

  Result<> list_sessions() {
    if (options_.sessions.empty()) {
      auto const read = log_.scan_heads([this](SessionId const& id, storage::Head const& head) {
        sessions_.push_back({id, head});
        return true;
      });
      if (!read && read.error().code == Errc::io) return read.error();
      if (!read) found("head", {"", ""}, {}, 0, read.error().detail);
      return {};
    }
    for (auto const& id : options_.sessions) {
      TRY(auto head, log_.head(id));
      if (!head) return Error{Errc::not_found, "there is no session " + to_string(id)};
      sessions_.push_back({id, std::move(*head)});
    }
    return {};
  }

  Result<> list_timers() {
    auto timers = log_.timers(Time::min(), Time::max(), std::numeric_limits<std::size_t>::max());
    if (timers) {
      timers_.insert(timers->begin(), timers->end());
      return {};
    }
    if (timers.error().code == Errc::io) return timers.error();
    found("timer", {"", ""}, {}, 0, timers.error().detail);
    return {};
  }

  // ---- a session ----

  Result<> check_session(ListedSession const& listed) {
    ++report_.sessions;
    auto const& [id, head] = listed;
    SessionChecks shared{log_,
                         policies_,
                         id,
                         id == storage::journal_session(),
                         std::nullopt,
                         tokens_ ? &*tokens_ : nullptr};
    auto const secret = log_.secret(id);
    if (secret) {
      shared.digester.emplace(*secret);
    } else if (secret.error().code == Errc::io) {
      return secret.error();
    } else if (secret.error().code != Errc::not_found) {
      found("vault", id, head.run, 0, secret.error().detail);
    }
    auto const runs = log_.runs(id);
    if (!runs && runs.error().code == Errc::io) return runs.error();
    if (!runs) {
      found("schema", id, head.run, 0, runs.error().detail);
      return {};
    }
    if (std::ranges::find(*runs, head.run) == runs->end())
      found("head", id, head.run, 0, "the session's head names a run that has no steps");
    std::map<RunId, RunCheck> checked;
    for (auto const& run : *runs) {
      ++report_.runs;
      RunCheck check(shared, run, report_.findings);
      TRY(bool const whole, check_run(shared, run, check));
      report_.events += check.events();
      if (!whole) {
        unread_.insert(id);
        continue;
      }
      TRY_VOID(check_stored_checkpoints(shared, run, check));
      if (run == head.run) {
        check_head(shared, head, check);
        check_timers(shared, check);
      }
      checked.emplace(run, std::move(check));
    }
    check_lineage(id, head, checked);
    for (auto const& [run, check] : checked) TRY_VOID(check_copy(id, run, check));
    return {};
  }

  /// Whether the run could be read to its end.
  Result<bool> check_run(SessionChecks const& shared, RunId const& run, RunCheck& check) {
    storage::ChainVerifier chain(info_.log_id, shared.session, run);
    OperatorCheck operators(shared.session, run, report_.findings);
    bool whole = true;
    Result<> outcome;
    auto const visit = [&](std::string_view bytes) {
      ++report_.steps;
      auto const step = storage::decode(bytes, storage::Reading::show);
      if (!step) {
        if (std::exchange(whole, false))
          found("schema", shared.session, run, chain.last_sequence() + 1, step.error().detail);
        return true;
      }
      auto const& header = step->step.header;
      commits_.saw(storage::step_key(storage::partition_of(header.session, info_.partitions),
                                     header.session,
                                     header.run,
                                     header.first_sequence),
                   step->hash,
                   step->step.events.back().sequence);
      if (!whole) return true;  // its place in the commits is all that can be said
      if (auto const fits = chain.check(*step); !fits) {
        whole = false;
        auto const gap = header.first_sequence != chain.last_sequence() + 1;
        found(gap ? "sequence" : "chain",
              shared.session,
              run,
              header.first_sequence,
              fits.error().detail);
        return true;
      }
      if (shared.is_journal) operators.take(*step);
      outcome = check.take(*step);
      return outcome.has_value();
    };
    auto const read = log_.read_steps(shared.session, run, 1, visit);
    if (!outcome) return outcome.error();
    if (!read) {
      if (read.error().code == Errc::io) return read.error();
      found("schema", shared.session, run, chain.last_sequence() + 1, read.error().detail);
      whole = false;
    }
    return whole;
  }

  void check_head(SessionChecks const& shared, storage::Head const& head, RunCheck const& check) {
    auto told = engine::head_of(check.state());
    if (shared.is_journal || check.saw_unknown()) {  // their fold does not tell all of it
      auto comparable = head;
      comparable.last_sequence = told.last_sequence;
      comparable.hash = told.hash;
      comparable.epoch = told.epoch;
      comparable.steps = told.steps;
      told = comparable;
    }
    if (head == told) return;
    std::string differs;
    auto const compare = [&](bool same, std::string_view name) {
      if (!same) differs += (differs.empty() ? "" : ", ") + std::string(name);
    };
    compare(head.workflow == told.workflow, "workflow");
    compare(head.status == told.status, "status");
    compare(head.last_sequence == told.last_sequence, "last sequence");
    compare(head.hash == told.hash, "hash of the last step");
    compare(head.epoch == told.epoch, "epoch");
    compare(head.started_at == told.started_at && head.updated_at == told.updated_at, "times");
    compare(head.steps == told.steps, "number of steps");
    compare(head.checkpoint == told.checkpoint, "checkpoint");
    compare(head.open_attempts == told.open_attempts, "open attempts");
    found("head",
          shared.session,
          head.run,
          told.last_sequence,
          "the session's head, at " + std::to_string(head.last_sequence) +
              ", is not what its steps tell, up to " + std::to_string(told.last_sequence) + ": " +
              differs);
  }

  Result<> check_stored_checkpoints(SessionChecks const& shared,
                                    RunId const& run,
                                    RunCheck const& check) {
    TRY(auto const stored, log_.checkpoints(shared.session, run));
    for (auto const sequence : stored) {
      if (!std::ranges::binary_search(check.checkpoints(), sequence) && !check.saw_unknown())
        found("checkpoint",
              shared.session,
              run,
              sequence,
              "the store holds a checkpoint that the log does not know");
    }
    return {};
  }

  void check_timers(SessionChecks const& shared, RunCheck const& check) {
    auto const& state = check.state();
    if (check.saw_unknown()) return;
    if (state.control_due)
      timers_.erase({*state.control_due, shared.session, state.run, OperationId::none});
    for (auto const& [id, operation] : state.operations) {
      if (!operation.timer_due) continue;
      if (timers_.erase({*operation.timer_due, shared.session, state.run, id}) == 0)
        found("timer",
              shared.session,
              state.run,
              operation.cause,
              "operation " + std::to_string(static_cast<std::uint64_t>(id)) +
                  " waits for a timer at " + to_string(*operation.timer_due) +
                  " that is not armed");
    }
  }

  void check_timers_of_nobody() {
    for (auto const& timer : timers_) {
      bool const wanted =
          options_.sessions.empty() ||
          std::ranges::find(options_.sessions, timer.session) != options_.sessions.end();
      if (wanted)
        found("timer",
              timer.session,
              timer.run,
              0,
              "a timer at " + to_string(timer.due) + " for operation " +
                  std::to_string(static_cast<std::uint64_t>(timer.operation)) +
                  ", which does not wait for it",
              Severity::warning);
    }
  }

  /// Each run but the first follows one that is there and has ended, names its last step and takes
  /// over what was not received there; no two follow the same one; the head is of the last.
  void check_lineage(SessionId const& id,
                     storage::Head const& head,
                     std::map<RunId, RunCheck> const& runs) {
    std::size_t first = 0;
    std::map<RunId, RunId> followed;  // by
    for (auto const& [run, check] : runs) {
      auto const& started = check.started();
      if (!started || !started->follows) {
        ++first;
        continue;
      }
      auto const name = "run " + to_string(*started->follows);
      if (auto const [other, fresh] = followed.emplace(*started->follows, run); !fresh)
        found("run", id, run, 1, "it follows " + name + ", as run " + to_string(other->second));
      auto const before = runs.find(*started->follows);
      if (before == runs.end()) {
        found("run", id, run, 1, "it follows " + name + ", which cannot be read");
      } else if (before->second.state().hash != started->follows_hash) {
        found("run", id, run, 1, "it follows " + name + " but does not name its last step");
      } else {
        check_continuation(id, run, check, before->second);
      }
    }
    if (first > 1)
      found("run", id, head.run, 0, std::to_string(first) + " runs of the session follow no other");
    if (auto const next = followed.find(head.run); next != followed.end())
      found("run",
            id,
            head.run,
            0,
            "the session's head is not of its newest run: run " + to_string(next->second) +
                " follows it");
  }

  void check_continuation(SessionId const& id,
                          RunId const& run,
                          RunCheck const& check,
                          RunCheck const& before) {
    auto const& ended = before.state();
    auto const name = "run " + to_string(ended.run);
    if (ended.status == storage::SessionStatus::open ||
        ended.status == storage::SessionStatus::held)
      found("run", id, run, 1, "it follows " + name + ", which has not ended");
    if (check.started()->fork) return;  // what it holds it has from the run that it was forked from
    if (!before.next()) {
      if (!check.carried().empty())
        found(
            "run", id, run, 1, "it takes over signals of " + name + ", which it does not continue");
      return;
    }
    if (*before.next() != run)
      found("run",
            id,
            run,
            1,
            "it follows " + name + ", which says that it continues as run " +
                to_string(*before.next()));
    bool same = check.carried().size() == ended.inbox.size();
    for (std::size_t i = 0; same && i < ended.inbox.size(); ++i) {
      auto const& signal = check.carried()[i];
      same = signal.carried_from == ended.inbox[i].sequence &&
             signal.signal == ended.inbox[i].signal && signal.payload == ended.inbox[i].payload;
    }
    if (!same)
      found("run",
            id,
            run,
            1,
            "it takes over " + std::to_string(check.carried().size()) + " signals; unread in " +
                name + " were " + std::to_string(ended.inbox.size()) + ", or others");
  }

  /// What a forked run says happened in another one did.
  Result<> check_copy(SessionId const& id, RunId const& run, RunCheck const& check) {
    auto const& started = check.started();
    if (!started || !started->fork || started->fork->sequence == 0) return {};
    auto const& fork = *started->fork;
    SessionId const source{id.tenant, fork.session};
    auto const undecidable = [&](std::string const& why) {
      found("fork",
            id,
            run,
            1,
            "whether it is a copy of run " + to_string(fork.run) + " of " + to_string(source) +
                " cannot be said: " + why,
            Severity::undecidable);
    };
    std::optional<engine::CopyKeys> keys;
    if (source != id) {
      auto const from = log_.secret(source);
      auto const to = log_.secret(id);
      if (!from || !to) {
        undecidable((from ? to : from).error().detail);
        return {};
      }
      keys = engine::CopyKeys{*from, *to};
    }
    std::optional<storage::Predecessor> follows;
    if (started->follows) follows = storage::Predecessor{*started->follows, started->follows_hash};
    engine::StepCopier copier(log_, source, {id, run, follows, fork}, keys);
    Sequence copied = 0;
    Result<> outcome;
    auto const read = log_.read_steps(source, fork.run, 1, [&](std::string_view bytes) {
      auto const step = storage::decode(bytes, storage::Reading::show);
      if (!step) {
        outcome = step.error();
        return false;
      }
      if (step->step.header.first_sequence > fork.sequence) return false;
      auto expected = copier.copy(step->step);
      if (!expected) {
        outcome = expected.error();
        return false;
      }
      copied = step->step.events.back().sequence;
      if (is_there(id, run, step->step.header, expected->events)) return true;
      found("fork",
            id,
            run,
            step->step.header.first_sequence,
            "it is not the step of run " + to_string(fork.run) + " of " + to_string(source) +
                " that it says it was copied from");
      copied = fork.sequence;
      return false;
    });
    if (!read && read.error().code == Errc::io) return read.error();
    if (!read || !outcome) {
      undecidable((read ? outcome : read).error().detail);
    } else if (copied != fork.sequence) {
      undecidable("it ends at " + std::to_string(copied));
    }
    return {};
  }

  /// Whether the run has this step, as far as a copy has to be the same.
  bool is_there(SessionId const& id,
                RunId const& run,
                storage::StepHeader const& header,
                std::vector<storage::Event> const& events) {
    bool same = false;
    auto const read = log_.read_steps(id, run, header.first_sequence, [&](std::string_view bytes) {
      auto const step = storage::decode(bytes, storage::Reading::show);
      same = step && step->step.header.recorded_at == header.recorded_at &&
             step->step.header.cause == header.cause && step->step.events == events;
      return false;
    });
    return read && same;
  }

  void check_watermark() {
    if (!options_.sessions.empty()) return;
    if (info_.watermark_commit > info_.last_commit) {
      found("watermark",
            {"", ""},
            {},
            0,
            "commit " + std::to_string(info_.watermark_commit) +
                " had been acknowledged; the store ends at commit " +
                std::to_string(info_.last_commit));
    } else if (info_.watermark_commit == 0 && info_.last_commit > 0) {
      found("watermark",
            {"", ""},
            {},
            0,
            "there is no watermark: a lost end of the log would not show",
            Severity::warning);
    }
  }

  storage::EventLog const& log_;
  VerifyOptions const& options_;
  storage::StoreInfo info_;
  VerifyReport report_;
  PolicyBook policies_;
  std::optional<access::TokenTable> tokens_;
  std::vector<ListedSession> sessions_;
  std::set<storage::Timer> timers_;  // armed; those that an operation waits for are taken out
  std::set<SessionId> unread_;       // sessions that could not be read to the end
  CommitCheck commits_;
};

}  // namespace

Result<VerifyReport> verify_store(storage::EventLog const& log, VerifyOptions const& options) {
  return Verification(log, options).run();
}

}  // namespace dalsegno::forensics
