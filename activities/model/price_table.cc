#include "activities/model/price_table.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace dalsegno::activities {
namespace {

constexpr double per_tokens = 1e6;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

/// "*" stands for any text, "#" for a digit. The last star is tried further and further on: what
/// was matched before it need not be looked at again.
bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::optional<std::pair<std::size_t, std::size_t>> star;  // after it in the pattern; in the text
  while (t < text.size()) {
    bool const is_digit = text[t] >= '0' && text[t] <= '9';
    if (p < pattern.size() && pattern[p] == '*') {
      star = {++p, t};
    } else if (p < pattern.size() && (pattern[p] == text[t] || (pattern[p] == '#' && is_digit))) {
      ++p, ++t;
    } else if (star) {
      p = star->first;
      t = ++star->second;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::chrono::microseconds time_of_day(Time time) {
  return time - std::chrono::floor<std::chrono::days>(time);
}

double tokens(std::uint64_t count) { return static_cast<double>(count); }

}  // namespace

Result<Cost> PriceTable::cost(std::string_view provider,
                              std::string_view model,
                              Usage const& usage,
                              Time at) const {
  auto const* const seller = find_provider(provider);
  if (seller == nullptr)
    return Error(Errc::not_found,
                 "prices " + version_ + ": there is no provider \"" + std::string(provider) + '"');
  auto const* const found = find_model(*seller, lower(model));
  if (found == nullptr)
    return Error(Errc::not_found,
                 "prices " + version_ + ": provider \"" + seller->id + "\" has no model \"" +
                     std::string(model) + '"');
  auto const holds = [&](Rate const& rate) {
    if (rate.from && at < *rate.from) return false;
    auto const now = time_of_day(at);
    return !rate.daily || (rate.daily->first <= now && now < rate.daily->second);
  };
  auto const last = std::find_if(found->rates.rbegin(), found->rates.rend(), holds);
  if (last == found->rates.rend())
    return Error(Errc::not_found,
                 "prices " + version_ + ": model \"" + found->id + "\" has no price at that time");
  auto const price = [&](std::optional<double> Prices::* kind) {
    auto value = last->prices.*kind;
    for (auto const& above : last->above)
      if (usage.input > above.input_tokens && above.prices.*kind) value = above.prices.*kind;
    return value;
  };
  auto const input = price(&Prices::input).value_or(0);
  auto const cached = price(&Prices::cached).value_or(input);
  auto const cache_write = price(&Prices::cache_write).value_or(input);
  auto const audio = price(&Prices::input_audio).value_or(input);
  auto const cached_audio = price(&Prices::cached_audio).value_or(cached);
  auto const output = price(&Prices::output).value_or(0);
  auto const output_audio = price(&Prices::output_audio).value_or(output);
  auto const output_image = price(&Prices::output_image).value_or(output);
  // A reader of usage sees to it that parts are not more than their whole.
  auto const new_audio = tokens(usage.input_audio) - tokens(usage.cached_audio);
  auto const new_text =
      tokens(usage.input) - tokens(usage.cached) - tokens(usage.cache_write) - new_audio;
  auto const cached_text = tokens(usage.cached) - tokens(usage.cached_audio);
  auto const text = tokens(usage.output) - tokens(usage.output_audio) - tokens(usage.output_image);
  return Cost{
      .input = (new_text * input + cached_text * cached + tokens(usage.cache_write) * cache_write +
                new_audio * audio + tokens(usage.cached_audio) * cached_audio) /
               per_tokens,
      .output = (text * output + tokens(usage.output_audio) * output_audio +
                 tokens(usage.output_image) * output_image) /
                per_tokens,
      .request = last->request,
      .version = version_};
}

PriceTable::Provider const* PriceTable::find_provider(std::string_view id) const {
  auto const found = std::ranges::find(providers_, id, &Provider::id);
  return found == providers_.end() ? nullptr : &*found;
}

PriceTable::Model const* PriceTable::find_model(Provider const& provider,
                                                std::string_view name) const {
  auto const among = [&](std::vector<Model> const& models) -> Model const* {
    auto const is_named = [&](Model const& model) {
      return std::ranges::any_of(model.names,
                                 [&](std::string const& one) { return matches(one, name); });
    };
    auto const found = std::ranges::find_if(models, is_named);
    return found == models.end() ? nullptr : &*found;
  };
  auto const* model = among(provider.models);
  for (std::size_t i = 0; model == nullptr && i < provider.fallback.size(); ++i)
    model = among(find_provider(provider.fallback[i])->models);
  return model;
}

}  // namespace dalsegno::activities
