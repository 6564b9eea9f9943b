#pragma once

#include "engine/runtime/engine.h"
#include "tests/engine/replay/program.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/truth.h"

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::simulation {

/// Those who start sessions, send signals, cancel and approve, and repeat what was not
/// acknowledged. Of each acknowledgement they check that the log has what it says. Thread: one at a
/// time.
class Clients {
 public:
  enum class Talk : std::uint8_t { plain, with_secrets };

  Clients(Truth const& truth,
          Findings& findings,
          Dice dice,
          std::size_t sessions,
          bool cancels,
          Talk talk);

  /// Talk to this engine from now on; nullptr: there is none. What was on its way is lost.
  void connect(engine::Engine* engine);
  /// One of them does something, perhaps.
  void act();
  enum class Help : std::uint8_t { where_something_changed, everywhere };
  /// Does for every session what it still needs from outside; at best not again before something
  /// was recorded of it. False: nobody can do anything.
  [[nodiscard]] bool help(Help where);
  /// Every session was started and has ended, with those that it started.
  [[nodiscard]] bool all_ended() const;
  /// Every session ended as its program says.
  void check_ends() const;
  [[nodiscard]] std::size_t sessions() const { return plans_.size(); }
  /// What the sessions wait for, for a finding.
  [[nodiscard]] std::string describe_open() const;

 private:
  struct Plan {
    SessionId session;
    engine::test::Program program;
    std::string input;  ///< `program` as JSON
    bool starting = false;
    bool started = false;
    std::map<std::string, std::uint64_t> sent;  ///< signals acknowledged, by name
    std::map<std::string, bool> sending;
    bool cancelled = false;
    Sequence helped_at = 0;  ///< its newest event then; 0: not in this connection
    bool is_child = false;   ///< another session started it
    std::uint64_t updates = 0;
  };

  void start(Plan& plan);
  void signal(Plan& plan, std::string const& name);
  void update(Plan& plan);
  void check_answer(Plan const& plan,
                    std::int64_t number,
                    engine::Receipt const& receipt,
                    std::string const& answer);
  void check_prediction(Plan const& plan, SessionTruth const& truth) const;
  void adopt();
  [[nodiscard]] std::string because(std::string_view reason) const;
  void cancel(Plan& plan);
  void control(Plan& plan, storage::ControlVerb verb);
  bool approve(Plan const& plan, bool surely);
  bool resolve(Plan const& plan);
  void watch(Plan const& plan);
  [[nodiscard]] bool is_over(Plan const& plan) const;

  Truth const& truth_;
  Findings& findings_;
  Dice dice_;
  bool cancels_;
  Talk talk_;
  std::deque<Plan> plans_;  // the places of its entries last
  std::size_t adopted_ = 0;
  engine::Engine* engine_ = nullptr;
  std::uint64_t connection_ = 0;  ///< what an earlier one says about waiting is of no use
};

}  // namespace dalsegno::simulation
