// OpenAPI documents, as strangers write them.

#include "activities/tool/http_request.h"
#include "dalsegno/http_tools.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace dalsegno;
  auto const tools = tools::read_openapi({reinterpret_cast<char const*>(data), size});
  if (!tools) return 0;
  Json arguments;
  arguments.set("id", "..").set("body", Json::Array{"x"});
  for (auto const& tool : *tools) {
    if (tool.name.size() > 64) std::abort();
    static_cast<void>(tools::request_for(tool, arguments));
  }
  tools::HttpToolsOptions options;
  options.tools = *tools;
  Registry registry;
  static_cast<void>(tools::add_http_tools(registry, options));
  return 0;
}
