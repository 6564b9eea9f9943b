// Embeddings as workflows have them: over a real store and a real server, with what the log says.

#include "dalsegno/budget.h"
#include "dalsegno/dalsegno.h"
#include "dalsegno/embeddings.h"
#include "storage/log/chain.h"
#include "tests/support/model_server/model_server.h"
#include "tests/support/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace dalsegno::model {
namespace {

using namespace std::chrono_literals;
using test::ModelServer;
using testing::ElementsAre;
using testing::HasSubstr;

struct Told {
  std::vector<std::vector<double>> vectors;
  std::string failure;
};
BOOST_DESCRIBE_STRUCT(Told, (), (vectors, failure))

Workflow<Told> embed(Context& ctx, EmbeddingsRequest request) {
  ActivityOptions const options{.retry = {.initial = 1ms, .max_interval = 1ms, .max_attempts = 3}};
  Told told;
  try {
    auto reply = co_await ctx.model<EmbeddingsReply>("embed", request, options);
    told.vectors = std::move(reply.vectors);
  } catch (Failure const& failed) {
    told.failure = failed.type() + ": " + failed.what();
  }
  co_return told;
}

class EmbeddingsActivity : public testing::Test {
 protected:
  EmbeddingsActivity() {
    options_.model.name = "embed";
    options_.model.endpoints.push_back(
        {.name = "first", .url = server_.url(), .model = "e5", .api_key = "sk-test-0123456789"});
    options_.model.price = Price{.input_usd = 1'000, .cached_usd = {}, .output_usd = 0};
  }

  void start() {
    auto store = Store::open(folder_.path() / "data");
    ASSERT_TRUE(store) << store.error().detail;
    if (hard_usd_) {
      auto const spending = open_budget(*store, {.tenant = {.hard_usd = hard_usd_}});
      ASSERT_TRUE(spending) << spending.error().detail;
      options_.model.spending = *spending;
    }
    Registry registry;
    registry.add(define_workflow("embed", embed));
    auto const added = add_embeddings(registry, options_);
    ASSERT_TRUE(added) << added.error().detail;
    auto started = Runtime::start(std::move(*store), std::move(registry), {.policy = policy_});
    ASSERT_TRUE(started) << started.error().detail;
    runtime_ = std::move(*started);
  }

  Told ask(std::string const& name, EmbeddingsRequest const& request) {
    if (!runtime_) start();
    SessionId const session{.name = name};
    EXPECT_TRUE(runtime_->start_session(session, "embed", request));
    auto const told = runtime_->result<Told>(session);
    EXPECT_TRUE(told) << told.error().detail;
    return told.value_or(Told());
  }

  template <class Body>
  std::vector<Body> events(std::string const& name) {
    runtime_.reset();
    auto const store = Store::open(folder_.path() / "data");
    std::vector<Body> found;
    SessionId const session{.name = name};
    auto const read =
        storage::read_verified(store->log(),
                               session,
                               (*store->log().head(session))->run,
                               1,
                               storage::Reading::show,
                               [&](storage::DecodedStep const& step) {
                                 for (auto const& event : step.step.events)
                                   if (auto const* const body = std::get_if<Body>(&event.body))
                                     found.push_back(*body);
                                 return true;
                               });
    EXPECT_TRUE(read) << read.error().detail;
    return found;
  }

  test::TemporaryFolder folder_;
  ModelServer server_;
  EmbeddingsOptions options_;
  std::optional<double> hard_usd_;
  std::string policy_ = R"({"dalsegno_policy":1,"rules":[
      {"id":"calls","effect":"permit","actions":["model.call"],"resources":["embed"]}]})";
  std::unique_ptr<Runtime> runtime_;
};

TEST_F(EmbeddingsActivity, gives_a_vector_of_each_text_in_either_encoding) {
  auto const all = ElementsAre(ElementsAre(4, 0.1, -2.5e-7, 1), ElementsAre(8, 0.1, -2.5e-7, 1));
  EXPECT_THAT(ask("floats", {{"four", "eight by"}, {}}).vectors, all);
  runtime_.reset();
  options_.encoding = EmbeddingsEncoding::base64;
  EXPECT_THAT(ask("base64", {{"four", "eight by"}, {}}).vectors, all);
  EXPECT_THAT(ask("short", {{"four"}, 2}).vectors, ElementsAre(ElementsAre(4, 0.1)));
  auto const requests = server_.requests();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_THAT(requests[0].body, HasSubstr(R"("encoding_format":"float")"));
  EXPECT_THAT(requests[2].body, HasSubstr(R"("dimensions":2,"encoding_format":"base64")"));
  EXPECT_EQ(requests[0].headers.text("authorization"), "Bearer sk-test-0123456789");
}

TEST_F(EmbeddingsActivity, are_recorded_like_a_call_of_a_model) {
  ask("one", {{"a text of twenty-four b."}, {}});
  auto const completed = events<storage::ModelCompleted>("one");
  ASSERT_EQ(completed.size(), 1U);
  EXPECT_EQ(completed[0].model, "e5");
  EXPECT_EQ(completed[0].input_tokens, 6U);
  ASSERT_EQ(completed[0].contacts.size(), 1U);
  EXPECT_EQ(completed[0].contacts[0].status, 200);
  auto const payload = parse_json(completed[0].result.bytes);
  auto const* const call = payload->find("call");
  ASSERT_NE(call, nullptr) << completed[0].result.bytes;
  EXPECT_EQ(call->text("endpoint"), "first");
  EXPECT_NEAR(*call->find("cost")->find("usd")->as_double(), 0.006, 1e-12);
  auto const decided = events<storage::PolicyDecided>("one");
  ASSERT_EQ(decided.size(), 1U);
  EXPECT_EQ(decided[0].action, "model.call");
  EXPECT_EQ(decided[0].resource, "embed");
}

TEST_F(EmbeddingsActivity, are_denied_by_policy_and_refused_beyond_a_budget) {
  policy_ = R"({"dalsegno_policy":1,"rules":[]})";
  EXPECT_THAT(ask("denied", {{"four"}, {}}).failure, HasSubstr("policy_denied"));
  runtime_.reset();
  policy_ = R"({"dalsegno_policy":1,"rules":[
      {"id":"calls","effect":"permit","actions":["model.call"]}]})";
  hard_usd_ = 0.01;
  EXPECT_EQ(ask("paid", {{std::string(24, 'a')}, {}}).failure, "") << "about 0.008 set aside";
  EXPECT_THAT(ask("refused", {{std::string(24, 'a')}, {}}).failure, HasSubstr("budget_exhausted"));
  EXPECT_EQ(server_.requests().size(), 1U);
}

TEST_F(EmbeddingsActivity, are_tried_again_after_faults_that_pass) {
  server_.script(R"([{"fault":"status","status":"429 Slow","headers":"Retry-After-Ms: 5\r\n"},
      {"fault":"invalid_utf8"}])");
  EXPECT_EQ(ask("one", {{"four"}, {}}).vectors.size(), 1U);
  auto const failed = events<storage::AttemptFailed>("one");
  ASSERT_EQ(failed.size(), 2U);
  EXPECT_EQ(failed[0].type, "rate_limited");
  EXPECT_EQ(failed[0].heartbeat.bytes, R"({"call":{"endpoint":"first"}})");
  EXPECT_EQ(failed[1].type, "malformed_answer");
}

TEST_F(EmbeddingsActivity, that_are_too_many_or_of_nothing_are_refused_before_anything_is_asked) {
  options_.max_batch = 2;
  EXPECT_THAT(ask("many", {{"a", "b", "c"}, {}}).failure, HasSubstr("3 texts, at most 2"));
  EXPECT_THAT(ask("none", {{}, {}}).failure, HasSubstr("input_mismatch"));
  EXPECT_THAT(ask("empty", {{"a", ""}, {}}).failure, HasSubstr("input_mismatch"));
  EXPECT_TRUE(server_.requests().empty());
  Registry registry;
  options_.max_batch = 0;
  EXPECT_THAT(add_embeddings(registry, options_).error().detail, HasSubstr("max_batch is 0"));
  options_.max_batch = 1;
  options_.model.endpoints[0].dialect = Dialect::messages;
  EXPECT_THAT(add_embeddings(registry, options_).error().detail, HasSubstr("no embeddings"));
}

}  // namespace
}  // namespace dalsegno::model
