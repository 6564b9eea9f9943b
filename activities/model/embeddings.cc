#include "activities/model/embeddings.h"

#include "dalsegno/json.h"
#include "storage/event/base64.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <utility>

namespace dalsegno::activities {
namespace {

using Vector = std::vector<double>;

/// The double that is written like the number of single precision: with its few digits.
double shortest(float number) {
  std::array<char, 64> text{};
  auto const written = std::to_chars(text.data(), text.data() + text.size(), number);
  double out = number;
  std::from_chars(text.data(), written.ptr, out);
  return out;
}

/// Nothing for what is no finite number of single precision.
std::optional<double> element_of(Json const& json) {
  auto const value = json.as_double();
  if (!value || !std::isfinite(static_cast<float>(*value))) return std::nullopt;
  return shortest(static_cast<float>(*value));
}

std::optional<Vector> read_numbers(Json::Array const& list) {
  Vector vector;
  vector.reserve(list.size());
  for (auto const& json : list) {
    auto const element = element_of(json);
    if (!element) return std::nullopt;
    vector.push_back(*element);
  }
  return vector;
}

/// Single precision, little-endian.
std::optional<Vector> read_base64(std::string text) {
  for (auto& letter : text) {  // the decoder knows the other alphabet
    if (letter == '+') letter = '-';
    if (letter == '/') letter = '_';
  }
  auto const bytes = storage::decode_base64url(text);
  if (!bytes || bytes->size() % 4 != 0) return std::nullopt;
  Vector vector;
  vector.reserve(bytes->size() / 4);
  for (std::size_t at = 0; at < bytes->size(); at += 4) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 4; ++i)
      bits |= static_cast<std::uint32_t>(static_cast<std::uint8_t>((*bytes)[at + i])) << (8 * i);
    auto const number = std::bit_cast<float>(bits);
    if (!std::isfinite(number)) return std::nullopt;
    vector.push_back(shortest(number));
  }
  return vector;
}

std::optional<Vector> read_vector(Json const* embedding) {
  if (embedding == nullptr) return std::nullopt;
  if (auto const* const list = embedding->as_array()) return read_numbers(*list);
  if (auto const* const text = embedding->as_string()) return read_base64(*text);
  return std::nullopt;
}

/// Which text an entry is about: what it says, else its place.
std::size_t index_of(Json const& entry, std::size_t place) {
  auto const* const index = entry.find("index");
  auto const* const number = index == nullptr ? nullptr : index->as_integer();
  return number != nullptr && *number >= 0 ? static_cast<std::size_t>(*number) : place;
}

}  // namespace

std::string write_embeddings_request(std::string const& model,
                                     model::EmbeddingsRequest const& request,
                                     model::EmbeddingsEncoding encoding) {
  Json body;
  body.set("model", model).set("input", Json::Array(request.input.begin(), request.input.end()));
  if (request.dimensions) body.set("dimensions", std::uint64_t{*request.dimensions});
  body.set("encoding_format", encoding == model::EmbeddingsEncoding::base64 ? "base64" : "float");
  return to_string(body);
}

OrFault<EmbeddingsAnswer> read_embeddings_answer(std::string_view body,
                                                 model::EmbeddingsRequest const& request) {
  auto const json = parse_json(body);
  if (!json) return std::unexpected(malformed("the answer is no JSON: " + json.error().detail));
  if (auto const* const error = json->find("error"); error != nullptr && !error->is_null())
    return std::unexpected(fault_of_error(read_error(body)));
  auto const* const data = json->find("data");
  if (data == nullptr || data->as_array() == nullptr)
    return std::unexpected(malformed("the answer has no list of vectors"));
  auto const count = request.input.size();
  if (data->as_array()->size() != count)
    return std::unexpected(malformed("the answer has " + std::to_string(data->as_array()->size()) +
                                     " vectors of " + std::to_string(count) + " texts"));
  EmbeddingsAnswer answer;
  answer.vectors.resize(count);
  std::size_t place = 0;
  for (auto const& entry : *data->as_array()) {
    auto const at = index_of(entry, place++);
    auto vector = read_vector(entry.find("embedding"));
    if (at >= count || !answer.vectors[at].empty())
      return std::unexpected(malformed("the answer has no vector, or two, of one of the texts"));
    if (!vector || vector->empty())
      return std::unexpected(malformed("vector " + std::to_string(at) + " of the answer is none"));
    answer.vectors[at] = std::move(*vector);
  }
  auto const length = request.dimensions ? *request.dimensions : answer.vectors.front().size();
  for (auto const& vector : answer.vectors)
    if (vector.size() != length)
      return std::unexpected(malformed("a vector of the answer has " +
                                       std::to_string(vector.size()) + " numbers in place of " +
                                       std::to_string(length)));
  answer.model = presentable(json->text("model"), 200);
  if (auto usage = read_usage(*json)) answer.usage = *usage;
  return answer;
}

}  // namespace dalsegno::activities
