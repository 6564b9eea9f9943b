#pragma once

// A small language of workflows for property tests: a program is the input of one workflow that
// interprets it, so that random programs are random workflows.

#include "dalsegno/workflow.h"

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
  std::vector<std::string> results;
};
BOOST_DESCRIBE_STRUCT(Program, (), (body, loops, checkpoints, continues, carried, results))

[[nodiscard]] Program random_program(std::mt19937_64& random);
/// The same; some go on in another run after each loop.
[[nodiscard]] Program random_program_of_runs(std::mt19937_64& random);

/// What the program ends with, by a model that knows nothing of events; nullopt when this depends
/// on the order in which things happen outside.
[[nodiscard]] std::optional<std::string> predict(Program const& program, std::uint64_t random_seed);

/// The activities that programs call; each takes a number and gives a text.
[[nodiscard]] std::vector<std::string_view> activities_of_programs();

/// A policy document: "approved" needs two people of role "lead", "forbidden" is denied.
[[nodiscard]] std::string policy_of_programs();

/// The workflow "program".
[[nodiscard]] WorkflowDefinition interpreter();
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
