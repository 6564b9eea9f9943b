// Reads the file of a price table; its form is described at PriceTable.

#include "activities/model/price_table.h"
#include "dalsegno/json.h"
#include "dalsegno/try.h"

#include <charconv>

namespace dalsegno::activities {

class PriceReader {
 public:
  Result<PriceTable> read(Json const& file) {
    auto const* format = file.find("dalsegno_prices");
    if (format == nullptr || format->as_integer() == nullptr || *format->as_integer() != 1)
      return wrong("\"dalsegno_prices\" is not 1");
    PriceTable table;
    table.version_ = std::string(file.text("version"));
    if (table.version_.empty()) return wrong("there is no \"version\"");
    TRY(table.date_, day(file.text("date")));
    TRY(auto const* const providers, list(file, "providers"));
    for (auto const& provider : *providers) {
      TRY(auto one, read_provider(provider));
      if (table.find_provider(one.id) != nullptr) return wrong("it is there twice");
      table.providers_.push_back(std::move(one));
    }
    for (auto const& provider : table.providers_)
      for (auto const& other : provider.fallback)
        if (table.find_provider(other) == nullptr)
          return wrong("provider \"" + provider.id + "\": no such fallback: " + other);
    return table;
  }

 private:
  using Prices = PriceTable::Prices;

  Error wrong(std::string_view what) const {
    return {Errc::invalid, "prices: " + place_ + std::string(what)};
  }

  Result<Json::Array const*> list(Json const& object, std::string_view name) const {
    auto const* value = object.find(name);
    if (value == nullptr || value->as_array() == nullptr)
      return wrong("\"" + std::string(name) + "\" is no list");
    return value->as_array();
  }

  Result<std::vector<std::string>> texts(Json const& object, std::string_view name) const {
    TRY(auto const* const values, list(object, name));
    std::vector<std::string> out;
    for (auto const& value : *values) {
      if (value.as_string() == nullptr || value.as_string()->empty())
        return wrong("\"" + std::string(name) + "\" has something that is no text");
      out.push_back(*value.as_string());
    }
    return out;
  }

  /// Both digits of "00" to "99" at `at`.
  static std::optional<unsigned> number(std::string_view text, std::size_t at, std::size_t length) {
    unsigned value = 0;
    auto const* const end = text.data() + at + length;
    auto const [stop, error] = std::from_chars(text.data() + at, end, value);
    return error == std::errc() && stop == end ? std::optional(value) : std::nullopt;
  }

  /// "2026-08-31"
  Result<Time> day(std::string_view text) const {
    if (text.size() == 10 && text[4] == '-' && text[7] == '-') {
      auto const year = number(text, 0, 4);
      auto const month = number(text, 5, 2);
      auto const date = number(text, 8, 2);
      if (year && month && date) {
        std::chrono::year_month_day const ymd(std::chrono::year(static_cast<int>(*year)),
                                              std::chrono::month(*month),
                                              std::chrono::day(*date));
        if (ymd.ok()) return Time(std::chrono::sys_days(ymd));
      }
    }
    return wrong("\"" + std::string(text) + "\" is no day: expected YYYY-MM-DD");
  }

  /// "16:30"
  Result<std::chrono::minutes> minute(std::string_view text) const {
    if (text.size() == 5 && text[2] == ':') {
      auto const hours = number(text, 0, 2);
      auto const minutes = number(text, 3, 2);
      if (hours && minutes && *hours <= 24 && *minutes < 60)
        return std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
    }
    return wrong("\"" + std::string(text) + "\" is no time of day: expected HH:MM");
  }

  Result<std::optional<double>> price(Json const& object, std::string_view name) const {
    auto const* value = object.find(name);
    if (value == nullptr) return std::optional<double>();
    auto const number = value->as_double();
    if (!number || !(*number >= 0)) return wrong("\"" + std::string(name) + "\" is no price");
    return number;
  }

  Result<Prices> read_prices(Json const& object) const {
    Prices prices;
    TRY(prices.input, price(object, "input"));
    TRY(prices.cached, price(object, "cached"));
    TRY(prices.cache_write, price(object, "cache_write"));
    TRY(prices.output, price(object, "output"));
    TRY(prices.input_audio, price(object, "input_audio"));
    TRY(prices.cached_audio, price(object, "cached_audio"));
    TRY(prices.output_audio, price(object, "output_audio"));
    TRY(prices.output_image, price(object, "output_image"));
    return prices;
  }

  Result<PriceTable::Rate> read_rate(Json const& object) const {
    PriceTable::Rate rate;
    TRY(rate.prices, read_prices(object));
    TRY(auto const request, price(object, "request"));
    rate.request = request.value_or(0);
    if (object.find("from") != nullptr) {
      TRY(rate.from, day(object.text("from")));
    }
    if (object.find("daily") != nullptr) {
      TRY(auto const times, texts(object, "daily"));
      if (times.size() != 2) return wrong("\"daily\" has to be two times");
      TRY(auto const begin, minute(times[0]));
      TRY(auto const end, minute(times[1]));
      rate.daily = {begin, end};
    }
    if (object.find("above") == nullptr) return rate;
    TRY(auto const* const steps, list(object, "above"));
    for (auto const& step : *steps) {
      auto const* tokens = step.find("input_tokens");
      if (tokens == nullptr || tokens->as_integer() == nullptr || *tokens->as_integer() < 0)
        return wrong("\"above\": \"input_tokens\" is no count");
      auto const count = static_cast<std::uint64_t>(*tokens->as_integer());
      if (!rate.above.empty() && rate.above.back().input_tokens >= count)
        return wrong("\"above\" does not rise");
      TRY(auto const prices, read_prices(step));
      rate.above.push_back({.input_tokens = count, .prices = prices});
    }
    return rate;
  }

  Result<PriceTable::Provider> read_provider(Json const& object) {
    PriceTable::Provider provider{
        .id = std::string(object.text("id")), .fallback = {}, .models = {}};
    place_ = "provider \"" + provider.id + "\": ";
    if (provider.id.empty()) return wrong("it has no \"id\"");
    if (object.find("fallback") != nullptr) {
      TRY(provider.fallback, texts(object, "fallback"));
    }
    TRY(auto const* const models, list(object, "models"));
    for (auto const& entry : *models) {
      PriceTable::Model model{.id = std::string(entry.text("id")), .names = {}, .rates = {}};
      place_ = "provider \"" + provider.id + "\", model \"" + model.id + "\": ";
      if (model.id.empty()) return wrong("it has no \"id\"");
      TRY(model.names, texts(entry, "names"));
      TRY(auto const* const rates, list(entry, "rates"));
      for (auto const& one : *rates) {
        TRY(auto rate, read_rate(one));
        model.rates.push_back(std::move(rate));
      }
      provider.models.push_back(std::move(model));
    }
    place_ = "provider \"" + provider.id + "\": ";
    return provider;
  }

  std::string place_;
};

Result<PriceTable> PriceTable::parse(std::string_view json) {
  auto const file = parse_json(json);
  if (!file) return Error(Errc::invalid, "prices: " + file.error().detail);
  return PriceReader().read(*file);
}

}  // namespace dalsegno::activities
