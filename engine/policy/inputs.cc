#include "engine/policy/inputs.h"

#include "engine/policy/rate.h"

#include <algorithm>
#include <charconv>

namespace dalsegno::engine {
namespace {

std::optional<std::size_t> array_place(std::string_view text) {
  if (text.empty() || text.size() > 9 || (text.size() > 1 && text.starts_with('0')))
    return std::nullopt;
  std::size_t place = 0;
  auto const [end, code] = std::from_chars(text.data(), text.data() + text.size(), place);
  if (code != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return place;
}

}  // namespace

std::string name_of(CounterKey const& key) {
  std::string out = key.scope == CounterScope::session ? "calls/session/" : "calls/tenant/";
  if (key.window) out.append(std::to_string(key.window->count())).append("s/");
  return out.append(key.action).append("/").append(key.resource);
}

bool is_json_pointer(std::string_view text) {
  if (!text.empty() && text.front() != '/') return false;
  for (auto at = text.find('~'); at != std::string_view::npos; at = text.find('~', at + 1)) {
    if (at + 1 == text.size() || (text[at + 1] != '0' && text[at + 1] != '1')) return false;
  }
  return true;
}

JsonPointer::JsonPointer(std::string_view text) {
  while (!text.empty()) {
    text.remove_prefix(1);
    auto const end = std::min(text.find('/'), text.size());
    std::string name;
    for (std::size_t i = 0; i < end; ++i) {
      if (text[i] == '~') {
        name += text[++i] == '1' ? '/' : '~';
      } else {
        name += text[i];
      }
    }
    auto const index = array_place(name);
    parts_.push_back({std::move(name), index});
    text.remove_prefix(end);
  }
}

Json const* JsonPointer::find(Json const& root) const {
  auto const* at = &root;
  for (auto const& part : parts_) {
    if (auto const* const list = at->as_array()) {
      if (!part.index || *part.index >= list->size()) return nullptr;
      at = &(*list)[*part.index];
    } else {
      at = at->find(part.name);
      if (at == nullptr) return nullptr;
    }
  }
  return at;
}

Operand Inputs::given(AttributeName name) const {
  switch (name) {
    case AttributeName::principal_kind:
      return Operand(request_.principal.kind);
    case AttributeName::principal_id:
      return Operand(request_.principal.id);
    case AttributeName::principal_tenant:
      return Operand(request_.principal.tenant);
    case AttributeName::principal_roles:
      return Operand(request_.principal.roles);
    case AttributeName::session:
      return Operand(request_.session);
    case AttributeName::workflow:
      return Operand(request_.workflow);
    case AttributeName::resource:
      return Operand(request_.resource);
    case AttributeName::attempt:
      if (request_.attempt > 0) return Operand(std::int64_t{request_.attempt});
      break;
    default:
      break;
  }
  auto const wanted = info_of(name).name;
  for (auto const& attribute : request_.attributes) {
    if (attribute.name == wanted) return Operand(attribute.value);
  }
  return {};
}

Operand Inputs::resolved(AttributeName name) {
  auto found = std::ranges::find(resolved_, name, [](auto const& entry) { return entry.first; });
  if (found == resolved_.end()) {
    resolved_.emplace_back(name, ambient_.attribute(info_of(name).name));
    found = std::prev(resolved_.end());
  }
  return found->second ? Operand(*found->second) : Operand();
}

Operand Inputs::attribute(AttributeName name) {
  read_.attributes.set(static_cast<std::size_t>(name));
  auto const value = given(name);
  return value.absent() ? resolved(name) : value;
}

Json const* Inputs::arguments(std::string& why) {
  read_.arguments = true;
  if (!request_.arguments) {
    why = "the request has no arguments";
    return nullptr;
  }
  if (!arguments_) arguments_ = parse_json(*request_.arguments);
  if (*arguments_) return &**arguments_;
  why = "the arguments are not JSON: " + arguments_->error().detail;
  return nullptr;
}

Time Inputs::now() {
  if (!now_) now_ = ambient_.now();
  return *now_;
}

std::optional<std::uint64_t> Inputs::counter(CounterKey const& key) {
  auto name = name_of(key);
  auto const found = std::ranges::find(counters_, name, [](auto const& it) { return it.first; });
  if (found != counters_.end()) return found->second;
  if (counters_.size() == max_counters_read) return std::nullopt;
  return counters_.emplace_back(std::move(name), ambient_.counter(key)).second;
}

std::optional<RateUse> Inputs::rate(RateKey const& key) {
  return rates_.emplace_back(name_of(key), ambient_.rate(key)).second;
}

ObligationKinds Inputs::fulfils() {
  if (!fulfils_) fulfils_ = ambient_.fulfils();
  return *fulfils_;
}

void Inputs::leave(Decision& decision) {
  decision.read = read_;
  if (now_) decision.ambient.push_back({"time", std::to_string(now_->time_since_epoch().count())});
  for (auto& [name, count] : counters_)
    decision.ambient.push_back({std::move(name), count ? std::to_string(*count) : "null"});
  for (auto& [name, use] : rates_)
    decision.ambient.push_back({std::move(name), use ? recorded_text(*use) : "null"});
  for (auto const& [name, value] : resolved_) {
    if (!value) continue;
    decision.ambient.push_back({"attribute:" + std::string(info_of(name).name), canonical(*value)});
  }
  if (fulfils_) {
    Json list = Json::Array{};
    for (std::size_t kind = 0; kind < obligation_count; ++kind) {
      if ((*fulfils_)[kind]) list.as_array()->emplace_back(obligation_names[kind]);
    }
    decision.ambient.push_back({"fulfils", canonical(list)});
  }
}

}  // namespace dalsegno::engine
