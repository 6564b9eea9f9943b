// `dalsegno schedule` as a person uses it, on a store whose runtime has ended, and what the runtime
// then does.

#include "dalsegno/dalsegno.h"
#include "tests/e2e/command.h"
#include "tests/support/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr Activity<std::string, void> tell{"tell"};

Workflow<std::string> report(Context& ctx, std::string kind) {
  co_await ctx.call(tell, kind);
  co_return kind + " report";
}

constexpr char const* policy = R"({"dalsegno_policy": 1, "name": "all", "rules": [
  {"id": "all", "effect": "permit", "actions": ["*.call", "session.start"]}]})";

class ScheduleVerbs : public testing::Test {
 protected:
  [[nodiscard]] std::string path(std::string const& name) const {
    return (folder_.path() / name).string();
  }
  [[nodiscard]] Ran verb(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "schedule");
    arguments.insert(arguments.end(), {"--data", path("store")});
    return dalsegno(arguments);
  }
  /// A yearly one: no test is there when its time comes.
  [[nodiscard]] Ran create(std::vector<std::string> more = {}) const {
    write_file(path("policy.json"), policy);
    std::vector<std::string> arguments{"create",
                                       "yearly",
                                       "--workflow",
                                       "report",
                                       "--input",
                                       "\"big\"",
                                       "--cron",
                                       "0 3 1 1 *",
                                       "--zone",
                                       "Europe/Berlin",
                                       "--policy",
                                       path("policy.json")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return verb(std::move(arguments));
  }

  TemporaryFolder folder_;
};

TEST_F(ScheduleVerbs, next_prints_occurrences_without_a_store) {
  auto const ran = verb({"next",
                         "--cron",
                         "30 2 * * *",
                         "--zone",
                         "Europe/Berlin",
                         "--after",
                         "2026-03-28T00:00:00Z",
                         "--count",
                         "3"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out,
            "2026-03-28T01:30:00Z\t2026-03-28T02:30:00 Europe/Berlin\n"
            "2026-03-29T01:00:00Z\t2026-03-29T03:00:00 Europe/Berlin\n"
            "2026-03-30T00:30:00Z\t2026-03-30T02:30:00 Europe/Berlin\n");
  auto const json = verb(
      {"next", "--every", "1d+6h", "--after", "2026-03-28T00:00:00Z", "--count", "1", "--json"});
  EXPECT_EQ(json.out,
            "{\"schema\":\"dalsegno.occurrence\",\"v\":1,\"at\":\"2026-03-28T06:00:00Z\","
            "\"local\":\"2026-03-28T06:00:00\",\"zone\":\"UTC\"}\n");
  auto const wrong = verb({"next", "--cron", "61 * * * *"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("minute: 61 is not in 0-59"));
  EXPECT_EQ(verb({"next"}).code, 2);
  EXPECT_EQ(verb({"next", "--cron", "@daily", "--zone", "Europe/Atlantis"}).code, 2);
  EXPECT_EQ(verb({"next", "--every", "often"}).code, 2);
  EXPECT_EQ(verb({}).code, 2);
}

TEST_F(ScheduleVerbs, makes_shows_and_ends_a_schedule) {
  auto const made = create();
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_THAT(made.out, HasSubstr("default/yearly: create, at sequence "));
  EXPECT_THAT(create().out, HasSubstr(", as before"));
  EXPECT_EQ(create({"--overlap", "allow_all"}).code, 2);  // another one of that name

  auto const listed = verb({"list"});
  EXPECT_EQ(listed.code, 0) << listed.err;
  EXPECT_THAT(listed.out, HasSubstr("yearly\topen\t0 3 1 1 * Europe/Berlin\treport\t"));
  EXPECT_THAT(listed.out, HasSubstr("-01-01T02:00:00.000000Z"));
  EXPECT_THAT(listed.err, HasSubstr("verified: chain of "));

  EXPECT_EQ(verb({"pause", "yearly", "--note", "audit"}).code, 0);
  auto const shown = verb({"show", "year"});
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("default/yearly\tpaused\nnote\taudit\n"));
  EXPECT_THAT(shown.out, HasSubstr("starts\treport \"big\"\noverlap\tskip\n"));
  EXPECT_THAT(verb({"show", "yearly", "--json"}).out,
              HasSubstr("{\"schema\":\"dalsegno.schedule\",\"v\":1,\"tenant\":\"default\","
                        "\"schedule\":\"yearly\",\"status\":\"open\",\"workflow\":\"report\","
                        "\"input\":\"big\",\"spec\":{\"cron\":[\"0 3 1 1 *\"]"));
  EXPECT_EQ(verb({"resume", "yearly"}).code, 0);
  EXPECT_EQ(verb({"update", "yearly", "--workflow", "report", "--every", "365d"}).code, 0);
  EXPECT_THAT(verb({"show", "yearly"}).out, HasSubstr("when\tevery 365d\n"));

  EXPECT_EQ(verb({"pause", "nothing", "--note", "x"}).code, 2);
  EXPECT_EQ(verb({"backfill", "yearly", "--from", "yesterday", "--to", "now"}).code, 2);
  EXPECT_EQ(dalsegno({"verify", "--data", path("store")}).code, 0);
  auto const replayed = dalsegno({"replay", "--equivalence", "--data", path("store")});
  EXPECT_EQ(replayed.code, 0) << replayed.out << replayed.err;
  EXPECT_THAT(replayed.out, HasSubstr("default/yearly: same"));

  EXPECT_EQ(verb({"delete", "yearly", "--note", "no longer"}).code, 0);
  EXPECT_EQ(verb({"pause", "yearly", "--note", "x"}).code, 1);  // it has ended
  EXPECT_EQ(verb({"list"}).out, "");
  EXPECT_THAT(verb({"list", "--all"}).out, HasSubstr("yearly\tcompleted\t"));
}

TEST_F(ScheduleVerbs, do_not_make_a_store_where_none_is) {
  EXPECT_EQ(verb({"pause", "yearly", "--note", "x"}).code, 2);
  EXPECT_EQ(verb({"list"}).code, 2);
  EXPECT_EQ(create({"--jitter", "25h"}).code, 2);
  EXPECT_FALSE(std::filesystem::exists(path("store")));
}

TEST_F(ScheduleVerbs, leave_what_is_triggered_to_the_runtime) {
  ASSERT_EQ(create().code, 0);
  ASSERT_EQ(verb({"trigger", "yearly", "--key", "k1"}).code, 0);
  EXPECT_THAT(verb({"trigger", "yearly", "--key", "k1"}).out, HasSubstr(", as before"));
  EXPECT_EQ(verb({"trigger", "yearly", "--overlap", "allow_all"}).code, 0);
  EXPECT_EQ(verb({"pause", "yearly", "--note", "enough"}).code, 0);
  auto const waiting = verb({"show", "yearly"});
  EXPECT_THAT(waiting.out, HasSubstr("running\tyearly-trigger-1-"));
  EXPECT_THAT(waiting.out, HasSubstr("running\tyearly-trigger-2-"));
  EXPECT_THAT(waiting.out, Not(HasSubstr("unknown_workflow")));

  auto store = Store::open(path("store"));
  ASSERT_TRUE(store) << store.error().detail;
  std::promise<void> told[2];
  std::atomic<std::size_t> count = 0;
  Registry registry;
  add_schedules(registry);
  registry.add(define_workflow("report", report));
  registry.add(tell, [&](ActivityContext const&, std::string const&) {
    if (auto const number = count++; number < 2) told[number].set_value();
  });
  auto runtime = Runtime::start(std::move(*store), std::move(registry), {});
  ASSERT_TRUE(runtime) << runtime.error().detail;
  for (auto& one : told) one.get_future().wait();
  auto const description = describe_schedule(**runtime, {.name = "yearly"});
  ASSERT_TRUE(description) << description.error().detail;
  EXPECT_EQ(description->counts.started, 2U);
  for (auto const* const runs : {&description->running, &description->recent})
    for (auto const& run : *runs)
      EXPECT_EQ((*runtime)->result<std::string>({.name = run.session}).value_or("failed"),
                "big report");
  // The store is the runtime's: others may look, and not write.
  EXPECT_EQ(verb({"resume", "yearly"}).code, 2);
  EXPECT_EQ(verb({"show", "yearly"}).code, 0);
  (*runtime)->stop();
  EXPECT_EQ(count, 2U);
}

}  // namespace
}  // namespace dalsegno::test
