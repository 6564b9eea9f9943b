#include "activities/model/usage.h"

#include "dalsegno/try.h"

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::activities {
namespace {

/// Reads counts of one object; the first thing that is wrong stays.
class Counts {
 public:
  explicit Counts(Json const& from) : from_(from) {}

  /// The count that "member" or "object.member" names; nothing if it is absent or null.
  std::optional<std::uint64_t> find(std::string_view path) {
    auto const dot = path.find('.');
    auto const* value = from_.find(path.substr(0, dot));
    if (value != nullptr && dot != std::string_view::npos)
      value = value->find(path.substr(dot + 1));
    return value == nullptr ? std::nullopt : count(*value, path);
  }

  /// The first of `paths` that is there and not 0; 0 without.
  std::uint64_t any(std::initializer_list<std::string_view> paths) {
    for (auto const path : paths)
      if (auto const count = find(path); count.value_or(0) > 0) return *count;
    return 0;
  }

  /// The sum of the entries {"modality": `modality`, "tokenCount": n} of the list `member`.
  std::uint64_t of_modality(std::string_view member, std::string_view modality) {
    auto const* list = from_.find(member);
    if (list == nullptr || list->as_array() == nullptr) return 0;
    std::uint64_t sum = 0;
    for (auto const& entry : *list->as_array())
      if (entry.text("modality") == modality)
        if (auto const* value = entry.find("tokenCount")) sum += count(*value, member).value_or(0);
    return sum;
  }

  [[nodiscard]] std::optional<Error> const& error() const { return error_; }

 private:
  std::optional<std::uint64_t> count(Json const& value, std::string_view path) {
    if (value.is_null()) return std::nullopt;
    auto const* number = value.as_integer();
    if (number != nullptr && *number >= 0 &&
        static_cast<std::uint64_t>(*number) <= max_usage_tokens)
      return static_cast<std::uint64_t>(*number);
    if (!error_)
      error_ = Error(Errc::invalid,
                     "usage: \"" + std::string(path) + "\" is no count of tokens: it is a " +
                         std::string(value.kind()));
    return std::nullopt;
  }

  Json const& from_;
  std::optional<Error> error_;
};

Usage read_gemini(Counts& counts) {
  Usage usage;
  usage.input = counts.any({"promptTokenCount"}) + counts.any({"toolUsePromptTokenCount"});
  usage.cached = counts.any({"cachedContentTokenCount"});
  usage.reasoning = counts.any({"thoughtsTokenCount"});
  usage.output = counts.any({"candidatesTokenCount"}) + usage.reasoning;
  usage.input_audio = counts.of_modality("promptTokensDetails", "AUDIO") +
                      counts.of_modality("toolUsePromptTokensDetails", "AUDIO");
  usage.cached_audio = counts.of_modality("cacheTokensDetails", "AUDIO");
  usage.output_audio = counts.of_modality("candidatesTokensDetails", "AUDIO");
  usage.output_image = counts.of_modality("candidatesTokensDetails", "IMAGE");
  return usage;
}

/// Everyone else: the spellings do not collide.
Usage read_common(Counts& counts) {
  Usage usage;
  auto const cached_outside =
      counts.any({"cache_read_input_tokens", "cacheReadInputTokens", "cacheReadInputTokenCount"});
  auto const written_outside = counts.any(
      {"cache_creation_input_tokens", "cacheWriteInputTokens", "cacheWriteInputTokenCount"});
  usage.cached = cached_outside + counts.any({"prompt_tokens_details.cached_tokens",
                                              "input_tokens_details.cached_tokens",
                                              "cached_prompt_text_tokens",
                                              "num_cached_tokens",
                                              "cached_tokens",
                                              "prompt_cache_hit_tokens"});
  usage.cache_write = written_outside + counts.any({"prompt_tokens_details.cache_write_tokens",
                                                    "input_tokens_details.cache_write_tokens"});
  usage.input = counts.any({"prompt_tokens",
                            "input_tokens",
                            "inputTokens",
                            "tokens.input_tokens",
                            "prompt_eval_count"}) +
                cached_outside + written_outside;
  usage.output = counts.any(
      {"completion_tokens", "output_tokens", "outputTokens", "tokens.output_tokens", "eval_count"});
  usage.reasoning = counts.any({"completion_tokens_details.reasoning_tokens",
                                "output_tokens_details.reasoning_tokens",
                                "output_tokens_details.thinking_tokens"});
  auto const total = counts.any({"total_tokens"});
  if (usage.reasoning > 0 && total == usage.input + usage.output + usage.reasoning)
    usage.output += usage.reasoning;
  usage.input_audio =
      counts.any({"prompt_tokens_details.audio_tokens", "input_tokens_details.audio_tokens"});
  usage.cached_audio = counts.any({"prompt_tokens_details.cached_tokens_details.audio_tokens"});
  usage.output_audio =
      counts.any({"completion_tokens_details.audio_tokens", "output_tokens_details.audio_tokens"});
  usage.output_image = counts.any({"completion_tokens_details.image_tokens"});
  return usage;
}

/// llama.cpp: what was evaluated and what was in the cache together are the prompt.
Usage read_timings(Counts& counts) {
  Usage usage;
  usage.cached = counts.any({"cache_n"});
  usage.input = counts.any({"prompt_n"}) + usage.cached;
  usage.output = counts.any({"predicted_n"});
  return usage;
}

/// A count without which an object is no usage.
bool has_any(Json const& object, std::initializer_list<std::string_view> names) {
  for (auto const name : names)
    if (object.find(name) != nullptr) return true;
  return false;
}

bool is_common(Json const& object) {
  return has_any(object,
                 {"prompt_tokens",
                  "completion_tokens",
                  "input_tokens",
                  "output_tokens",
                  "inputTokens",
                  "outputTokens",
                  "prompt_eval_count",
                  "eval_count",
                  "tokens"});
}

Result<Usage> checked(Usage const& usage, Counts const& counts) {
  if (counts.error()) return *counts.error();
  auto const within = [](std::string_view part,
                         std::uint64_t count,
                         std::string_view whole,
                         std::uint64_t of) -> Result<> {
    if (count <= of) return {};
    return Error(Errc::invalid,
                 "usage: " + std::to_string(count) + " tokens " + std::string(part) + " of only " +
                     std::to_string(of) + ' ' + std::string(whole));
  };
  TRY_VOID(within("in the cache", usage.cached + usage.cache_write, "in the prompt", usage.input));
  TRY_VOID(within("of reasoning", usage.reasoning, "of output", usage.output));
  TRY_VOID(within("of audio", usage.input_audio, "in the prompt", usage.input));
  TRY_VOID(within("of cached audio", usage.cached_audio, "of audio", usage.input_audio));
  TRY_VOID(within("of cached audio", usage.cached_audio, "in the cache", usage.cached));
  TRY_VOID(within(
      "of audio and images", usage.output_audio + usage.output_image, "of output", usage.output));
  return usage;
}

Result<Usage> read_object(Json const& object) {
  Counts counts(object);
  if (has_any(object, {"promptTokenCount", "candidatesTokenCount"}))
    return checked(read_gemini(counts), counts);
  if (is_common(object)) return checked(read_common(counts), counts);
  if (has_any(object, {"prompt_n", "predicted_n"})) return checked(read_timings(counts), counts);
  return Error(Errc::not_found, "usage: the answer has no count of tokens");
}

}  // namespace

Result<Usage> read_usage(Json const& answer) {
  // Where it lies: an answer's own, or that of the answer within an event of a stream. Cohere's
  // "billed_units" come before what it counted.
  constexpr std::string_view wrappers[] = {
      "response", "message", "usage", "usageMetadata", "meta", "billed_units"};
  auto const* object = &answer;
  for (auto const wrapper : wrappers)
    if (auto const* inner = object->find(wrapper);
        inner != nullptr && inner->as_object() != nullptr)
      object = inner;
  auto const* timings = answer.find("timings");
  if (timings == nullptr) return read_object(*object);
  if (!is_common(*object)) return read_object(*timings);
  // llama.cpp's usage does not say what was cached, its timings do.
  TRY(auto usage, read_object(*object));
  TRY(auto const timed, read_object(*timings));
  if (usage.cached == 0 && timed.cached <= usage.input) usage.cached = timed.cached;
  return usage;
}

}  // namespace dalsegno::activities
