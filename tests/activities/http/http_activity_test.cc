// The activity http.request in a workflow, over a real store, and what `dalsegno egress` says of it
// afterwards.

#include "dalsegno/dalsegno.h"
#include "dalsegno/http.h"
#include "tests/activities/http/far_side.h"
#include "tests/storage/vault/samples.h"
#include "tests/support/temporary_folder.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <latch>
#include <sstream>
#include <string>
#include <vector>

namespace dalsegno::http {
namespace {

using namespace std::chrono_literals;
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

constexpr Activity<RequestInput, RequestOutput> hurried{
    "http.request", {.start_to_close = 50ms, .retry = {.max_attempts = 1}}};

Workflow<Fetched> fetch(Context& context, RequestInput input) {
  Fetched out;
  try {
    bool const hurries = input.url.contains("/hurry");
    auto const output = co_await context.call(hurries ? hurried : once, input);
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
  /// Runs the workflow once under this policy, for `principal`; what comes in is redacted.
  Fetched run(std::string const& name,
              RequestInput const& input,
              std::string const& policy = permit_all,
              std::string const& principal = "") {
    auto store = Store::open((folder_.path() / "data").string());
    EXPECT_TRUE(store) << store.error().detail;
    Registry registry;
    registry.add(define_workflow("fetch", fetch));
    auto const added = add_http(registry, {.egress = R"({"dalsegno_egress":1,"rules":[
        {"id":"here","hosts":["localhost","127.0.0.1"],"ports":["1-65535"],"schemes":["http"],
         "addresses":["127.0.0.0/8","::1"]}]})"});
    EXPECT_TRUE(added) << added.error().detail;
    auto runtime = Runtime::start(std::move(*store), std::move(registry), {.policy = policy});
    EXPECT_TRUE(runtime) << runtime.error().detail;
    SessionId const session{.name = name};
    EXPECT_TRUE((*runtime)->start_session(session, "fetch", input, principal));
    auto const out = (*runtime)->result<Fetched>(session);
    EXPECT_TRUE(out) << out.error().detail;
    return out.value_or(Fetched());
  }

  /// What the command prints.
  std::string egress(std::string const& arguments) { return dalsegno("egress " + arguments); }
  std::string dalsegno(std::string const& arguments) {
    auto const file = folder_.path() / "out";
    auto const line = std::string("DALSEGNO_DATA='") + (folder_.path() / "data").string() + "' '" +
                      DALSEGNO_COMMAND + "' " + arguments + " >'" + file.string() + "' 2>/dev/null";
    EXPECT_EQ(std::system(line.c_str()), 0) << line;  // NOLINT: a command of this test
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  /// The contacts that the command lists.
  std::vector<Json> contacts(std::string const& arguments) {
    std::vector<Json> found;
    std::istringstream lines(egress(arguments + " --json"));
    for (std::string line; std::getline(lines, line);) {
      auto const parsed = parse_json(line);
      auto const* const contact = parsed ? parsed->find("contact") : nullptr;
      EXPECT_NE(contact, nullptr) << line;
      if (contact != nullptr) found.push_back(*contact);
    }
    return found;
  }

  /// Everything that is in the files of the store and beside it.
  std::string files() {
    std::string all;
    for (auto const& file : std::filesystem::recursive_directory_iterator(folder_.path())) {
      if (!file.is_regular_file()) continue;
      std::ifstream stream(file.path(), std::ios::binary);
      all.append(std::istreambuf_iterator<char>(stream), {});
    }
    return all;
  }

  ::dalsegno::test::TemporaryFolder folder_;
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
  EXPECT_EQ(run("denied", {.url = "http://169.254.169.254/latest/?token=hunter2"}).failure,
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
      "actions":["activity.call"],"obligations":{"route":["local*"],"reveal":["ip"]}}]})";
  auto const here = run("here", {.url = "http://LOCALHOST:" + far.text_port() + "/"}, to_localhost);
  EXPECT_EQ(here.body, "pong") << here.message;
  auto const elsewhere =
      run("there", {.url = "http://127.0.0.1:" + far.text_port() + "/"}, to_localhost);
  EXPECT_EQ(elsewhere.failure, "denied");
  EXPECT_TRUE(elsewhere.message.contains("route")) << elsewhere.message;
  EXPECT_EQ(far.connections(), 1);
  auto const line = parse_json(egress("--denied --json"));
  ASSERT_TRUE(line) << egress("--denied --json");
  EXPECT_EQ(line->text("session"), "there");
}

TEST_F(HttpActivity, leaves_addresses_legible_in_the_record_and_secrets_in_a_path_nowhere) {
  auto const secret = vault::test::github_pat(1);
  auto const handed_back = vault::test::github_pat(2);
  FarSide const far([&](Peer& peer) {
    auto const request = peer.read_request();
    if (request.contains("/" + handed_back)) return;  // and no answer
    peer.write(request.contains("/fail/")
                   ? reply("", "Location: /" + handed_back + "\r\n", "302 Found")
                   : reply("you asked for " + request));
  });
  auto const place = "http://127.0.0.1:" + far.text_port();
  auto const fetched = run("works", {.url = place + "/bot/" + secret + "/say"});
  EXPECT_EQ(fetched.status, 200);
  EXPECT_TRUE(fetched.body.contains("GET /bot/[secret:github_")) << fetched.body;
  auto const failed = run("fails", {.url = place + "/fail/" + secret});
  EXPECT_EQ(failed.failure, "cut_off") << failed.message;
  EXPECT_FALSE(failed.message.contains("contacts"));

  auto const works = contacts("works");
  ASSERT_EQ(works.size(), 1U);
  EXPECT_EQ(works[0].text("host"), "127.0.0.1");
  EXPECT_EQ(works[0].text("address"), "127.0.0.1");
  EXPECT_TRUE(works[0].text("url").starts_with(place + "/bot/[secret:github_"));
  EXPECT_TRUE(works[0].text("url").ends_with("]/say"));
  auto const fails = contacts("fails");
  ASSERT_EQ(fails.size(), 2U) << "the redirect is a contact of its own";
  EXPECT_TRUE(fails[0].text("url").starts_with(place + "/fail/[secret:github_"));
  EXPECT_TRUE(fails[1].text("url").starts_with(place + "/[secret:github_"));
  EXPECT_EQ(fails[1].text("outcome"), "cut_off");
  EXPECT_EQ(fails[1].text("address"), "127.0.0.1");
  EXPECT_TRUE(egress("").contains("\t127.0.0.1\t")) << egress("");

  EXPECT_TRUE(dalsegno("log works --json").contains(R"("address":"127.0.0.1")"));
  for (auto const& where : {egress(""),
                            egress("--json"),
                            dalsegno("log works --json"),
                            dalsegno("log fails --json"),
                            dalsegno("log fails"),
                            dalsegno("show fails"),
                            fetched.body + failed.message,
                            files()}) {
    EXPECT_FALSE(where.contains(secret)) << where.substr(0, 1'000);
    EXPECT_FALSE(where.contains(handed_back)) << where.substr(0, 1'000);
  }
}

TEST_F(HttpActivity, asks_the_runtimes_policy_about_a_connection_for_the_sessions_principal) {
  FarSide const far([&](Peer& peer) {
    (void)peer.read_request();
    peer.write(reply("pong"));
  });
  std::string const policy = R"({"dalsegno_policy":1,"rules":[
    {"id":"calls","effect":"permit","actions":["activity.call"]},
    {"id":"ann-may","effect":"permit","actions":["net.connect"],"principals":{"ids":["ann"]},
     "when":{"all":[{"attribute":"address","cidr":"127.0.0.0/8"},
                    {"attribute":"workflow","eq":"fetch"}]}}]})";
  RequestInput const input{.url = "http://localhost:" + far.text_port() + "/"};
  EXPECT_EQ(run("of-ann", input, policy, "ann").body, "pong");
  auto const refused = run("of-bob", input, policy, "bob");
  EXPECT_EQ(refused.failure, "denied");
  EXPECT_TRUE(refused.message.starts_with("localhost is denied by policy: no rule permits"))
      << refused.message;
  EXPECT_EQ(far.connections(), 1);
  auto const permitted = contacts("of-ann");
  ASSERT_EQ(permitted.size(), 1U);
  EXPECT_EQ(to_string(*permitted[0].find("policy_rules")), R"(["ann-may"])");
  EXPECT_EQ(permitted[0].text("policy").size(), 64U);
  EXPECT_EQ(contacts("of-bob --denied").size(), 1U);
}

TEST_F(HttpActivity, closes_the_connection_when_nobody_waits_for_the_answer_any_more) {
  std::latch closed(1);
  FarSide const far([&](Peer& peer) {
    (void)peer.read_request();
    peer.wait_for_close();
    closed.count_down();
  });
  EXPECT_EQ(run("hurried", {.url = "http://localhost:" + far.text_port() + "/hurry"}).failure,
            "start_to_close_timeout");
  closed.wait();  // and not for the minute that a head may take
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
