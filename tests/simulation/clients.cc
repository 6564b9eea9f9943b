#include "tests/simulation/clients.h"

#include <memory>
#include <optional>
#include <random>
#include <utility>

namespace dalsegno::simulation {
namespace {

using storage::SessionStatus;

constexpr std::array<char const*, 3> signal_names{"main", "beside", "other"};

std::uint64_t count_of(std::map<std::string, std::uint64_t> const& counts,
                       std::string const& name) {
  auto const found = counts.find(name);
  return found == counts.end() ? 0 : found->second;
}

}  // namespace

Clients::Clients(Truth const& truth,
                 Findings& findings,
                 Dice dice,
                 std::size_t sessions,
                 bool cancels,
                 Talk talk)
    : truth_(truth), findings_(findings), dice_(dice), cancels_(cancels), talk_(talk) {
  for (std::size_t i = 0; i < sessions; ++i) {
    auto& plan = plans_.emplace_back();
    plan.session = {"default", "s" + std::to_string(i)};
    std::mt19937_64 random(dice_.next());
    plan.program = engine::test::random_program_of_sessions(random);
    plan.input = to_json(plan.program);
  }
}

/// What a session needs from outside it needs whoever started it.
void Clients::adopt() {
  for (auto const& born = truth_.family().born(); adopted_ < born.size(); ++adopted_) {
    auto const* const truth = truth_.find(born[adopted_]);
    auto program = from_json<engine::test::Program>(truth->input);
    if (!program) {
      findings_.add("children", to_string(born[adopted_]) + ": " + program.error().detail);
      continue;
    }
    auto& plan = plans_.emplace_back();
    plan.session = born[adopted_];
    plan.program = std::move(*program);
    plan.started = plan.is_child = true;
    if (engine_ != nullptr && !is_over(plan)) watch(plan);
  }
}

std::string Clients::because(std::string_view reason) const {
  std::string text(reason);
  if (talk_ == Talk::with_secrets) text += " of " + engine::test::secret(9);
  return text;
}

void Clients::connect(engine::Engine* engine) {
  engine_ = engine;
  ++connection_;
  for (auto& plan : plans_) {
    plan.starting = false;
    plan.sending.clear();
    plan.helped_at = 0;
    if (engine_ != nullptr && plan.started && !is_over(plan)) watch(plan);
  }
}

namespace {

bool has_run(SessionTruth const& truth, RunId const& run) {
  return truth.run == run || std::ranges::any_of(truth.before, [&run](auto const& before) {
           return before.first == run;
         });
}

}  // namespace

bool Clients::is_over(Plan const& plan) const {
  auto const* const truth = truth_.find(plan.session);
  return truth != nullptr && truth->status != SessionStatus::open;
}

void Clients::start(Plan& plan) {
  plan.starting = true;
  engine_->start_session(
      {plan.session, "program", plan.input, because("client")},
      [this, &plan, connection = connection_](Result<engine::Receipt> const& receipt) {
        if (receipt) {
          auto const* const truth = truth_.find(plan.session);
          if (truth == nullptr || !has_run(*truth, receipt->run))
            findings_.add("acknowledged_stays",
                          to_string(plan.session) +
                              ": its start was acknowledged, and the log does not have it");
          plan.started = true;
        }
        if (connection != connection_) return;
        plan.starting = false;
      });
}

/// The answer to who waits for the end is the end that the log has.
void Clients::watch(Plan const& plan) {
  engine_->wait_for_end(plan.session, [this, &plan](Result<engine::AnnounceEnd> const& end) {
    if (!end) return;
    truth_.sent("the end of " + to_string(plan.session), end->result + end->message + end->type);
    auto const* const truth = truth_.find(plan.session);
    if (truth == nullptr || truth->status != end->status ||
        (truth->result && *truth->result != end->result))
      findings_.add("result",
                    to_string(plan.session) + ": another end was announced than recorded");
  });
}

void Clients::signal(Plan& plan, std::string const& name) {
  auto const number = plan.sent[name];
  auto key = name + std::to_string(number);
  plan.sending[name] = true;
  engine_->signal(plan.session,
                  {name, std::to_string(number), key, because("client")},
                  [this, &plan, name, key, number, connection = connection_](
                      Result<engine::Receipt> const& receipt) {
                    if (receipt) {
                      auto const* const truth = truth_.find(plan.session);
                      bool const recorded =
                          truth != nullptr && truth->inputs.contains(key) &&
                          truth->inputs.at(key).contains({receipt->run, receipt->sequence});
                      if (!recorded)
                        findings_.add("acknowledged_stays",
                                      to_string(plan.session) + ": signal " + key +
                                          " was acknowledged, and the log does not have it there");
                      plan.sent[name] = std::max(plan.sent[name], number + 1);
                    }
                    if (connection != connection_) return;
                    plan.sending[name] = false;
                  });
}

/// Some updates are to be refused; what is taken in is recorded once and answered as its handler
/// says, however often it is asked.
void Clients::update(Plan& plan) {
  bool const again = plan.updates > 0 && dice_.one_in(3);
  auto const which = again ? dice_.below(plan.updates) : plan.updates++;
  // From the session's name and the key, so that the same update is the same.
  auto const number = static_cast<std::int64_t>((which * 7 + plan.session.name.size()) % 1'000);
  auto const key = "update" + std::to_string(which);
  engine::SignalInput input{"take", std::to_string(number), key, because("client"), true};
  // Shared by both callbacks: either may come first.
  struct Answered {
    std::optional<engine::Receipt> receipt;
    std::optional<std::string> answer;
  };
  auto asked = std::make_shared<Answered>();
  engine_->ask(
      plan.session,
      std::move(input),
      [this, &plan, key, number, asked](Result<engine::Receipt> const& receipt) {
        if (!receipt) return;
        auto const* const truth = truth_.find(plan.session);
        if (!engine::test::result_of_update(number))
          findings_.add("updates", to_string(plan.session) + " took " + key + ", to be refused");
        if (truth == nullptr || !truth->inputs.contains(key) ||
            !truth->inputs.at(key).contains({receipt->run, receipt->sequence}))
          findings_.add("acknowledged_stays",
                        to_string(plan.session) + ": " + key +
                            " was acknowledged, and the log does not have it there");
        asked->receipt = *receipt;
        if (asked->answer) check_answer(plan, number, *receipt, *asked->answer);
      },
      [this, &plan, number, asked](Result<std::string> const& answer) {
        if (!answer) return;
        asked->answer = *answer;
        if (asked->receipt) check_answer(plan, number, *asked->receipt, *answer);
      });
}

void Clients::check_answer(Plan const& plan,
                           std::int64_t number,
                           engine::Receipt const& receipt,
                           std::string const& answer) {
  auto const* const truth = truth_.find(plan.session);
  if (truth == nullptr || !truth->updated.contains({receipt.run, receipt.sequence}))
    findings_.add(
        "updates",
        to_string(plan.session) + " answered an update that is not at its end in the log");
  if (answer != engine::test::result_of_update(number))
    findings_.add(
        "updates",
        to_string(plan.session) + " answered " + answer + " to " + std::to_string(number));
}

void Clients::cancel(Plan& plan) {
  engine_->cancel(
      plan.session, {"client", because("enough")}, [&plan](Result<engine::Receipt> const& receipt) {
        if (receipt) plan.cancelled = true;
      });
}

void Clients::control(Plan& plan, storage::ControlVerb verb) {
  bool const ends = verb == storage::ControlVerb::terminate;
  engine_->control(plan.session,
                   {verb, "client", "", because("an incident")},
                   [&plan, ends](Result<engine::Receipt> const& receipt) {
                     if (receipt && ends) plan.cancelled = true;
                   });
}

/// Somebody answers a request for approval: in general anybody, `surely` one whose answer counts.
bool Clients::approve(Plan const& plan, bool surely) {
  auto const* const truth = truth_.find(plan.session);
  if (truth == nullptr) return false;
  constexpr std::array people{"ann", "bob", "cid", "client"};
  constexpr std::array roles{"lead", "lead", "director", "clerk"};
  bool any = false;
  for (auto const& [id, operation] : truth->operations) {
    if (!operation.asked || operation.ended || operation.open_attempt) continue;
    auto const count = surely ? 3U : 1U;
    for (unsigned i = 0; i < count; ++i) {
      engine::ApprovalInput answer;
      answer.operation = id;
      answer.granted = surely || !dice_.one_in(8);
      answer.by = people[surely ? i : dice_.below(people.size())];
      answer.roles = {roles[surely ? 0 : dice_.below(roles.size())]};
      answer.reason = because("so it is");
      answer.input_digest = operation.requested.input_digest;
      engine_->answer_approval(plan.session, answer, [](Result<engine::Receipt> const&) {});
    }
    any = true;
    if (!surely) break;
  }
  return any;
}

/// Somebody says what is to become of a call in doubt.
bool Clients::resolve(Plan const& plan) {
  auto const* const truth = truth_.find(plan.session);
  if (truth == nullptr) return false;
  bool any = false;
  for (auto const& [id, operation] : truth->operations) {
    if (!operation.in_doubt || operation.ended) continue;
    auto const what = static_cast<storage::DoubtResolution>(dice_.below(3));
    engine_->resolve(plan.session,
                     {id, what, resolution, "ann", "", because("I looked into the books")},
                     [](Result<engine::Receipt> const&) {});
    any = true;
  }
  return any;
}

void Clients::act() {
  if (engine_ == nullptr) return;
  adopt();
  auto& plan = plans_[dice_.below(plans_.size())];
  if (!plan.started) {
    if (!plan.starting) start(plan);
    return;
  }
  if (is_over(plan) && !dice_.one_in(16)) return;
  switch (dice_.below(8)) {
    case 0:
      if (plan.is_child) return update(plan);
      start(plan);  // once more: the same run is acknowledged
      if (plan.program.updates) update(plan);
      break;
    case 1:
      if (cancels_ && dice_.one_in(10)) cancel(plan);
      if (cancels_ && dice_.one_in(20)) control(plan, storage::ControlVerb::terminate);
      if (dice_.one_in(4))
        control(plan, dice_.one_in(2) ? storage::ControlVerb::pause : storage::ControlVerb::resume);
      break;
    case 2:
    case 3:
      static_cast<void>(approve(plan, false));
      if (dice_.one_in(2)) static_cast<void>(resolve(plan));
      break;
    case 4:
      watch(plan);
      break;
    default: {
      std::string const name = signal_names[dice_.below(signal_names.size())];
      auto const* const truth = truth_.find(plan.session);
      if (truth == nullptr || plan.sending[name]) return;
      if (plan.sent[name] > count_of(truth->receivers, name) + 2) return;
      signal(plan, name);
      if (dice_.one_in(8)) signal(plan, name);  // twice at once, under one key
    }
  }
}

bool Clients::help(Help where) {
  if (engine_ == nullptr) return false;
  adopt();
  bool any = false;
  for (auto& plan : plans_) {
    if (is_over(plan)) continue;
    if (!plan.started) {
      if (!plan.starting) {
        start(plan);
        any = true;
      }
      continue;
    }
    auto const* const truth = truth_.find(plan.session);
    if (truth == nullptr) continue;
    if (where == Help::where_something_changed && plan.helped_at == truth->last_sequence) continue;
    plan.helped_at = truth->last_sequence;
    if (truth->paused && !truth->resume_asked) {
      control(plan, storage::ControlVerb::resume);
      any = true;
    }
    any = approve(plan, true) || any;
    any = resolve(plan) || any;
    for (std::string const name : signal_names) {
      if (plan.sending[name] || plan.sent[name] > count_of(truth->receivers, name)) continue;
      signal(plan, name);
      any = true;
    }
  }
  return any;
}

bool Clients::all_ended() const {
  return truth_.open() == 0 && truth_.sessions().size() >= plans_.size() &&
         adopted_ == truth_.family().born().size() && !truth_.family().unborn();
}

std::string Clients::describe_open() const {
  std::string text;
  if (auto const unborn = truth_.family().unborn())
    text = to_string(*unborn) + " (asked for by another session)";
  for (auto const& plan : plans_) {
    if (is_over(plan)) continue;
    text += (text.empty() ? "" : ", ") + to_string(plan.session);
    auto const* const truth = truth_.find(plan.session);
    if (truth == nullptr) {
      text += " (not started)";
      continue;
    }
    for (auto const& [id, operation] : truth->operations) {
      if (operation.ended) continue;
      text +=
          " [" + std::to_string(static_cast<std::uint64_t>(id)) + " " + operation.requested.name;
      if (operation.open_attempt) text += " attempt " + std::to_string(*operation.open_attempt);
      text += "]";
    }
  }
  return text;
}

namespace {

/// A redactor takes long numbers for those of cards and the like.
bool has_long_number(std::string_view text) {
  std::size_t digits = 0;
  for (char const c : text) {
    digits = c >= '0' && c <= '9' ? digits + 1 : 0;
    if (digits > 8) return true;
  }
  return false;
}

}  // namespace

void Clients::check_prediction(Plan const& plan, SessionTruth const& truth) const {
  if (truth.cancel_requested || truth.told_to_end || truth.child_cut_short) return;
  auto const predicted = engine::test::predict(plan.program, truth.first_seed);
  if (!predicted || truth.result == *predicted) return;
  if (talk_ == Talk::with_secrets && has_long_number(*predicted)) return;
  findings_.add("result",
                to_string(plan.session) + " ended with " + truth.result.value_or("an artifact") +
                    " and not with " + *predicted);
}

void Clients::check_ends() const {
  for (auto const& plan : plans_) {
    auto const* const truth = truth_.find(plan.session);
    if (truth == nullptr || truth->status == SessionStatus::open) continue;
    auto const name = to_string(plan.session);
    if (truth->status == SessionStatus::failed) {
      findings_.add("result", name + " failed: " + truth->failure);
    } else if (truth->status == SessionStatus::cancelled) {
      if (!truth->cancel_requested && !truth->told_to_end)
        findings_.add("result", name + " was cancelled by nobody");
    } else {
      check_prediction(plan, *truth);
    }
    if (plan.cancelled && !truth->cancel_requested && !truth->told_to_end)
      findings_.add("acknowledged_stays",
                    name + ": its cancellation was acknowledged and is not there");
  }
}

}  // namespace dalsegno::simulation
