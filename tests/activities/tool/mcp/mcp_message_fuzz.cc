// Any bytes as a message of an MCP server, and as what a tool says of itself and answers.

#include "activities/tool/mcp/client_credentials.h"
#include "activities/tool/mcp/elicitation.h"
#include "activities/tool/mcp/fault.h"
#include "activities/tool/mcp/message.h"
#include "activities/tool/mcp/tool_headers.h"
#include "activities/tool/tool_answer.h"
#include "activities/tool/tool_definition.h"

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>

using namespace dalsegno;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const bytes(reinterpret_cast<char const*>(data), size);
  assert(parse_json(to_string(Json(mcp::presentable(bytes, 100)))));
  static_cast<void>(mcp::challenge_parameter(bytes, "scope"));
  auto const message = mcp::read_message(bytes);
  if (!message) {
    assert(!message.error().detail.empty());
    return 0;
  }
  if (auto const answer = tools::read_answer(message->result, 1'000))
    assert(parse_json(to_string(Json(answer->content))));
  for (auto const* const json : {&message->params, &message->result}) {
    if (auto const parameters = mcp::read_header_parameters(*json))
      for (auto const& header : mcp::write_header_parameters(*parameters, *json))
        assert(http::check({.method = "POST", .url = {}, .headers = {header}, .body = {}}));
    static_cast<void>(mcp::accept_defaults(*json));
    auto const tool = tools::describe({"name", *json}, "prefix");
    assert(tool.digest.size() == 64);
    static_cast<void>(tools::read_definition(tool));
  }
  return 0;
}
