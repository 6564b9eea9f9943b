#include "tests/support/model_server/embeddings_writer.h"

#include "storage/event/base64.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace dalsegno::test {
namespace {

std::string bytes_of(std::vector<float> const& vector) {
  std::string bytes;
  for (auto const number : vector) {
    auto const bits = std::bit_cast<std::uint32_t>(number);
    for (unsigned i = 0; i < 4; ++i) bytes += static_cast<char>((bits >> (8 * i)) & 0xFFU);
  }
  return bytes;
}

}  // namespace

std::string embeddings_of(Json const& request) {
  Json::Array texts;
  if (auto const* const input = request.find("input"); input && input->as_array())
    texts = *input->as_array();
  std::size_t length = 4;
  if (auto const* const wanted = request.find("dimensions"); wanted && wanted->as_integer())
    length = static_cast<std::size_t>(*wanted->as_integer());
  std::uint64_t bytes = 0;
  Json::Array data;
  for (auto i = texts.size(); i-- > 0;) {
    auto const size = texts[i].as_string() == nullptr ? 0 : texts[i].as_string()->size();
    bytes += size;
    std::vector<float> vector{static_cast<float>(size), 0.1F, -2.5e-7F};
    vector.resize(length, 1);
    Json entry;
    entry.set("object", "embedding").set("index", std::uint64_t{i});
    if (request.text("encoding_format") == "base64")
      entry.set("embedding", storage::encode_padded_base64(bytes_of(vector)));
    else
      entry.set("embedding", Json::Array(vector.begin(), vector.end()));
    data.push_back(std::move(entry));
  }
  Json usage;
  usage.set("prompt_tokens", bytes / 4).set("total_tokens", bytes / 4);
  Json body;
  body.set("object", "list").set("data", std::move(data)).set("model", request.text("model"));
  return to_string(body.set("usage", std::move(usage)));
}

}  // namespace dalsegno::test
