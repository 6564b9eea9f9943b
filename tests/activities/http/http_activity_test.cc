// The activity http.request in a workflow, over a real store, and what `dalsegno egress` says of it
// afterwards.

#include "dalsegno/dalsegno.h"
#include "dalsegno/http.h"
#include "tests/activities/http/far_side.h"
#include "tests/support/temporary_folder.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace dalsegno::http {
namespace {

using test::FarSide;
using test::Peer;
using test::reply;

struct Fetched {
  std::uint16_t status = 0;
  std::string body;
  std::string failure;
  std::string message;
};
BOOST_DESCRIBE_STRUCT(Fetched, (), (status, body, failure, message))

constexpr Activity<RequestInput, RequestOutput> once{"http.request",
                                                     {.retry = {.max_attempts = 1}}};

Workflow<Fetched> fetch(Context& context, RequestInput input) {
  Fetched out;
  try {
    auto const output = co_await context.call(once, input);
    out.status = output.status;
    out.body = output.body.value_or("base64:" + output.body_base64.value_or(""));
  } catch (Failure const& failure) {
    out.failure = failure.type();
    out.message = failure.what();
  }
  co_return out;
}

constexpr char const* permit_all = R"({"dalsegno_policy":1,"rules":[
  {"id":"calls","effect":"permit","actions":["activity.call"],"obligations":{"reveal":["*"]}}]})";

constexpr char const* reveal_nothing =
    R"({"dalsegno_policy":1,"rules":[{"id":"calls","effect":"permit","actions":["activity.call"]}]})";

class HttpActivity : public testing::Test {
 protected:
  /// Runs the workflow once under this policy. `spared`: categories that are not redacted.
  Fetched run(std::string const& name,
              RequestInput const& input,
              char const* policy = permit_all,
              std::vector<std::string> const& spared = {}) {
    auto store = Store::open((folder_.path() / "data").string());
    EXPECT_TRUE(store) << store.error().detail;
    Registry registry;
    registry.add(define_workflow("fetch", fetch));
    auto const added = add_http(registry, {.egress = R"({"dalsegno_egress":1,"rules":[
        {"id":"here","hosts":["localhost","127.0.0.1"],"ports":["1-65535"],"schemes":["http"],
         "addresses":["127.0.0.0/8","::1"]}]})"});
    EXPECT_TRUE(added) << added.error().detail;
    auto runtime = Runtime::start(std::move(*store),
                                  std::move(registry),
                                  {.policy = policy, .redaction = {.spared = spared}});
    EXPECT_TRUE(runtime) << runtime.error().detail;
    SessionId const session{.name = name};
    EXPECT_TRUE((*runtime)->start_session(session, "fetch", input));
    auto const out = (*runtime)->result<Fetched>(session);
    EXPECT_TRUE(out) << out.error().detail;
    return out.value_or(Fetched());
  }

  /// What the command prints.
  std::string egress(std::string const& arguments) {
    auto const file = folder_.path() / "out";
    auto const line = std::string("DALSEGNO_DATA='") + (folder_.path() / "data").string() + "' '" +
                      DALSEGNO_COMMAND + "' egress " + arguments + " >'" + file.string() +
                      "' 2>/dev/null";
    EXPECT_EQ(std::system(line.c_str()), 0) << line;  // NOLINT: a command of this test
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  dalsegno::test::TemporaryFolder folder_;
};

TEST_F(HttpActivity, brings_back_an_answer_and_leaves_its_contact_in_the_log) {
  FarSide far([&](Peer& peer) {
    far.note(peer.read_request());
    peer.write(reply("pong", "X-Latin: caf\xe9\r\n"));
  });
  auto const url = "http://localhost:" + far.text_port() + "/ping";
  auto const fetched = run("one", {.url = url + "?key=hunter2", .method = "POST", .body = "ping"});
  EXPECT_EQ(fetched.status, 200);
  EXPECT_EQ(fetched.body, "pong");
  auto const request = far.requests().at(0);
  EXPECT_TRUE(request.contains("\r\nIdempotency-Key: ")) << request;
  EXPECT_FALSE(request.contains("default/one")) << "names of ours do not leave";

  auto const line = parse_json(egress("--json"));
  ASSERT_TRUE(line) << line.error().detail;
  EXPECT_EQ(line->text("schema"), "dalsegno.contact");
  EXPECT_EQ(line->text("session"), "one");
  auto const* const contact = line->find("contact");
  ASSERT_NE(contact, nullptr);
  EXPECT_EQ(contact->text("url"), url + "?redacted");
  EXPECT_EQ(contact->text("host"), "localhost");
  EXPECT_EQ(contact->text("outcome"), "answered");
  EXPECT_TRUE(egress("").contains("POST " + url)) << egress("");
}

TEST_F(HttpActivity, gives_bytes_that_are_no_text_in_base64) {
  FarSide const far([](Peer& peer) {
    (void)peer.read_request();
    peer.write(reply("\xff\xfe\x01"));
  });
  EXPECT_EQ(run("bytes", {.url = "http://127.0.0.1:" + far.text_port() + "/"}).body, "base64://4B");
}

TEST_F(HttpActivity, fails_with_a_type_where_the_rules_deny_and_leaves_that_in_the_log_too) {
  EXPECT_EQ(
      run("denied", {.url = "http://169.254.169.254/latest/?token=hunter2"}, permit_all, {"ip"})
          .failure,
      "denied");
  EXPECT_EQ(run("odd", {.url = "http://127.1/"}).failure, "invalid_request");
  auto const lines = egress("--denied --json");
  auto const line = parse_json(lines.substr(0, lines.find('\n')));
  ASSERT_TRUE(line) << lines;
  auto const* const contact = line->find("contact");
  ASSERT_NE(contact, nullptr) << lines;
  EXPECT_EQ(contact->text("url"), "http://169.254.169.254/latest/?redacted");
  EXPECT_EQ(contact->text("outcome"), "denied");
  EXPECT_FALSE(lines.contains("hunter2"));
  EXPECT_EQ(egress("--host nowhere.example --json"), "");
}

TEST_F(HttpActivity,
       says_which_obligation_is_missing_where_redaction_took_the_address_or_a_header) {
  FarSide const far([](Peer& peer) { peer.write(reply("never")); });
  EXPECT_EQ(
      run("address", {.url = "http://127.0.0.1:" + far.text_port() + "/"}, reveal_nothing).failure,
      "invalid_request");
  auto const fetched = run("header",
                           {.url = "http://localhost:" + far.text_port() + "/",
                            .headers = {{{.name = "Authorization",
                                          .value = "Bearer 9f8e7d6c5b4a39281706f5e4d3c2b1a0"}}}},
                           reveal_nothing);
  EXPECT_EQ(fetched.failure, "invalid_request");
  EXPECT_TRUE(fetched.message.contains("header Authorization holds [secret:")) << fetched.message;
  EXPECT_TRUE(fetched.message.contains("\"reveal\": [\"")) << fetched.message;
  EXPECT_TRUE(far.requests().empty());
}

TEST_F(HttpActivity, goes_only_where_the_permits_route_leads_and_leaves_a_refusal_in_the_log) {
  FarSide const far([](Peer& peer) {
    (void)peer.read_request();
    peer.write(reply("pong"));
  });
  auto const* const to_localhost = R"({"dalsegno_policy":1,"rules":[{"id":"calls","effect":"permit",
      "actions":["activity.call"],"obligations":{"route":["local*"]}}]})";
  auto const here = run("here", {.url = "http://LOCALHOST:" + far.text_port() + "/"}, to_localhost);
  EXPECT_EQ(here.body, "pong") << here.message;
  auto const elsewhere =
      run("there", {.url = "http://127.0.0.1:" + far.text_port() + "/"}, to_localhost, {"ip"});
  EXPECT_EQ(elsewhere.failure, "denied");
  EXPECT_TRUE(elsewhere.message.contains("route")) << elsewhere.message;
  EXPECT_EQ(far.connections(), 1);
  auto const line = parse_json(egress("--denied --json"));
  ASSERT_TRUE(line) << egress("--denied --json");
  EXPECT_EQ(line->text("session"), "there");
}

TEST_F(HttpActivity, does_not_leave_without_the_permit_that_every_call_needs) {
  FarSide const far([](Peer& peer) { peer.write(reply("never")); });
  auto const fetched = run("forbidden",
                           {.url = "http://localhost:" + far.text_port() + "/"},
                           R"({"dalsegno_policy":1,"rules":[]})");
  EXPECT_EQ(fetched.failure, "policy_denied");
  EXPECT_EQ(far.connections(), 0);
}

TEST(AddHttp, says_where_a_document_is_wrong) {
  Registry registry;
  auto const added = add_http(registry, {.egress = "{}", .egress_name = "my.json"});
  ASSERT_FALSE(added);
  EXPECT_TRUE(added.error().detail.starts_with("my.json:1:1: ")) << added.error().detail;
}

}  // namespace
}  // namespace dalsegno::http
