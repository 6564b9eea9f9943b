#include "activities/model/client/prompt_blocks.h"

#include "dalsegno/payload.h"

#include <algorithm>
#include <string>

namespace dalsegno::activities {

std::size_t PromptBlocks::message_of(std::uint32_t block) const {
  auto const begin = std::size_t{block} * prompt_block_tokens * bytes_of_token;
  return static_cast<std::size_t>(std::ranges::upper_bound(ends, begin) - ends.begin());
}

PromptBlocks cut_into_blocks(ModelCall const& call) {
  std::string text = call.model + '\n';
  for (auto const& tool : in_order(call.tools)) {
    text += tool.name + '\n' + tool.description + '\n';
    text += canonical(tool.parameters) + '\n';
  }
  PromptBlocks cut;
  for (auto const& [message, reasoning] : call.messages) {
    for (auto const& block : reasoning) text += canonical(block);
    text += to_json(message) + '\n';
    cut.ends.push_back(text.size());
  }
  cut.bytes = text.size();
  cut.tokens = text.size() / bytes_of_token;
  // A last block that is not full would be another one as soon as the conversation goes on.
  constexpr auto block_bytes = prompt_block_tokens * bytes_of_token;
  cut.blocks = digest_blocks(
      std::string_view(text).substr(0, text.size() / block_bytes * block_bytes), block_bytes);
  return cut;
}

}  // namespace dalsegno::activities
