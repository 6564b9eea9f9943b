#include "tools/dalsegno/policy_request.h"

#include "dalsegno/try.h"
#include "engine/policy/grammar.h"
#include "engine/policy/problems.h"
#include "engine/policy/time_text.h"

#include <array>
#include <utility>

namespace dalsegno::command {
namespace {

constexpr std::array<std::string_view, 10> request_fields = {"action",
                                                             "resource",
                                                             "principal",
                                                             "session",
                                                             "workflow",
                                                             "attempt",
                                                             "attributes",
                                                             "arguments",
                                                             "counters",
                                                             "now"};

Error wrong(std::string_view name, std::string_view wanted) {
  return {Errc::invalid,
          "the request's " + engine::quoted(name) + " must be " + std::string(wanted)};
}

Error unknown(std::string_view what,
              std::string_view name,
              std::span<std::string_view const> known) {
  return {Errc::invalid,
          "unknown " + std::string(what) + " " + engine::quoted(name) +
              engine::suggestion(name, known)};
}

Result<std::string> text_of(std::string_view name, Json const& value) {
  if (value.as_string() == nullptr) return wrong(name, "a string");
  return *value.as_string();
}

Result<std::uint64_t> number_of(std::string_view name, Json const& value) {
  auto const* const number = value.as_integer();
  if (number == nullptr || *number < 0) return wrong(name, "a whole number");
  return static_cast<std::uint64_t>(*number);
}

/// Takes "3600s/" away, if it stands there.
bool take_span(std::string_view& name) {
  auto const end = name.find_first_not_of("0123456789");
  if (end == 0 || end == std::string_view::npos || !name.substr(end).starts_with("s/"))
    return false;
  name.remove_prefix(end + 2);
  return true;
}

/// Whether a decision could record a counter or the use of a rate under that name: one that is
/// misspelt would be passed over.
bool names_counter(std::string_view name) {
  constexpr std::string_view rate = "rate/";
  if (name.starts_with(rate)) {
    name.remove_prefix(rate.size());
    return take_span(name) && !name.empty();
  }
  for (std::string_view const scope : {"calls/session/", "calls/tenant/"}) {
    if (!name.starts_with(scope)) continue;
    name.remove_prefix(scope.size());
    static_cast<void>(take_span(name));
    auto const end = name.find('/');
    return end != std::string_view::npos && end + 1 < name.size() &&
           engine::action_number(name.substr(0, end)).has_value();
  }
  return false;
}

}  // namespace

Result<std::unique_ptr<WrittenRequest>> WrittenRequest::read(Json const& json, Time now) {
  std::unique_ptr<WrittenRequest> out(new WrittenRequest);
  out->now_ = now;
  if (json.as_object() == nullptr) return Error{Errc::invalid, "a request must be an object"};
  for (auto const& [name, value] : *json.as_object()) TRY_VOID(out->take(name, value));
  if (!engine::action_number(out->action_))
    return unknown("action", out->action_, engine::action_names);
  return out;
}

Result<> WrittenRequest::take(std::string_view name, Json const& value) {
  if (name == "action") {
    TRY(action_, text_of(name, value));
  } else if (name == "resource") {
    TRY(resource_, text_of(name, value));
  } else if (name == "session") {
    TRY(session_, text_of(name, value));
  } else if (name == "workflow") {
    TRY(workflow_, text_of(name, value));
  } else if (name == "principal") {
    return take_principal(value);
  } else if (name == "attempt") {
    TRY(auto const attempt, number_of(name, value));
    attempt_ = static_cast<std::uint32_t>(attempt);
  } else if (name == "arguments") {
    arguments_ = to_string(value);
  } else if (name == "now") {
    auto const now =
        value.as_string() == nullptr ? std::nullopt : engine::parse_instant(*value.as_string());
    if (!now) return wrong(name, "a time as RFC 3339");
    now_ = *now;
  } else if (name == "attributes" || name == "counters") {
    if (value.as_object() == nullptr) return wrong(name, "an object");
    for (auto const& member : *value.as_object()) {
      if (name == "counters") {
        if (!names_counter(member.name))
          return Error{Errc::invalid,
                       engine::quoted(member.name) +
                           " is no counter: write \"calls/session/tool.call/NAME\", "
                           "\"calls/tenant/3600s/tool.call/NAME\" or \"rate/60s/RULE\""};
        TRY(counters_[member.name], number_of(member.name, member.value));
        continue;
      }
      if (!engine::attribute_of(member.name)) {
        std::vector<std::string_view> known;
        known.reserve(std::size(engine::attribute_table));
        for (auto const& attribute : engine::attribute_table) known.push_back(attribute.name);
        return unknown("attribute", member.name, known);
      }
      attributes_.push_back({member.name, member.value});
    }
  } else {
    return unknown("member of a request", name, request_fields);
  }
  return {};
}

Result<> WrittenRequest::take_principal(Json const& value) {
  if (value.as_object() == nullptr) return wrong("principal", "an object");
  for (auto const& [name, of_principal] : *value.as_object()) {
    if (name == "kind") {
      TRY(kind_, text_of(name, of_principal));
    } else if (name == "id") {
      TRY(id_, text_of(name, of_principal));
    } else if (name == "tenant") {
      TRY(tenant_, text_of(name, of_principal));
    } else if (name == "roles") {
      if (of_principal.as_array() == nullptr) return wrong(name, "a list of strings");
      for (auto const& role : *of_principal.as_array()) {
        TRY(auto text, text_of(name, role));
        roles_.push_back(std::move(text));
      }
    } else {
      return unknown("member of a principal",
                     name,
                     std::array<std::string_view, 4>{"kind", "id", "tenant", "roles"});
    }
  }
  return {};
}

engine::PolicyRequest WrittenRequest::request() const {
  engine::PolicyRequest out{
      .principal = {.kind = kind_, .id = id_, .tenant = tenant_, .roles = roles_},
      .action = action_,
      .resource = resource_,
      .session = session_,
      .workflow = workflow_,
      .attempt = attempt_,
      .attributes = attributes_,
      .arguments = {}};
  if (arguments_) out.arguments = *arguments_;
  return out;
}

std::optional<std::uint64_t> WrittenRequest::counter(engine::CounterKey const& key) const {
  auto const found = counters_.find(name_of(key));
  if (found == counters_.end()) return std::nullopt;
  return found->second;
}

std::optional<engine::RateUse> WrittenRequest::rate(engine::RateKey const& key) const {
  auto const found = counters_.find(name_of(key));
  if (found == counters_.end()) return std::nullopt;
  return engine::RateUse{found->second, std::nullopt};
}

}  // namespace dalsegno::command
