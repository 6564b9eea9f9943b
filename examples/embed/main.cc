// A program of its own that embeds Dalsegno: one durable workflow, one activity, a policy.
// Run it twice on the same folder: the second time it finds the session where the first one left
// it.

#include <dalsegno/dalsegno.h>

#include <chrono>
#include <iostream>
#include <string>

namespace ds = dalsegno;
using namespace std::chrono_literals;

struct Refund {
  std::string order;
  double amount = 0;
};
BOOST_DESCRIBE_STRUCT(Refund, (), (order, amount))

struct Receipt {
  std::string id;
};
BOOST_DESCRIBE_STRUCT(Receipt, (), (id))

inline constexpr ds::Activity<Refund, Receipt> pay_back{
    "pay_back",
    {.start_to_close = 30s, .retry = {.initial = 10ms, .factor = 2.0, .max_attempts = 5}}};

ds::Workflow<Receipt> refund(ds::Context& ctx, Refund asked) {
  if (asked.amount > 100) {
    auto const approved =
        co_await ctx.receive<bool>("approval", 24h);  // waits for a day, costs no memory
    if (!approved.value_or(false))
      throw ds::Failure("not_approved", "nobody approved a refund over 100");
  }
  auto receipt = co_await ctx.call(pay_back, asked);  // durable, retried, decided by policy
  co_await ctx.sleep(20ms);
  co_return receipt;
}

constexpr char const* policy = R"({
  "dalsegno_policy": 1, "name": "refunds",
  "rules": [{"id": "pay-back", "effect": "permit", "actions": ["activity.call"], "resources": ["pay_back"],
             "reason": "refunds are what this program is for"}]
})";

int main(int argc, char** argv) {
  auto store = ds::Store::open(argc > 1 ? argv[1] : "embed-data");
  if (!store) {
    std::cerr << store.error().detail << '\n';
    return 1;
  }

  ds::Registry registry;
  registry.add(ds::define_workflow("refund", refund));
  registry.add(pay_back, [](ds::ActivityContext const& context, Refund const& asked) {
    if (context.attempt == 1) throw ds::ActivityError("busy", "the bank is busy");  // retried
    return Receipt{"receipt for " + asked.order};
  });

  auto runtime = ds::Runtime::start(std::move(*store), std::move(registry), {.policy = policy});
  if (!runtime) {
    std::cerr << runtime.error().detail << '\n';
    return 1;
  }

  ds::SessionId const session{.name = "order-17"};
  auto started = (*runtime)->start_session(session, "refund", Refund{"order-17", 250});
  if (started) started = (*runtime)->signal(session, "approval", true, "approval-of-order-17");
  if (!started && started.error().code != ds::Errc::ended) {
    std::cerr << started.error().detail << '\n';
    return 1;
  }
  auto const receipt = (*runtime)->result<Receipt>(session);
  if (!receipt) {
    std::cerr << receipt.error().detail << '\n';
    return 1;
  }
  std::cout << receipt->id << '\n';
}
