#include "activities/tool/mcp/tool_headers.h"

#include "dalsegno/try.h"
#include "storage/event/base64.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

namespace dalsegno::mcp {
namespace {

constexpr std::string_view annotation = "x-mcp-header";

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").contains(c);
  });
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

/// Looks at every schema of the tree; only below "properties" may an annotation stand.
class Walk {
 public:
  Result<> visit(Json const& schema, bool is_reachable) {
    if (auto const* const array = schema.as_array()) {
      for (auto const& item : *array) TRY_VOID(visit(item, false));
      return {};
    }
    auto const* const object = schema.as_object();
    if (object == nullptr) return {};
    TRY_VOID(take(schema, is_reachable));
    for (auto const& [name, value] : *object) {
      if (name == "default" || name == "const" || name == "enum" || name == "examples") continue;
      auto const* const properties = name == "properties" ? value.as_object() : nullptr;
      if (properties == nullptr) {
        TRY_VOID(visit(value, false));
        continue;
      }
      for (auto const& [member, below] : *properties) {
        path_.push_back(member);
        TRY_VOID(visit(below, is_reachable));
        path_.pop_back();
      }
    }
    return {};
  }
  std::vector<HeaderParameter> found;

 private:
  Result<> take(Json const& schema, bool is_reachable) {
    auto const* const name = schema.find(annotation);
    if (name == nullptr) return {};
    auto const wrong = [&](std::string_view why) {
      return Error{Errc::invalid,
                   std::string(annotation) + " " + to_string(*name).substr(0, 100) + ": " +
                       std::string(why)};
    };
    if (name->as_string() == nullptr || !is_token(*name->as_string()))
      return wrong("it is no name of a header");
    if (!is_reachable || path_.empty())
      return wrong("it does not stand at a property of the arguments");
    auto const type = schema.text("type");
    if (type != "string" && type != "integer" && type != "boolean")
      return wrong("its type is not string, integer or boolean");
    if (!names_.insert(lower(*name->as_string())).second) return wrong("it stands there twice");
    found.push_back({path_, "Mcp-Param-" + *name->as_string()});
    return {};
  }

  std::vector<std::string> path_;
  std::set<std::string> names_;
};

}  // namespace

Result<std::vector<HeaderParameter>> read_header_parameters(Json const& input_schema) {
  Walk walk;
  TRY_VOID(walk.visit(input_schema, true));
  return std::move(walk.found);
}

std::vector<http::Header> write_header_parameters(std::vector<HeaderParameter> const& parameters,
                                                  Json const& arguments) {
  std::vector<http::Header> out;
  for (auto const& parameter : parameters) {
    auto const* value = &arguments;
    for (auto const& name : parameter.path) {
      value = value->find(name);
      if (value == nullptr) break;
    }
    if (value == nullptr || value->is_null()) continue;
    auto const* const text = value->as_string();
    out.push_back({parameter.header, header_value(text != nullptr ? *text : to_string(*value))});
  }
  return out;
}

std::string header_value(std::string_view text) {
  bool const is_plain = std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; }) &&
                        !text.starts_with(' ') && !text.ends_with(' ') &&
                        !(text.starts_with("=?base64?") && text.ends_with("?="));
  return is_plain ? std::string(text) : "=?base64?" + storage::encode_padded_base64(text) + "?=";
}

}  // namespace dalsegno::mcp
