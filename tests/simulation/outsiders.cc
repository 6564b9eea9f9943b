#include "tests/simulation/outsiders.h"

#include "tests/engine/replay/program.h"

#include <algorithm>
#include <utility>

namespace dalsegno::simulation {
namespace {

using engine::OutsideInput;
using engine::Receipt;

}  // namespace

void Outsiders::entrust(Entrusted attempt) { known_.push_back({std::move(attempt)}); }

void Outsiders::require(bool holds, Known const& one, std::string const& otherwise) {
  if (!holds)
    findings_.add("outside",
                  to_string(one.what.session) + " operation " +
                      std::to_string(static_cast<std::uint64_t>(one.what.operation)) + " attempt " +
                      std::to_string(one.what.attempt) + ": " + otherwise);
}

/// Whether the log has no end of it.
bool Outsiders::is_open(Known const& one) const {
  auto const* const truth = truth_.find(one.what.session);
  if (truth == nullptr || truth->run != one.what.run) return false;
  auto const operation = truth->operations.find(one.what.operation);
  return operation != truth->operations.end() && operation->second.open_attempt == one.what.attempt;
}

void Outsiders::act() {
  if (engine_ == nullptr || known_.empty()) return;
  if (!leaked_.empty()) {
    engine_->end_from_outside(
        leaked_.back(), engine::completed_outside("\"gotcha\""), [](Result<Receipt> const&) {});
    leaked_.pop_back();
  }
  // Mostly one of the newest: the others were ended long ago.
  auto const among = dice_.one_in(8) ? known_.size() : std::min<std::size_t>(known_.size(), 4);
  auto& one = known_[known_.size() - 1 - dice_.below(among)];
  if (!is_open(one) && !dice_.one_in(8)) return;
  switch (dice_.below(6)) {
    case 0:
      return try_wrong_token(one);
    case 1:
    case 2:
      return give_sign(one);
    default:
      end(one);
      if (dice_.one_in(4)) end(one);  // once more at once
  }
}

/// Each attempt ends once, whoever says so how often.
void Outsiders::end(Known& one) {
  ++did_[one.ended ? "a token that is spent" : "an attempt ended outside"];
  bool const was_ended = one.ended;
  auto what = engine::failed_outside(ActivityError("busy", "not now"));
  if (!dice_.one_in(6)) {
    auto result = to_json("did " + std::to_string(one.what.number));
    truth_.offered(one.what.run, one.what.operation, one.what.attempt, result);
    what = engine::completed_outside(std::move(result));
  }
  engine_->end_from_outside(
      one.what.token, std::move(what), [this, &one, was_ended](Result<Receipt> const& receipt) {
        if (!receipt) return;
        require(!was_ended && !one.ended, one, "a second end of it was acknowledged");
        one.ended = true;
        require(!is_open(one), one, "its end was acknowledged, and the log does not have it");
      });
}

void Outsiders::give_sign(Known& one) {
  bool const was_ended = one.ended;
  engine_->end_from_outside(one.what.token,
                            OutsideInput::Alive{R"({"at":)" + std::to_string(dice_.below(9)) + "}"},
                            [this, &one, was_ended](Result<Receipt> const& receipt) {
                              if (!receipt) return;
                              ++did_["a sign of life from outside"];
                              require(
                                  !was_ended, one, "a sign of life was acknowledged after its end");
                            });
}

/// A token for another attempt, or with other digits.
void Outsiders::try_wrong_token(Known const& one) {
  ++did_["a wrong token"];
  auto token = one.what.token;
  auto& changed = token[token.size() - 1 - dice_.below(40)];
  changed = changed == 'A' ? 'B' : 'A';
  engine_->end_from_outside(
      token, engine::completed_outside("\"forged\""), [this, &one](Result<Receipt> const& receipt) {
        require(!receipt, one, "somebody ended it with a wrong token");
      });
}

}  // namespace dalsegno::simulation
