#include "tests/engine/replay/program.h"

#include "engine/session/random.h"
#include "storage/event/codec.h"

#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <utility>
#include <variant>

namespace dalsegno::engine::test {
namespace {

using std::chrono::milliseconds;
using Call = Activity<std::int64_t, std::string>;

constexpr RetryPolicy four_attempts{.initial = milliseconds(100), .max_attempts = 4, .jitter = 0.3};
constexpr Call work{"work", {.start_to_close = {}, .retry = four_attempts}};
constexpr Call flaky{"flaky", {.start_to_close = {}, .retry = four_attempts}};
constexpr Call broken{"broken", {.start_to_close = {}, .retry = four_attempts}};
constexpr Call forbidden{"forbidden", {.start_to_close = {}, .retry = four_attempts}};
constexpr Call large{"large", {.start_to_close = {}, .retry = four_attempts}};
constexpr Call slow{"slow",
                    {.start_to_close = milliseconds(1'000),
                     .retry = {.initial = milliseconds(100), .max_attempts = 2}}};

constexpr Call approved{"approved", {.start_to_close = {}, .retry = four_attempts}};

// Limits of time and classes of effects.
constexpr Call once{"once",
                    {.start_to_close = milliseconds(1'000),
                     .retry = four_attempts,
                     .effect = EffectClass::at_most_once}};
constexpr Call asked{"asked",
                     {.start_to_close = milliseconds(1'000),
                      .retry = four_attempts,
                      .effect = EffectClass::reconcilable}};
constexpr Call bounded{"bounded",
                       {.start_to_close = milliseconds(900),
                        .retry = four_attempts,
                        .schedule_to_close = milliseconds(1'500)}};
constexpr Call queued{"queued",
                      {.start_to_close = milliseconds(2'000),
                       .retry = four_attempts,
                       .schedule_to_start = milliseconds(200),
                       .effect = EffectClass::at_most_once}};
constexpr Call alive{"alive", {.retry = four_attempts, .heartbeat = milliseconds(500)}};

constexpr std::array calls{&work,
                           &flaky,
                           &broken,
                           &forbidden,
                           &large,
                           &slow,
                           &approved,
                           &once,
                           &asked,
                           &bounded,
                           &queued,
                           &alive};

/// Of a result that is kept as an artifact.
constexpr std::size_t large_bytes = 66'000;
static_assert(large_bytes > storage::max_inline_payload_bytes);

Call const* find_call(std::string_view kind) {
  if (kind == later.name) return &later;
  for (auto const* const call : calls) {
    if (call->name == kind) return call;
  }
  return nullptr;
}

enum class Place : std::uint8_t { main_line, beside };

// Parameters by value: each frame owns what it works on. But `names` is that of the program, whose
// frame outlives all that it runs.
Workflow<std::string> run_one(Context& ctx, std::int64_t& names, Instruction what, Place place);

Workflow<std::string> make_call(Context& ctx, Call call, std::int64_t number) {
  try {
    auto const answer = co_await ctx.call(call, number);
    co_return answer.size() > 100 ? std::to_string(answer.size()) : answer;
  } catch (ApprovalDenied const& denied) {
    co_return denied.type();
  } catch (PolicyDenied const&) {
    co_return "denied";
  } catch (ActivityFailed const& failed) {
    co_return "failed " + failed.type();
  }
}

Workflow<std::string> run_each(Context& ctx, std::int64_t& names, std::vector<Instruction> parts) {
  std::vector<Spawned<std::string>> beside;
  beside.reserve(parts.size());
  for (auto const& part : parts)
    beside.push_back(ctx.spawn(run_one(ctx, names, part, Place::beside)));
  std::string results;
  for (auto const& result : co_await ctx.all(std::move(beside))) results += result + ";";
  co_return "each(" + results + ")";
}

Workflow<std::string> run_first(Context& ctx, std::int64_t& names, Instruction what) {
  auto winner = co_await ctx.any(ctx.spawn(run_one(ctx, names, what.parts.front(), Place::beside)),
                                 ctx.receive<std::int64_t>("other"),
                                 ctx.sleep(milliseconds(what.number)));
  co_return "first " + std::to_string(winner.index());
}

/// Waits for what a part beside it does.
Workflow<std::string> run_until(Context& ctx, std::int64_t number) {
  bool is_open = false;
  auto const open = [](Context& context, std::int64_t after, bool& flag) -> Workflow<> {
    co_await context.sleep(milliseconds(after));
    flag = true;
  };
  auto beside = ctx.spawn(open(ctx, number, is_open));
  co_await ctx.until([&is_open] { return is_open; });
  co_await std::move(beside);
  co_return "until";
}

std::string store_number(Context& ctx, std::int64_t number) {
  auto const key = "key " + std::to_string(number % 3);
  if (number % 7 == 0) {
    ctx.store().erase(key);
  } else {
    ctx.store().put(key, number);
  }
  return ctx.store().get<std::int64_t>(key).value_or(number) == number ? "stored" : "lost";
}

Workflow<std::string> run_receive(Context& ctx, Place place) {
  auto const value =
      co_await ctx.receive<std::int64_t>(place == Place::main_line ? "main" : "beside");
  co_return place == Place::main_line ? "got " + std::to_string(value) : "got one";
}

// ---- other sessions ----

/// What is to become of the sessions that a program starts.
OnCancel on_cancel_of(Instruction const& what) { return static_cast<OnCancel>(what.number % 3); }
ParentClose parent_close_of(Instruction const& what) {
  return static_cast<ParentClose>(what.number % 3);
}

enum class Ends : std::uint8_t { by_itself, when_told };

Program program_of_child(Instruction const& what, Ends ends) {
  Program program;
  program.body = what.parts;
  program.loops = 1 + what.number % 2;
  program.checkpoints = what.number % 5 == 0;
  program.continues = what.number % 7 == 0;
  if (ends == Ends::when_told) program.body.push_back({"never", 0, {}});
  return program;
}

/// Operations whose fate outlives the line that issued them have names: checkpoints go past them.
Operation<std::string> child_of(Context& ctx,
                                std::int64_t& names,
                                Instruction const& what,
                                Ends ends) {
  return ctx
      .call_child<std::string>(
          "program",
          program_of_child(what, ends),
          {.parent_close = parent_close_of(what), .on_cancel = on_cancel_of(what)})
      .named("child " + std::to_string(++names));
}

Workflow<std::string> call_child(Context& ctx, std::int64_t& names, Instruction what) {
  try {
    co_return "child " + co_await child_of(ctx, names, what, Ends::by_itself);
  } catch (ChildFailed const& failed) {
    co_return "child " + failed.type();
  }
}

Workflow<std::string> race_child(Context& ctx, std::int64_t& names, Instruction what) {
  auto const ends = on_cancel_of(what) == OnCancel::abandon ? Ends::by_itself : Ends::when_told;
  try {
    auto const winner =
        co_await ctx.any(child_of(ctx, names, what, ends), ctx.sleep(milliseconds(what.number)));
    co_return "race of child " + std::to_string(winner.index());
  } catch (ChildFailed const& failed) {
    co_return "child " + failed.type();
  }
}

Workflow<std::string> cancel_child(Context& ctx, std::int64_t& names, Instruction what) {
  auto const ends = on_cancel_of(what) == OnCancel::abandon ? Ends::by_itself : Ends::when_told;
  auto child = child_of(ctx, names, what, ends);
  child.begin();
  co_await ctx.sleep(milliseconds(what.number));
  child.cancel();
  try {
    co_return "child " + co_await child;
  } catch (ChildFailed const& failed) {
    co_return "child " + failed.type();
  } catch (Cancelled const&) {
    if (ctx.cancelled()) throw;
  }
  co_return "child was cancelled";
}

/// A child that nobody waits for: what becomes of it at the end of the run is its parent's choice.
Workflow<std::string> leave_child(Context& ctx, std::int64_t& names, Instruction what) {
  auto const ends =
      parent_close_of(what) == ParentClose::abandon ? Ends::by_itself : Ends::when_told;
  auto child = child_of(ctx, names, what, ends);
  child.begin();
  co_return "left";
}

Workflow<std::string> start_detached(Context& ctx, Instruction what) {
  auto const started = co_await ctx.start_detached(
      "program", program_of_child(what, Ends::by_itself), {.delay = milliseconds(what.number)});
  co_return started.empty() ? "detached, without a name" : "detached";
}

Workflow<std::string> run_with_children(Context& ctx, std::int64_t& names, Instruction what) {
  if (what.kind == "child_race") co_return co_await race_child(ctx, names, what);
  if (what.kind == "child_cancelled") co_return co_await cancel_child(ctx, names, what);
  if (what.kind == "child_left") co_return co_await leave_child(ctx, names, what);
  if (what.kind == "child_detached") co_return co_await start_detached(ctx, what);
  co_return co_await call_child(ctx, names, what);
}

// ---- secrets ----

/// Hands secrets of its own out, in every way that a workflow has.
Workflow<std::string> run_tell(Context& ctx, std::int64_t number) {
  ctx.log("my own " + secret(1));
  ctx.set_attribute("said", secret(2));
  auto const read = ctx.record("read", [] { return "read " + secret(3); });
  auto const answer = co_await ctx.call(tell, read + " with " + secret(4) + std::to_string(number));
  ctx.set_attribute("heard", answer);
  co_return "told";
}

// ---- updates ----

/// How many are under way; shared: their frames may outlive that of the program.
using UnderWay = std::shared_ptr<std::int64_t>;

/// Counts for as long as it lives.
class Counted {
 public:
  explicit Counted(UnderWay count) : count_(std::move(count)) { ++*count_; }
  Counted(Counted const&) = delete;
  Counted& operator=(Counted const&) = delete;
  ~Counted() { --*count_; }

 private:
  UnderWay count_;
};

/// Some are answered at once, some after a call, some after a while.
Workflow<std::string> take_update(Context& ctx, UnderWay under_way, std::int64_t number) {
  Counted const counted(std::move(under_way));
  if (number % 3 == 1) co_return co_await ctx.call(work, number);
  if (number % 2 == 0) co_await ctx.sleep(milliseconds(number));
  co_return "took " + std::to_string(number);
}

enum class Looks : std::uint8_t { at_updates, at_nothing };

UpdateHandler take_updates(Context& ctx, UnderWay const& under_way, Looks looks) {
  return ctx.on_update<std::int64_t>(
      "take",
      [looks](std::int64_t number) {
        if (looks == Looks::at_updates && !result_of_update(number))
          throw Failure("refused", "not " + std::to_string(number));
      },
      [&ctx, under_way](std::int64_t number) { return take_update(ctx, under_way, number); });
}

// ---- programs ----

Workflow<std::string> run_one(Context& ctx, std::int64_t& names, Instruction what, Place place) {
  if (auto const* const call = find_call(what.kind))
    co_return co_await make_call(ctx, *call, what.number);
  if (what.kind == "sleep") {
    co_await ctx.sleep(milliseconds(what.number));
    co_return "slept";
  }
  if (what.kind == "receive") co_return co_await run_receive(ctx, place);
  if (what.kind == "receive_until") {
    auto const value = co_await ctx.receive<std::int64_t>("other", milliseconds(what.number));
    co_return value ? "in time" : "too late";
  }
  if (what.kind == "until") co_return co_await run_until(ctx, what.number);
  if (what.kind == "store") co_return store_number(ctx, what.number);
  if (what.kind == "both") {
    auto [answer, nothing] =
        co_await ctx.all(ctx.call(work, what.number), ctx.sleep(milliseconds(what.number)));
    co_return "both " + answer;
  }
  if (what.kind == "race") {
    auto const winner = co_await ctx.any(ctx.call(work, what.number),
                                         ctx.receive<std::int64_t>("other"),
                                         ctx.call(work, what.number + 1),
                                         ctx.sleep(milliseconds(what.number)));
    co_return "race " + std::to_string(winner.index());
  }
  if (what.kind == "ask") {
    auto const answer = co_await ctx.approval(
        {.what = "ask", .approvers = {"lead"}, .expires = milliseconds(what.number)}, what.number);
    co_return to_json(answer.outcome);
  }
  if (what.kind == "never") co_await ctx.receive<std::int64_t>("never");
  if (what.kind.starts_with("child")) co_return co_await run_with_children(ctx, names, what);
  if (what.kind == "tell") co_return co_await run_tell(ctx, what.number);
  if (what.kind == "first") co_return co_await run_first(ctx, names, what);
  if (what.kind == "each") co_return co_await run_each(ctx, names, what.parts);
  if (what.kind == "drop") {
    auto const beside = ctx.spawn(run_one(ctx, names, what.parts.front(), Place::beside));
    co_return "dropped beside " + co_await run_one(ctx, names, what.parts.back(), place);
  }
  if (what.kind == "record") {
    ctx.set_attribute("recorded", ctx.record("reading", [] { return ++readings; }));
    co_return "recorded";
  }
  if (what.kind == "time") {
    ctx.set_attribute("now", to_string(ctx.now()));
    co_return "time";
  }
  if (what.kind == "uuid") ctx.set_attribute("uuid", ctx.uuid());
  if (what.kind == "random") co_return std::to_string(ctx.random());
  co_return what.kind;
}

/// A call that is under way while checkpoints are taken; only the last frame takes its result.
Workflow<std::string> run_carried(Operation<std::string> carried) {
  try {
    co_return co_await carried;
  } catch (ApprovalDenied const& denied) {
    co_return denied.type();
  } catch (PolicyDenied const&) {
    co_return "denied";
  } catch (ActivityFailed const& failed) {
    co_return "failed " + failed.type();
  }
}

/// No checkpoint is taken while an update is under way.
Workflow<> wait_for_updates(Context& ctx, UnderWay under_way) {
  while (*under_way > 0) co_await ctx.sleep(milliseconds(50));
}

Workflow<std::string> run_frame(Context& ctx, Program program, Looks looks) {
  auto const under_way = std::make_shared<std::int64_t>(0);
  std::optional<UpdateHandler> updates;
  if (program.updates) updates.emplace(take_updates(ctx, under_way, looks));
  while (program.loops > 0) {
    if (program.checkpoints) {
      co_await wait_for_updates(ctx, under_way);
      co_await ctx.checkpoint(program);
    }
    if (!program.note.empty()) ctx.set_attribute("note", program.note);
    std::optional<Operation<std::string>> carried;
    if (program.checkpoints && !program.carried.empty()) {
      carried.emplace(ctx.call(*find_call(program.carried), std::int64_t{1}).named("carried"));
      carried->begin();
    }
    --program.loops;
    for (auto const& instruction : program.body) {
      program.results.push_back(
          co_await run_one(ctx, program.names, instruction, Place::main_line));
    }
    if (carried && program.loops == 0)
      program.results.push_back("carried " + co_await run_carried(std::move(*carried)));
    if (program.continues && program.loops > 0) co_await ctx.continue_as_new(program);
  }
  co_return to_json(program.results);
}

Workflow<std::string> run_program(Context& ctx, Program program) {
  return run_frame(ctx, std::move(program), Looks::at_updates);
}

Workflow<std::string> run_carelessly(Context& ctx, Program program) {
  return run_frame(ctx, std::move(program), Looks::at_nothing);
}

Workflow<std::string> run_unsteadily(Context& ctx, Program program) {
  static int runs = 0;
  if (++runs % 2 == 0) co_await ctx.sleep(milliseconds(1));
  co_return co_await run_program(ctx, std::move(program));
}

// ---- random programs ----

std::int64_t below(std::mt19937_64& random, std::uint64_t bound) {
  return static_cast<std::int64_t>(random() % bound);
}

/// What only an engine can do, and what every session can.
enum class Words : std::uint8_t { of_a_session, of_an_engine };

Instruction random_instruction(std::mt19937_64& random, int depth, Place place, Words words);

/// Other sessions, calls that end outside, secrets.
Instruction random_wide_instruction(std::mt19937_64& random, int depth, Place place) {
  constexpr std::array with_children{
      "child", "child", "child_race", "child_cancelled", "child_left", "child_detached"};
  Instruction what;
  what.number = below(random, 2'000);
  auto const choice = below(random, 4);
  if (choice > 1 || depth == 0) {
    what.kind = choice % 2 == 0 ? "later" : "tell";
    return what;
  }
  what.kind = with_children[random() % with_children.size()];
  // A detached start that nobody awaits stands in the way of checkpoints: it can have no name.
  if (what.kind == "child_detached" && place == Place::beside) what.kind = "child";
  for (auto parts = 1 + below(random, 2); parts > 0; --parts)
    what.parts.push_back(
        random_instruction(random, depth - 1, Place::main_line, Words::of_an_engine));
  return what;
}

Instruction random_instruction(std::mt19937_64& random, int depth, Place place, Words words) {
  if (words == Words::of_an_engine && random() % 5 == 0)
    return random_wide_instruction(random, depth, place);
  constexpr std::array leaves{"work",    "work",    "flaky",         "broken", "forbidden",
                              "large",   "slow",    "approved",      "once",   "asked",
                              "bounded", "queued",  "alive",         "ask",    "sleep",
                              "sleep",   "receive", "receive_until", "both",   "race",
                              "record",  "time",    "store",         "store",  "until"};
  constexpr std::array nested{"first", "each", "each", "drop"};
  constexpr std::array drawn{"random", "uuid"};  // whose position is certain on the main line only
  Instruction what;
  what.number = below(random, 2'000);
  auto const choice = below(random, 10);
  if (choice < 3 && depth > 0) {
    what.kind = nested[random() % nested.size()];
    auto const parts = what.kind == "first" ? 1 : 2 + below(random, 2);
    for (std::int64_t i = 0; i < parts; ++i)
      what.parts.push_back(random_instruction(random, depth - 1, Place::beside, words));
    // The last part of a drop runs in the line of its parent.
    if (what.kind == "drop")
      what.parts.back() = random_instruction(random, depth - 1, place, words);
  } else if (choice == 3 && place == Place::main_line) {
    what.kind = drawn[random() % drawn.size()];
  } else {
    what.kind = leaves[random() % leaves.size()];
  }
  return what;
}

// ---- the model ----

struct Model {
  std::uint64_t seed;
  std::uint64_t drawn = 0;
  std::int64_t received = 0;

  std::optional<std::string> result_of(Instruction const& what, Place place) {
    static std::map<std::string, std::string> const fixed{{"broken", "failed no_way"},
                                                          {"forbidden", "denied"},
                                                          {"large", std::to_string(large_bytes)},
                                                          {"sleep", "slept"},
                                                          {"record", "recorded"},
                                                          {"time", "time"},
                                                          {"store", "stored"},
                                                          {"until", "until"},
                                                          {"tell", "told"},
                                                          {"child_left", "left"},
                                                          {"child_detached", "detached"}};
    static std::set<std::string> const undecided{"slow",
                                                 "receive_until",
                                                 "race",
                                                 "first",
                                                 "approved",
                                                 "ask",
                                                 "once",
                                                 "asked",
                                                 "bounded",
                                                 "queued",
                                                 "alive",
                                                 "later",
                                                 "never",
                                                 "child_race",
                                                 "child_cancelled"};
    if (undecided.contains(what.kind)) return std::nullopt;
    if (auto const found = fixed.find(what.kind); found != fixed.end()) return found->second;
    if (what.kind == "work" || what.kind == "flaky") return "did " + std::to_string(what.number);
    if (what.kind == "both") return "both did " + std::to_string(what.number);
    if (what.kind == "receive")
      return place == Place::main_line ? "got " + std::to_string(received++) : "got one";
    if (what.kind == "random") return std::to_string(mix(seed, ++drawn));
    if (what.kind == "uuid") {
      drawn += 2;
      return "uuid";
    }
    if (what.kind == "child") {
      // Its random numbers are its own: what depends on them nobody here can tell.
      auto const child = program_of_child(what, Ends::by_itself);
      auto const one = predict(child, 1);
      if (!one || one != predict(child, 2)) return std::nullopt;
      return "child " + *from_json<std::string>(*one);
    }
    if (what.kind == "drop") {
      auto const last = result_of(what.parts.back(), place);
      return last ? std::optional("dropped beside " + *last) : std::nullopt;
    }
    std::string results;
    for (auto const& part : what.parts) {
      auto const result = result_of(part, Place::beside);
      if (!result) return std::nullopt;
      results += *result + ";";
    }
    return "each(" + results + ")";
  }
};

}  // namespace

namespace {

Program random_program_of(std::mt19937_64& random, Words words) {
  Program program;
  program.loops = 1 + below(random, 3);
  program.checkpoints = random() % 4 != 0;
  constexpr std::array carried{"",
                               "work",
                               "flaky",
                               "broken",
                               "forbidden",
                               "slow",
                               "approved",
                               "once",
                               "asked",
                               "bounded",
                               "alive"};
  program.carried = carried[random() % carried.size()];
  for (auto left = 1 + below(random, 4); left > 0; --left) {
    program.body.push_back(random_instruction(random, 2, Place::main_line, words));
  }
  return program;
}

}  // namespace

Program random_program(std::mt19937_64& random) {
  return random_program_of(random, Words::of_a_session);
}

Program random_program_of_runs(std::mt19937_64& random) {
  auto program = random_program(random);
  program.continues = random() % 2 == 0;
  return program;
}

Program random_program_of_sessions(std::mt19937_64& random) {
  auto program = random_program_of(random, Words::of_an_engine);
  program.continues = random() % 2 == 0;
  program.updates = random() % 2 == 0;
  if (random() % 2 == 0) program.note = "use " + secret(0);
  return program;
}

std::optional<std::string> result_of_update(std::int64_t number) {
  if (number % 3 == 0) return std::nullopt;
  return to_json((number % 3 == 1 ? "did " : "took ") + std::to_string(number));
}

std::string const& secrets_have() {
  static std::string const body = [] {
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    std::string text;
    for (std::uint64_t i = 0; text.size() < 32; ++i) text += letters[mix(7, i) % letters.size()];
    return text;
  }();
  return body;
}

std::string secret(unsigned number) {
  // The form of a token of GitHub; put together here, so that no scanner takes this for a leak.
  auto digits = std::to_string(number % 10'000);
  return "gh"
         "p_" +
         secrets_have() + std::string(4 - digits.size(), '0') + digits;
}

std::optional<std::string> predict(Program const& program, std::uint64_t random_seed) {
  Model model{random_seed};
  std::vector<std::string> results;
  for (auto loop = program.loops; loop > 0; --loop) {
    for (auto const& instruction : program.body) {
      auto const result = model.result_of(instruction, Place::main_line);
      if (!result) return std::nullopt;
      results.push_back(*result);
    }
    if (program.continues && loop > 1) {
      constexpr std::uint64_t another = 0x636F'6E74'696E'7565;  // of each run its own numbers
      model.seed = mix(model.seed ^ another, 1);
      model.drawn = 0;
    }
  }
  if (program.checkpoints && !program.carried.empty()) {
    auto const result = model.result_of({program.carried, 1, {}}, Place::main_line);
    if (!result) return std::nullopt;
    results.push_back("carried " + *result);
  }
  return to_json(to_json(results));
}

std::vector<std::string_view> activities_of_programs() {
  std::vector<std::string_view> names;
  for (auto const* const call : calls) names.push_back(call->name);
  return names;
}

std::string policy_of_programs() {
  return R"({"dalsegno_policy": 1, "name": "programs", "rules": [
    {"id": "all", "effect": "permit", "actions": ["*.call", "session.start"]},
    {"id": "two", "effect": "permit", "actions": ["activity.call"], "resources": ["approved"], "obligations":
      {"require_approval": {"roles": ["lead"], "count": 2, "within": "30s",
                            "escalate_after": "5s", "escalate_to": ["director"]}}},
    {"id": "not-that", "effect": "forbid", "actions": ["activity.call"], "resources": ["forbidden"]}]})";
}

WorkflowDefinition interpreter() { return define_workflow("program", run_program); }

WorkflowDefinition careless_interpreter() { return define_workflow("program", run_carelessly); }

WorkflowDefinition unsteady_interpreter() { return define_workflow("program", run_unsteadily); }

std::optional<std::string> far_side(std::string const& name,
                                    std::string const& input,
                                    unsigned performed) {
  if (name == "broken") return std::nullopt;
  if (name == tell.name) return performed == 1 ? std::nullopt : std::optional(to_json("heard it"));
  if (name == "bounded" && performed % 3 != 0) return std::nullopt;
  if (name == "flaky" && performed <= 1 + input.size() % 2) return std::nullopt;
  if (name == "large") return to_json(std::string(large_bytes, 'x'));
  return to_json("did " + input);
}

}  // namespace dalsegno::engine::test
