#pragma once

// A store in memory, and people with tokens.

#include "engine/govern/operate.h"
#include "engine/govern/store_policy.h"
#include "engine/govern/tokens.h"
#include "storage/access/operator_acted.h"
#include "storage/log/journal.h"
#include "storage/memory/memory_log.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace dalsegno::engine::test {

using namespace std::chrono_literals;

inline constexpr Time start = Time(std::chrono::microseconds(1'000'000'000'000));

class GovernFixture : public testing::Test {
 protected:
  static Credentials nobody_but(std::string name) {
    Credentials shown;
    shown.by = std::move(name);
    return shown;
  }
  static access::Token copy_of(access::Token const& token) {
    return access::Token::parse(token.text()).value();
  }
  static Credentials with(access::Token const& token) {
    Credentials shown;
    shown.token = copy_of(token);
    return shown;
  }
  static Credentials with(access::Token const& token, access::Token const& second) {
    auto shown = with(token);
    shown.second = copy_of(second);
    return shown;
  }

  static TokenRequest request(std::string owner, std::vector<std::string> scopes = {"*"}) {
    TokenRequest out;
    out.owner = std::move(owner);
    out.scopes = std::move(scopes);
    return out;
  }
  MadeToken make(Credentials const& by, TokenRequest const& wanted, Time now = start) {
    auto made = create_token(*log_, by, wanted, "test", now);
    if (!made) throw std::runtime_error(made.error().detail);
    return std::move(*made);
  }
  /// Ann and Bob, who may do everything.
  void appoint_two() {
    ann_.emplace(make(nobody_but("ann"), request("ann")).token);
    bob_.emplace(make(with(*ann_), request("bob")).token);
  }

  std::string last_id_of(std::string const& owner) {
    std::string id;
    auto const tokens = access::TokenTable::read(*log_).value();
    for (auto const& token : tokens.all())
      if (token.owner == owner) id = token.id;
    return id;
  }

  Result<Actor> act(Credentials const& by,
                    std::string name,
                    SecondPerson second = SecondPerson::not_needed,
                    Time now = start) {
    return operate(*log_,
                   by,
                   {.name = std::move(name),
                    .resource = "default/a",
                    .reason = "test",
                    .tenant = "default",
                    .second = second},
                   now);
  }
  std::string refusal(Result<Actor> const& outcome) {
    EXPECT_FALSE(outcome.has_value());
    if (outcome) return {};
    EXPECT_EQ(name_of(outcome.error().code), name_of(Errc::denied));
    return outcome.error().detail;
  }

  std::vector<storage::Event> journal() { return storage::read_journal(*log_).value(); }
  storage::OperatorActed last_action() {
    auto const events = journal();
    for (auto event = events.rbegin(); event != events.rend(); ++event)
      if (auto const* const acted = std::get_if<storage::OperatorActed>(&event->body))
        return *acted;
    return {};
  }
  void activate(std::string const& document) {
    auto activation = activation_of(PolicySet::parse(document).value());
    ASSERT_TRUE(storage::append_to_journal(
        *log_, {activation.event}, start, std::move(activation.artifacts)));
  }

  std::shared_ptr<storage::MemoryStore> store_ = storage::make_memory_store(1);  // outlives logs
  std::unique_ptr<storage::EventLog> log_ = storage::open_memory(store_);
  std::optional<access::Token> ann_;
  std::optional<access::Token> bob_;
};

}  // namespace dalsegno::engine::test
