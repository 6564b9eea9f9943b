// The scenarios of the MCP conformance suite that need no person, in both revisions.

#include "tests/activities/tool/mcp/node.h"
#include "tests/support/temporary_folder.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace dalsegno::mcp {
namespace {

struct Scenario {
  std::string name;
  std::string version;
};
void PrintTo(Scenario const& scenario, std::ostream* out) {
  *out << scenario.name << " in " << scenario.version;
}

class Conformance : public testing::TestWithParam<Scenario> {};

TEST_P(Conformance, passes) {
  if (!test::are_installed()) GTEST_SKIP() << "the suite is not installed: ./dev test does that";
  auto const& [name, version] = GetParam();
  dalsegno::test::TemporaryFolder const folder;
  auto command = test::node("conformance",
                            {"client",
                             "--command",
                             MCP_CONFORMANCE_CLIENT,
                             "--scenario",
                             name,
                             "-o",
                             folder.path().string()});
  command.insert(command.end(), {"--spec-version", version});
  if (name.starts_with("auth/")) command.emplace_back("--force");  // an extension: of no revision
  auto const process = ChildProcess::start({.command = command, .environment = test::variables()});
  ASSERT_TRUE(process) << process.error().detail;
  (*process)->close_in();
  auto const said = test::listen(**process, {});
  EXPECT_TRUE((*process)->ends_by(std::chrono::steady_clock::time_point::max()));
  EXPECT_EQ((*process)->end(), "exit code 0") << said;
  EXPECT_TRUE(said.contains("OVERALL: PASSED")) << said;
}

INSTANTIATE_TEST_SUITE_P(Sessions,
                         Conformance,
                         testing::Values(Scenario{"initialize", "2025-11-25"},
                                         Scenario{"tools_call", "2025-11-25"},
                                         Scenario{"elicitation-sep1034-client-defaults",
                                                  "2025-11-25"},
                                         Scenario{"sse-retry", "2025-11-25"},
                                         Scenario{"json-schema-2020-12-preservation", "2025-11-25"},
                                         Scenario{"auth/client-credentials-basic", "2025-11-25"},
                                         Scenario{"auth/client-credentials-jwt", "2025-11-25"}));

INSTANTIATE_TEST_SUITE_P(Stateless,
                         Conformance,
                         testing::Values(Scenario{"tools_call", "2026-07-28"},
                                         Scenario{"request-metadata", "2026-07-28"},
                                         Scenario{"sep-2322-client-request-state", "2026-07-28"},
                                         Scenario{"http-standard-headers", "2026-07-28"},
                                         Scenario{"http-custom-headers", "2026-07-28"},
                                         Scenario{"http-invalid-tool-headers", "2026-07-28"},
                                         Scenario{"json-schema-ref-no-deref", "2026-07-28"},
                                         Scenario{"json-schema-2020-12-preservation", "2026-07-28"},
                                         Scenario{"auth/client-credentials-basic", "2026-07-28"},
                                         Scenario{"auth/client-credentials-jwt", "2026-07-28"}));

}  // namespace
}  // namespace dalsegno::mcp
