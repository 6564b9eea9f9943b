#pragma once

#include "activities/model/usage.h"
#include "dalsegno/ids.h"
#include "dalsegno/result.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dalsegno::activities {

/// What a call cost, in USD.
struct Cost {
  double input = 0;
  double output = 0;
  double request = 0;   ///< for the call itself
  std::string version;  ///< of the table it was taken from: prices age
  [[nodiscard]] double total() const { return input + output + request; }
};

/// What models cost at the providers that serve them.
///
/// The file: {"dalsegno_prices": 1, "version", "date", "providers": [{"id", "fallback": [provider],
/// "models": [{"id", "names": [pattern], "rates": [rate]}]}]}. A pattern matches a whole model
/// name, in lower case; "*" stands for any text, "#" for a digit; the first model that matches
/// counts, then those of the fallbacks. A rate has USD for a million tokens under "input",
/// "cached", "cache_write", "output", "input_audio", "cached_audio", "output_audio",
/// "output_image", and USD for a call under "request". Of several rates the last one that holds
/// counts: "from" is the day it begins (UTC), "daily" the times of day between which it holds.
/// "above": [{"input_tokens", ..}] has other prices for all tokens of a prompt that is longer.
///
/// Thread: const use from several threads is fine.
class PriceTable {
 public:
  /// Errors: Errc::invalid, naming the provider and model.
  [[nodiscard]] static Result<PriceTable> parse(std::string_view json);

  [[nodiscard]] std::string const& version() const { return version_; }
  /// The first second of the day that the table is of.
  [[nodiscard]] Time date() const { return date_; }

  /// What `usage` costs for `model` at `provider` at a time. A kind of token without a price of its
  /// own costs what tokens of its direction cost; reasoning costs what output costs.
  /// Errors: Errc::not_found when the table has no such provider or model.
  [[nodiscard]] Result<Cost> cost(std::string_view provider,
                                  std::string_view model,
                                  Usage const& usage,
                                  Time at) const;

 private:
  /// USD for a million tokens.
  struct Prices {
    std::optional<double> input;
    std::optional<double> cached;
    std::optional<double> cache_write;
    std::optional<double> output;
    std::optional<double> input_audio;
    std::optional<double> cached_audio;
    std::optional<double> output_audio;
    std::optional<double> output_image;
  };
  struct Above {
    std::uint64_t input_tokens = 0;
    Prices prices;
  };
  struct Rate {
    std::optional<Time> from;
    std::optional<std::pair<std::chrono::minutes, std::chrono::minutes>> daily;
    Prices prices;
    std::vector<Above> above;  // rising
    double request = 0;
  };
  struct Model {
    std::string id;
    std::vector<std::string> names;
    std::vector<Rate> rates;
  };
  struct Provider {
    std::string id;
    std::vector<std::string> fallback;
    std::vector<Model> models;
  };
  friend class PriceReader;

  [[nodiscard]] Provider const* find_provider(std::string_view id) const;
  [[nodiscard]] Model const* find_model(Provider const& provider, std::string_view name) const;

  std::string version_;
  Time date_;
  std::vector<Provider> providers_;
};

/// Our own table, prices.json, as of its date.
[[nodiscard]] PriceTable const& builtin_prices();

}  // namespace dalsegno::activities
