// model_server [CACHE_BYTES]: prints its port and serves until it is killed, or until whoever
// started it has gone.

#include "tests/support/model_server/server.h"

#include <csignal>
#include <cstdio>
#include <string>

#include <sys/prctl.h>

int main(int count, char** arguments) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::uint16_t port = 0;
  auto const listener = dalsegno::test::listen_somewhere(port);
  std::printf("%u\n", static_cast<unsigned>(port));
  std::fflush(stdout);
  dalsegno::test::Server(count > 1 ? std::stoul(arguments[1]) : 1U << 30U).serve(listener);
}
