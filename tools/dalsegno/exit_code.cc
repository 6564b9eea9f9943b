#include "tools/dalsegno/exit_code.h"

namespace dalsegno::command {

int exit_code_for(Errc code) {
  switch (code) {
    case Errc::invalid:
    case Errc::not_found:
    case Errc::conflict:
    case Errc::stale:
    case Errc::fenced:
    case Errc::newer_format:
    case Errc::foreign:
    case Errc::locked:
    case Errc::io:
    case Errc::no_space:
    case Errc::too_large:
    case Errc::overloaded:
    case Errc::unknown_workflow:
    case Errc::unavailable:
      return exit_usage;
    case Errc::held:
    case Errc::ended:
    case Errc::failed:
    case Errc::diverged:
      return exit_findings;
    case Errc::corrupt:
    case Errc::data_loss:
      return exit_integrity;
    case Errc::denied:
      return exit_not_permitted;
    case Errc::undecidable:
      return exit_undecidable;
  }
  return exit_usage;
}

}  // namespace dalsegno::command
