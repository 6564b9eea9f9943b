#pragma once

// A small language of workflows for property tests: a program is the input of one workflow that
// interprets it, so that random programs are random workflows.

#include "dalsegno/workflow.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::engine::test {

/// One instruction; what `number` and `parts` mean depends on `kind`.
struct Instruction {
  std::string kind;
  std::int64_t number = 0;
  std::vector<Instruction> parts;
};
BOOST_DESCRIBE_STRUCT(Instruction, (), (kind, number, parts))

/// The state that a checkpoint keeps: what is left to do, and what came out so far.
struct Program {
  std::vector<Instruction> body;
  std::int64_t loops = 1;
  bool checkpoints = false;
  bool continues = false;  ///< each loop is a run of its own
  std::string carried;     ///< a call that is under way from the first frame to the last; "": none
  bool updates = false;    ///< it takes updates "take"
  std::string note;        ///< kept over all frames, and set as an attribute
  std::int64_t names = 0;  ///< given to operations so far
  std::vector<std::string> results;
};
BOOST_DESCRIBE_STRUCT(Program,
                      (),
                      (body, loops, checkpoints, continues, carried, updates, note, names, results))

[[nodiscard]] Program random_program(std::mt19937_64& random);
/// The same; some go on in another run after each loop.
[[nodiscard]] Program random_program_of_runs(std::mt19937_64& random);
/// The same, with all that needs a whole engine around it: sessions that it starts, updates, calls
/// that somebody outside ends, secrets.
[[nodiscard]] Program random_program_of_sessions(std::mt19937_64& random);

/// What the program ends with, by a model that knows nothing of events; nullopt when this depends
/// on the order in which things happen outside.
[[nodiscard]] std::optional<std::string> predict(Program const& program, std::uint64_t random_seed);

/// The activities that programs call; each takes a number and gives a text.
[[nodiscard]] std::vector<std::string_view> activities_of_programs();

/// A policy document: "approved" needs two people of role "lead", "forbidden" is denied.
[[nodiscard]] std::string policy_of_programs();

/// What an update is given decides what becomes of it: nullopt: it is refused; else its result, as
/// JSON.
[[nodiscard]] std::optional<std::string> result_of_update(std::int64_t number);

/// A text that stands for a secret and that redaction finds. All have `secrets_have` in them; none
/// is or was valid.
[[nodiscard]] std::string secret(unsigned number);
[[nodiscard]] std::string const& secrets_have();

/// Somebody is told a text, with a secret of the workflow's own; fails once and gives another one.
inline constexpr Activity<std::string, std::string> tell{
    "tell",
    {.start_to_close = {},
     .retry = {.initial = std::chrono::milliseconds(100), .max_attempts = 4, .jitter = 0.3}}};
/// Ended by somebody outside.
inline constexpr Activity<std::int64_t, std::string> later{
    "later",
    {.start_to_close = std::chrono::milliseconds(5'000),
     .retry = {.initial = std::chrono::milliseconds(100), .max_attempts = 3},
     .heartbeat = std::chrono::milliseconds(2'000)}};

/// The workflow "program".
[[nodiscard]] WorkflowDefinition interpreter();
/// The same, but it refuses no update.
[[nodiscard]] WorkflowDefinition careless_interpreter();
/// The same, but its code depends on how often it ran: what no workflow may do.
[[nodiscard]] WorkflowDefinition unsteady_interpreter();

/// What ctx.record() reads: a number that differs each time it is read, so that a second reading
/// would show.
inline std::int64_t readings = 0;

/// The far side: what the activity `name` answers to its `performed`-th execution under one key.
/// nullopt: it fails.
[[nodiscard]] std::optional<std::string> far_side(std::string const& name,
                                                  std::string const& input,
                                                  unsigned performed);

}  // namespace dalsegno::engine::test
