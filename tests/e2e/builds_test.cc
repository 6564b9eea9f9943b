// Which program wrote what: recorded by each runtime that begins, listed by `dalsegno ls --builds`.

#include "dalsegno/dalsegno.h"
#include "engine/runtime/build_id.h"
#include "tests/e2e/command.h"
#include "tests/support/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace dalsegno::test {
namespace {

using testing::HasSubstr;

Workflow<std::string> wait(Context& ctx, std::string) {
  co_return co_await ctx.receive<std::string>("go");
}

Result<std::unique_ptr<Runtime>> begin(std::string const& folder, std::string build) {
  auto store = Store::open(folder);
  EXPECT_TRUE(store) << store.error().detail;
  Registry registry;
  registry.add(define_workflow("wait", wait));
  RuntimeOptions options;
  options.build = std::move(build);
  return Runtime::start(std::move(*store), std::move(registry), std::move(options));
}

TEST(Builds, are_recorded_once_for_each_epoch_and_listed_with_what_waits_for_them) {
  TemporaryFolder const folder;
  auto const data = (folder.path() / "store").string();
  {
    auto const first = begin(data, "v41");
    ASSERT_TRUE(first) << first.error().detail;
    ASSERT_TRUE((*first)->start_session({.name = "a"}, "wait", std::string()));
    ASSERT_TRUE((*first)->start_session({.name = "b"}, "wait", std::string()));
  }
  {
    auto const second = begin(data, {});
    ASSERT_TRUE(second) << second.error().detail;
    ASSERT_TRUE((*second)->start_session({.name = "c"}, "wait", std::string()));
  }
  auto const listed = dalsegno({"ls", "--builds", "--json", "--data", data});
  EXPECT_EQ(listed.code, 0) << listed.err;
  EXPECT_THAT(listed.out, HasSubstr(R"("build":"v41")"));
  EXPECT_THAT(listed.out, HasSubstr(R"("open_sessions":2)"));
  auto const own = engine::build_id();
  EXPECT_THAT(listed.out, HasSubstr("\"build\":\"" + own + '"'));
  EXPECT_EQ(std::ranges::count(listed.out, '\n'), 2);
  auto const table = dalsegno({"ls", "--builds", "--data", data});
  EXPECT_THAT(table.out, HasSubstr(own));
  EXPECT_EQ(dalsegno({"verify", "--data", data}).code, 0);
}

TEST(Builds, of_an_executable_are_the_note_that_its_linker_wrote) {
  auto const id = engine::build_id();
  EXPECT_GE(id.size(), 16U) << id;
  EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos) << id;
}

TEST(Builds, with_a_name_that_is_too_long_do_not_begin) {
  TemporaryFolder const folder;
  auto const refused = begin((folder.path() / "store").string(), std::string(201, 'v'));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid);
  EXPECT_THAT(refused.error().detail, HasSubstr("the name of the build has 201 bytes"));
}

}  // namespace
}  // namespace dalsegno::test
