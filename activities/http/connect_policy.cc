#include "activities/http/connect_policy.h"

#include "dalsegno/json.h"

#include <cstdint>
#include <string>

namespace dalsegno::http {

ConnectPolicy connect_policy(ActivityContext const& context) {
  return [&context](ConnectRequest const& request) {
    auto const& plan = request.plan;
    auto const& target = plan.target();
    Json known;
    known.set("scheme", name_of(plan.scheme()))
        .set("host", plan.host())
        .set("port", std::int64_t{plan.port()})
        .set("address", to_string(request.address))
        .set("method", request.method)
        .set("path", target.substr(0, target.find('?')));
    return context.decide("net.connect", plan.host() + ':' + std::to_string(plan.port()), known);
  };
}

}  // namespace dalsegno::http
