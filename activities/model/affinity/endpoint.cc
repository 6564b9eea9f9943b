#include "activities/model/affinity/endpoint.h"

namespace dalsegno::activities {

std::string_view name_of(EndpointHealth health) {
  switch (health) {
    case EndpointHealth::up:
      return "up";
    case EndpointHealth::draining:
      return "draining";
    case EndpointHealth::down:
      return "down";
  }
  return "";
}

}  // namespace dalsegno::activities
