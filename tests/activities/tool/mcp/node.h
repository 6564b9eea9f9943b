#pragma once

#include "activities/tool/mcp/child_process.h"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <poll.h>
#include <unistd.h>

namespace dalsegno::mcp::test {

/// Where `./dev test` has put the packages of servers.json; a test skips where they are not.
inline std::filesystem::path programs() {
  return std::filesystem::path(MCP_SERVERS) / "node_modules" / ".bin";
}
inline bool are_installed() { return std::filesystem::exists(programs() / "node"); }

/// The command of a program among these.
inline std::vector<std::string> node(std::string const& program,
                                     std::vector<std::string> const& arguments = {}) {
  std::vector<std::string> out{(programs() / "node").string(), (programs() / program).string()};
  out.insert(out.end(), arguments.begin(), arguments.end());
  return out;
}

/// What they need to find each other.
inline std::vector<std::pair<std::string, std::string>> variables() {
  return {{"PATH", programs().string() + ":/usr/bin:/bin"}};
}

/// Reads what a process says until `wanted` is there, or it ends. Both streams, one after the
/// other.
inline std::string listen(ChildProcess const& process, std::optional<std::string> const& wanted) {
  std::string said;
  std::array<pollfd, 2> streams{pollfd{.fd = process.out(), .events = POLLIN, .revents = 0},
                                pollfd{.fd = process.error(), .events = POLLIN, .revents = 0}};
  while ((streams[0].fd >= 0 || streams[1].fd >= 0) && !(wanted && said.contains(*wanted))) {
    ::poll(streams.data(), streams.size(), -1);
    for (auto& stream : streams) {
      if (stream.fd < 0 || stream.revents == 0) continue;
      std::array<char, 4'096> buffer;
      auto const got = ::read(stream.fd, buffer.data(), buffer.size());
      if (got > 0) said.append(buffer.data(), static_cast<std::size_t>(got));
      if (got == 0) stream.fd = -1;
    }
  }
  return said;
}

}  // namespace dalsegno::mcp::test
