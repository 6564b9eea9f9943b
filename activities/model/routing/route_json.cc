#include "activities/model/routing/route_json.h"

#include "dalsegno/try.h"
#include "engine/policy/grammar.h"
#include "engine/policy/nearest.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>

namespace dalsegno::activities {
namespace {

constexpr std::array<std::string_view, 16> members = {"text",
                                                      "prompt_tokens",
                                                      "output_tokens",
                                                      "tools",
                                                      "schema_bytes",
                                                      "risk",
                                                      "data_class",
                                                      "turn",
                                                      "failures",
                                                      "repetitions",
                                                      "deadline_seconds",
                                                      "budget_usd",
                                                      "model",
                                                      "warm_tokens",
                                                      "not_permitted",
                                                      "unhealthy"};

/// Reads one file; remembers the first thing that is wrong with it.
class Reader {
 public:
  explicit Reader(LocatedJson const& file) : file_(file) {}

  Result<RouteRequest> read() {
    auto const* const object = file_.value.as_object();
    if (object == nullptr) return at("", "a request is an object");
    for (auto const& member : *object) check_name(member.name);
    RouteRequest request;
    read_text("text", request.text);
    read_count("prompt_tokens", request.prompt_tokens);
    read_count("output_tokens", request.output_tokens);
    read_count("tools", request.tools);
    read_count("schema_bytes", request.schema_bytes);
    read_risk(request.risk);
    read_text("data_class", request.data_class);
    read_count("turn", request.turn);
    read_count("failures", request.failures);
    read_count("repetitions", request.repetitions);
    read_amount("deadline_seconds", request.deadline_seconds);
    read_amount("budget_usd", request.budget_usd);
    read_text("model", request.model);
    read_count("warm_tokens", request.warm_tokens);
    read_names("not_permitted", request.not_permitted);
    read_names("unhealthy", request.unhealthy);
    if (wrong_) return *wrong_;
    return request;
  }

 private:
  [[nodiscard]] Error at(std::string const& pointer, std::string const& what) const {
    auto const place = file_.place(pointer);
    return {Errc::invalid,
            "line " + std::to_string(place.line) + ", column " + std::to_string(place.column) +
                ": " + what};
  }
  void note(std::string_view name, std::string const& what) {
    if (!wrong_) wrong_ = at("/" + std::string(name), "\"" + std::string(name) + "\" " + what);
  }
  void check_name(std::string const& name) {
    if (wrong_ || std::ranges::find(members, name) != members.end()) return;
    std::string what = "there is no member of a request with this name";
    if (auto const near = engine::nearest(name, members))
      what += "; did you mean \"" + std::string(*near) + "\"?";
    std::string pointer = "/";
    for (char const c : name) pointer += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    wrong_ = at(pointer + "#key", what);
  }

  void read_text(std::string_view name, std::string& text) {
    auto const* const value = file_.value.find(name);
    if (value == nullptr) return;
    if (value->as_string() == nullptr) return note(name, "is no text");
    text = *value->as_string();
  }
  template <class Count>
  void read_count(std::string_view name, Count& count) {
    auto const* const value = file_.value.find(name);
    if (value == nullptr) return;
    auto const* const number = value->as_integer();
    if (number == nullptr || *number < 0 || !std::in_range<Count>(*number))
      return note(
          name,
          "is no whole number from 0 to " + std::to_string(std::numeric_limits<Count>::max()));
    count = static_cast<Count>(*number);
  }
  void read_amount(std::string_view name, std::optional<double>& amount) {
    auto const* const value = file_.value.find(name);
    if (value == nullptr) return;
    amount = value->as_double();
    if (!amount || *amount < 0) note(name, "is no number from 0");
  }
  void read_names(std::string_view name, std::vector<std::string>& names) {
    auto const* const value = file_.value.find(name);
    if (value == nullptr) return;
    if (value->as_array() == nullptr) return note(name, "is no list of models");
    for (auto const& each : *value->as_array()) {
      if (each.as_string() == nullptr) return note(name, "is no list of models");
      names.push_back(*each.as_string());
    }
  }
  void read_risk(Risk& risk) {
    std::string text;
    read_text("risk", text);
    if (file_.value.find("risk") == nullptr || wrong_) return;
    auto const found = std::ranges::find(engine::risk_names, text);
    if (found == engine::risk_names.end())
      return note("risk", "is none of read, write, destructive, money, external");
    risk = static_cast<Risk>(1 + (found - engine::risk_names.begin()));
  }

  LocatedJson const& file_;
  std::optional<Error> wrong_;
};

Json to_json_value(RoutedCandidate const& candidate) {
  Json json;
  json.set("model", candidate.name)
      .set("tier", candidate.tier)
      .set("call_usd", candidate.call_usd)
      .set("prefill_usd", candidate.prefill_usd)
      .set("total_usd", candidate.total_usd)
      .set("seconds", candidate.seconds);
  if (candidate.rejected) json.set("rejected", name_of(*candidate.rejected));
  return json;
}

}  // namespace

Result<RouteRequest> parse_route_request(std::string_view json) {
  TRY(auto const file, parse_located_json(json));
  return Reader(file).read();
}

Json to_json_value(RouteRequest const& request) {
  Json json;
  json.set("prompt_tokens", request.prompt_tokens)
      .set("output_tokens", request.output_tokens)
      .set("tools", request.tools)
      .set("schema_bytes", request.schema_bytes)
      .set("turn", request.turn);
  if (request.risk != Risk::undeclared)
    json.set("risk", engine::risk_names[static_cast<std::size_t>(request.risk) - 1]);
  if (!request.data_class.empty()) json.set("data_class", request.data_class);
  if (request.failures > 0) json.set("failures", request.failures);
  if (request.repetitions > 0) json.set("repetitions", request.repetitions);
  if (request.deadline_seconds) json.set("deadline_seconds", *request.deadline_seconds);
  if (request.budget_usd) json.set("budget_usd", *request.budget_usd);
  if (!request.model.empty())
    json.set("model", request.model).set("warm_tokens", request.warm_tokens);
  auto const set_names = [&](char const* member, std::vector<std::string> const& names) {
    Json::Array list;
    for (auto const& name : names) list.push_back(name);
    if (!list.empty()) json.set(member, std::move(list));
  };
  set_names("not_permitted", request.not_permitted);
  set_names("unhealthy", request.unhealthy);
  return json;
}

Json to_json_value(RouteDecision const& decision) {
  Json::Array parts;
  for (auto const& [name, value] : decision.text.parts)
    parts.push_back(Json().set("signal", name).set("adds", value));
  Json::Array candidates;
  for (auto const& candidate : decision.candidates) candidates.push_back(to_json_value(candidate));
  Json json;
  json.set("model", decision.model.empty() ? Json() : Json(decision.model))
      .set("binding", name_of(decision.binding))
      .set("degraded", decision.degraded)
      .set("complexity", decision.complexity)
      .set("text_complexity", decision.text.share)
      .set("signals", std::move(parts))
      .set("floor_tier", decision.floor_tier)
      .set("band_tier", decision.band_tier)
      .set("candidates", std::move(candidates))
      .set("rules", decision.rules)
      .set("weights", decision.weights);
  return json;
}

}  // namespace dalsegno::activities
