#include "dalsegno/result.h"

#include <cassert>

namespace dalsegno {

std::string_view name_of(Errc code) {
  switch (code) {
    case Errc::invalid:
      return "invalid";
    case Errc::not_found:
      return "not_found";
    case Errc::conflict:
      return "conflict";
    case Errc::stale:
      return "stale";
    case Errc::fenced:
      return "fenced";
    case Errc::corrupt:
      return "corrupt";
    case Errc::data_loss:
      return "data_loss";
    case Errc::newer_format:
      return "newer_format";
    case Errc::foreign:
      return "foreign";
    case Errc::locked:
      return "locked";
    case Errc::io:
      return "io";
    case Errc::no_space:
      return "no_space";
    case Errc::too_large:
      return "too_large";
    case Errc::overloaded:
      return "overloaded";
    case Errc::denied:
      return "denied";
    case Errc::held:
      return "held";
    case Errc::ended:
      return "ended";
    case Errc::diverged:
      return "diverged";
    case Errc::unknown_workflow:
      return "unknown_workflow";
    case Errc::unavailable:
      return "unavailable";
    case Errc::undecidable:
      return "undecidable";
    case Errc::failed:
      return "failed";
  }
  assert(false);  // no enumerator has this value
  return "invalid";
}

}  // namespace dalsegno
