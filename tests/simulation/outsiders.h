#pragma once

#include "engine/runtime/engine.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/truth.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::simulation {

/// An attempt whose end somebody outside has in hand.
struct Entrusted {
  std::string token;
  SessionId session;
  RunId run;
  OperationId operation = OperationId::none;
  std::uint32_t attempt = 0;
  std::int64_t number = 0;  ///< what it was asked with
};

/// Those outside who end attempts with the tokens that they were given: in time, late, twice, and
/// with tokens that nobody was given. Thread: one at a time.
class Outsiders {
 public:
  Outsiders(Truth& truth, Findings& findings, Dice dice)
      : truth_(truth), findings_(findings), dice_(dice) {}

  void entrust(Entrusted attempt);
  /// Somebody else ends this attempt, too.
  void leak(std::string token) { leaked_.push_back(std::move(token)); }
  /// Talk to this engine from now on; nullptr: there is none. What was on its way is lost.
  void connect(engine::Engine* engine) { engine_ = engine; }
  /// One of them does something, perhaps.
  void act();
  /// How often who did what.
  [[nodiscard]] std::map<std::string, std::uint64_t, std::less<>> const& did() const {
    return did_;
  }

 private:
  struct Known {
    Entrusted what;
    bool ended = false;  // acknowledged
  };

  [[nodiscard]] bool is_open(Known const& one) const;
  void end(Known& one);
  void give_sign(Known& one);
  void try_wrong_token(Known const& one);
  void require(bool holds, Known const& one, std::string const& otherwise);

  Truth& truth_;
  Findings& findings_;
  Dice dice_;
  std::deque<Known> known_;  // the places of its entries last
  std::vector<std::string> leaked_;
  engine::Engine* engine_ = nullptr;
  std::map<std::string, std::uint64_t, std::less<>> did_;
};

}  // namespace dalsegno::simulation
