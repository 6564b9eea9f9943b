// Obligations. One that is not known, or not whole, refuses the document: so it denies.

#include "engine/policy/inputs.h"
#include "engine/policy/reading.h"
#include "engine/policy/time_text.h"

#include <algorithm>

namespace dalsegno::engine {
namespace {

class ObligationReader {
 public:
  explicit ObligationReader(Reading& reading) : reading_(reading) {}

  void check(ObligationKind kind, Json const& value, Json const& all, std::string const& pointer) {
    switch (kind) {
      case ObligationKind::redact:
        return check_pointers(all, value, pointer);
      case ObligationKind::reveal:
      case ObligationKind::route: {
        auto const parent = pointer.substr(0, pointer.rfind('/'));
        static_cast<void>(reading_.patterns(all, parent, name_of(kind)));
        return;
      }
      case ObligationKind::require_approval:
        return check_approval(value, pointer);
      case ObligationKind::rate:
        return check_rate(value, pointer);
      case ObligationKind::log:
        if (value.as_string() == nullptr)
          return reading_.note_wrong_kind(pointer, "log", "a level", value);
        static_cast<void>(reading_.word(*value.as_string(), pointer, "level", log_levels));
        return;
    }
  }

 private:
  void check_pointers(Json const& all, Json const& value, std::string const& pointer) {
    auto const before = value.as_array() == nullptr;
    auto const parent = pointer.substr(0, pointer.rfind('/'));
    static_cast<void>(reading_.patterns(all, parent, "redact"));  // notes what is wrong with a list
    if (before) return;
    for (std::size_t i = 0; i < value.as_array()->size(); ++i) {
      auto const* const path = (*value.as_array())[i].as_string();
      if (path != nullptr && !path->empty() && !is_json_pointer(*path))
        reading_.note(pointer / i, quoted(*path) + " is no JSON pointer: write \"/email\"");
    }
  }

  void check_number(Json const& object,
                    std::string const& pointer,
                    std::string_view field,
                    std::int64_t most) {
    auto const* const value = object.find(field);
    auto const* const number = value == nullptr ? nullptr : value->as_integer();
    if (number != nullptr && *number >= 1 && *number <= most) return;
    reading_.note(value == nullptr ? pointer : pointer / field,
                  quoted(field) + " must be a whole number from 1 to " + std::to_string(most));
  }

  void check_duration(Json const& object, std::string const& pointer, std::string_view field) {
    auto const* const text = reading_.string(object, pointer, field);
    if (text != nullptr && parse_duration(*text)) return;
    if (text == nullptr && object.find(field) != nullptr) return;  // noted
    reading_.note(text == nullptr ? pointer : pointer / field,
                  quoted(field) + " must be a duration (\"90s\", \"15m\", \"24h\", \"7d\")");
  }

  void check_approval(Json const& value, std::string const& pointer) {
    if (value.as_object() == nullptr)
      return reading_.note_wrong_kind(pointer, "require_approval", "an object", value);
    reading_.check_fields(value, pointer, approval_fields);
    static_cast<void>(reading_.patterns(value, pointer, "roles"));
    static_cast<void>(reading_.patterns(value, pointer, "ids"));
    if (value.find("roles") == nullptr && value.find("ids") == nullptr)
      reading_.note(pointer, "\"require_approval\" must say who: \"roles\", \"ids\" or both");
    check_number(value, pointer, "count", 10);
    check_duration(value, pointer, "within");
    if (value.find("escalate_after") == nullptr && value.find("escalate_to") == nullptr) return;
    check_duration(value, pointer, "escalate_after");
    static_cast<void>(reading_.patterns(value, pointer, "escalate_to"));
    if (value.find("escalate_to") == nullptr)
      reading_.note(pointer,
                    "\"escalate_after\" needs \"escalate_to\": the roles that may approve then");
  }

  void check_rate(Json const& value, std::string const& pointer) {
    if (value.as_object() == nullptr)
      return reading_.note_wrong_kind(pointer, "rate", "an object", value);
    reading_.check_fields(value, pointer, rate_fields);
    check_number(value, pointer, "calls", 1'000'000'000);
    check_duration(value, pointer, "per");
  }

  Reading& reading_;
};

}  // namespace

std::vector<Obligation> read_obligations(Reading& reading,
                                         Json const& value,
                                         std::string const& pointer) {
  std::vector<Obligation> out;
  if (value.as_object() == nullptr) {
    reading.note_wrong_kind(pointer, "obligations", "an object", value);
    return out;
  }
  if (value.as_object()->empty())
    reading.note(pointer, "\"obligations\" is empty" + suggestion("", obligation_names));
  for (auto const& member : *value.as_object()) {
    auto const kind =
        reading.word(member.name, pointer / member.name + "#key", "obligation", obligation_names);
    if (!kind) continue;
    out.push_back({static_cast<ObligationKind>(*kind), member.value});
    if (auto const size = canonical(member.value).size(); size > max_obligation_bytes) {
      reading.note(pointer / member.name,
                   "the obligation has " + std::to_string(size) + " bytes; at most " +
                       std::to_string(max_obligation_bytes) + " are allowed");
    }
    ObligationReader(reading).check(out.back().kind, member.value, value, pointer / member.name);
  }
  std::ranges::sort(out, {}, &Obligation::kind);
  return out;
}

}  // namespace dalsegno::engine
