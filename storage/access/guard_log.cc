#include "storage/access/guard_log.h"

#include "dalsegno/try.h"
#include "storage/event/outline.h"
#include "storage/log/journal.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dalsegno::access {
namespace {

using namespace storage;  // it is all about the log

EventTypes known_types() {
  EventTypes types;
  for (std::size_t number = 1; number < std::variant_size_v<EventBody>; ++number) types.set(number);
  return types;
}

EventTypes const& for_operators_here() {
  static auto const types = event_types<PolicyDecided,
                                        OperatorActed,
                                        PolicyActivated,
                                        TokenCreated,
                                        TokenRevoked,
                                        LossAccepted>();
  return types;
}

EventTypes const& for_operators_elsewhere() {
  static auto const types =
      event_types<Held, Released, ControlAsked, ApprovalGiven, DoubtResolved, OperatorActed>();
  return types;
}

EventTypes const& for_runtimes() {
  static auto const types =
      known_types() &
      ~event_types<PolicyActivated, TokenCreated, TokenRevoked, OperatorActed, LossAccepted>();
  return types;
}

/// The head that the step alone may lead to: nothing of it tells of the workflow.
bool only_the_step_differs(Head before, Head const& after) {
  before.status = after.status;
  before.paused = after.paused;
  before.last_sequence = after.last_sequence;
  before.hash = after.hash;
  before.epoch = after.epoch;
  before.updated_at = after.updated_at;
  before.steps = after.steps;
  return before == after;
}

class GuardLog final : public EventLog {
 public:
  GuardLog(EventLog& log, TokenKind kind) : log_(log), kind_(kind) {}

  // ---- reading ----

  StoreInfo info() const override { return log_.info(); }
  Result<std::optional<Head>> head(SessionId const& session) const override {
    return log_.head(session);
  }
  Result<> scan_heads(HeadVisitor const& visit) const override { return log_.scan_heads(visit); }
  Result<> read_steps(SessionId const& session,
                      RunId const& run,
                      Sequence from,
                      StepVisitor const& visit) const override {
    return log_.read_steps(session, run, from, visit);
  }
  Result<std::vector<RunId>> runs(SessionId const& session) const override {
    return log_.runs(session);
  }
  Result<std::vector<Timer>> timers(Time from, Time until, std::size_t limit) const override {
    return log_.timers(from, until, limit);
  }
  Result<> scan_errands(ErrandVisitor const& visit) const override {
    return log_.scan_errands(visit);
  }
  Result<std::optional<Sequence>> find_producer_key(SessionId const& session,
                                                    std::string_view key) const override {
    return log_.find_producer_key(session, key);
  }
  Result<std::optional<StoredCheckpoint>> newest_checkpoint(SessionId const& session,
                                                            RunId const& run,
                                                            Sequence at_most) const override {
    return log_.newest_checkpoint(session, run, at_most);
  }
  Result<std::vector<Sequence>> checkpoints(SessionId const& session,
                                            RunId const& run) const override {
    return log_.checkpoints(session, run);
  }
  Result<std::string> artifact(SessionId const& session, Digest const& digest) const override {
    return log_.artifact(session, digest);
  }
  Result<SessionSecret> secret(SessionId const& session) const override {
    return log_.secret(session);
  }
  Result<std::optional<std::string>> vault_record(SessionId const& session,
                                                  std::string_view name) const override {
    return log_.vault_record(session, name);
  }
  Result<> scan_vault(SessionId const& session, VaultVisitor const& visit) const override {
    return log_.scan_vault(session, visit);
  }
  Result<> read_commits(std::uint64_t from, CommitVisitor const& visit) const override {
    return log_.read_commits(from, visit);
  }
  Result<std::string> step_at(std::string_view key) const override { return log_.step_at(key); }
  Result<std::optional<std::string>> get_meta(std::string_view key) const override {
    return log_.get_meta(key);
  }
  Result<> room_for_new_sessions() const override { return log_.room_for_new_sessions(); }

  // ---- writing ----

  Result<CommitReceipt> append(std::span<Append const> batch) override {
    std::vector<Result<>> may;
    may.reserve(batch.size());
    bool all = true;
    for (auto const& append : batch) {
      may.push_back(check(append));
      all = all && may.back().has_value();
    }
    if (all) return log_.append(batch);
    std::vector<Append> allowed;
    for (std::size_t i = 0; i < batch.size(); ++i)
      if (may[i]) allowed.push_back(batch[i]);
    TRY(auto const receipt, log_.append(allowed));
    CommitReceipt out{receipt.number, std::move(may)};
    auto next = receipt.each.begin();
    for (auto& one : out.each)
      if (one) one = *next++;
    return out;
  }

  Result<> put_vault(SessionId const& session, std::span<VaultRecord const> records) override {
    for (auto const& record : records) TRY_VOID(check_record(session, record));
    return log_.put_vault(session, records);
  }
  Result<> destroy_vault(SessionId const& session, std::span<VaultRecord const> kept) override {
    if (kind_ != TokenKind::operators) return refuse(session, "destroy a vault");
    for (auto const& record : kept) TRY_VOID(check_record(session, record));
    return log_.destroy_vault(session, kept);
  }
  Result<> put_meta(std::string_view key, std::string_view value) override {
    if (kind_ != TokenKind::runtimes)
      return refuse(journal_session(), "write the runtime's " + std::string(key));
    return log_.put_meta(key, value);
  }
  Result<> compact() override {
    if (kind_ == TokenKind::auditors) return refuse(journal_session(), "rewrite the store");
    return log_.compact();
  }

 private:
  Error refuse(SessionId const& session, std::string const& what) const {
    auto const kind = access::name_of(kind_);
    auto const article = kind_ == TokenKind::runtimes ? "a " : "an ";
    return {Errc::denied,
            to_string(session) + ": " + article + std::string(kind) +
                "'s credential does not allow to " + what};
  }

  Result<> check(Append const& append) const {
    if (kind_ == TokenKind::auditors) return refuse(append.session, "append");
    auto const step = outline(append.step.bytes);
    if (!step) return Error{Errc::invalid, to_string(append.session) + ": " + step.error().detail};
    if (step->session != append.session)
      return Error{Errc::invalid,
                   to_string(append.session) + ": the step is one of " + to_string(step->session)};
    bool const here = append.session == journal_session();
    if (kind_ == TokenKind::runtimes && here) return refuse(append.session, "append");
    TRY_VOID(check_types(append.session, step->types));
    if (kind_ == TokenKind::operators) TRY_VOID(check_beside(append, step->types, here));
    return {};
  }

  Result<> check_types(SessionId const& session, EventTypes const& types) const {
    auto const& allowed = kind_ == TokenKind::runtimes   ? for_runtimes()
                          : session == journal_session() ? for_operators_here()
                                                         : for_operators_elsewhere();
    auto const refused = types & ~allowed;
    for (std::size_t number = 0; number < refused.size(); ++number)
      if (refused[number])
        return refuse(session, "append " + std::string(type_name(number)) + " events");
    return {};
  }

  /// What an operator's append may carry beside its step.
  Result<> check_beside(Append const& append, EventTypes const& types, bool here) const {
    // An answer to a request for approval makes the one timer of what waits for it due at once; so
    // does what is said about an operation in doubt, and what is asked of the session itself.
    static auto const answer = event_types<ApprovalGiven>();
    static auto const resolution = event_types<DoubtResolved>();
    static auto const control = event_types<ControlAsked>();
    bool const answers = (types == answer || types == resolution || types == control) &&
                         append.timers_set.size() == 1 && append.timers_cleared.size() <= 1;
    bool const timers = !append.timers_set.empty() || !append.timers_cleared.empty();
    if (timers && !answers) return refuse(append.session, "change timers");
    if (!append.producer_keys.empty()) return refuse(append.session, "write producers' keys");
    if (!append.checkpoints.empty()) return refuse(append.session, "write checkpoints");
    if (!append.errands_set.empty() || !append.errands_done.empty())
      return refuse(append.session, "change what sessions owe each other");
    if (append.follows) return refuse(append.session, "begin a run");
    if (append.secret || !append.vault.empty())
      return refuse(append.session, "write a session's keys");
    if (here) return {};
    if (!append.artifacts.empty()) return refuse(append.session, "write artifacts");
    TRY(auto const before, log_.head(append.session));
    if (before && !only_the_step_differs(*before, append.head))
      return refuse(append.session, "change what is known of the workflow");
    return {};
  }

  Result<> check_record(SessionId const& session, VaultRecord const& record) const {
    auto const& name = record.name;
    bool allowed = false;
    switch (kind_) {
      case TokenKind::auditors:
        break;
      case TokenKind::operators:
        allowed = name == "hold" || name == "erased" || name == "key" || name == "redaction";
        break;
      case TokenKind::runtimes:
        allowed = session != journal_session();
        if (!allowed && name == "redaction") {
          TRY(auto const made, log_.vault_record(session, name));
          allowed = !made;
        }
        break;
    }
    if (!allowed) return refuse(session, "write the vault's record " + name);
    return {};
  }

  // Set in the constructor.
  EventLog& log_;
  TokenKind const kind_;
};

}  // namespace

std::unique_ptr<storage::EventLog> guard_log(storage::EventLog& log, TokenKind kind) {
  return std::make_unique<GuardLog>(log, kind);
}

}  // namespace dalsegno::access
