#include "activities/http/message.h"
#include "activities/tool/tool_name.h"
#include "dalsegno/http_tools.h"
#include "dalsegno/try.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

namespace dalsegno::tools {
namespace {

// A document within a document within … is nobody's.
constexpr int deepest_reference = 32;
constexpr std::size_t most_operations = 1'000;
constexpr std::string_view schemas_at = "#/components/schemas/";

/// "/a~1b" as it is in a JSON pointer (RFC 6901).
std::string unescaped(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] == '~' && i + 1 < token.size() && (token[i + 1] == '0' || token[i + 1] == '1'))
      out += token[++i] == '0' ? '~' : '/';
    else
      out += token[i];
  }
  return out;
}

/// Reads one document.
class Reader {
 public:
  Reader(Json const& document, OpenApiOptions const& options)
      : document_(document), options_(options) {}

  Result<std::vector<HttpTool>> read() {
    if (!document_.text("openapi").starts_with("3."))
      return wrong("the document", "it says no \"openapi\" version 3");
    TRY(auto const url, service_url());
    auto const* const paths = document_.find("paths");
    if (paths == nullptr || paths->as_object() == nullptr)
      return wrong("the document", "it has no \"paths\"");
    std::vector<HttpTool> tools;
    for (auto const& [path, item] : *paths->as_object()) {
      for (auto const& [word, method] : methods) {
        auto const* const operation = item.find(word);
        if (operation == nullptr) continue;
        if (tools.size() == most_operations)
          return wrong("the document", "it has more than 1000 operations; name some in `only`");
        auto const id = name_of(*operation, word, path);
        if (!is_wanted(id)) continue;
        TRY(auto tool, read_operation(url, path, item, *operation, id, method));
        tools.push_back(std::move(tool));
      }
    }
    for (auto const& id : options_.only)
      if (!found_.contains(id)) return wrong("the document", "it has no operation " + id);
    return tools;
  }

 private:
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> methods = {
      {{"get", "GET"},
       {"head", "HEAD"},
       {"post", "POST"},
       {"put", "PUT"},
       {"patch", "PATCH"},
       {"delete", "DELETE"}}};

  static Error wrong(std::string const& what, std::string const& why) {
    return Error{Errc::invalid, what + ": " + why};
  }

  Result<std::string> service_url() const {
    auto url = options_.url;
    auto const* const servers = document_.find("servers");
    if (url.empty() && servers != nullptr && servers->as_array() != nullptr &&
        !servers->as_array()->empty())
      url = servers->as_array()->front().text("url");
    if (!url.contains("://") || url.contains('{'))
      return wrong("the document", "it names no whole URL of a server; give one");
    while (url.ends_with('/')) url.pop_back();
    return url;
  }

  /// By which the document, and `only`, name an operation.
  static std::string name_of(Json const& operation,
                             std::string_view method,
                             std::string_view path) {
    if (auto const id = operation.text("operationId"); !id.empty()) return std::string(id);
    return std::string(method) + std::string(path);
  }

  bool is_wanted(std::string const& id) {
    if (!options_.only.empty() && std::ranges::find(options_.only, id) == options_.only.end())
      return false;
    found_.insert(id);
    return true;
  }

  /// What stands where a reference within the document leads; nullptr where that is nowhere.
  Json const* follow(Json const* at) const {
    for (int i = 0; at != nullptr && i < deepest_reference; ++i) {
      auto const reference = at->text("$ref");
      if (reference.empty()) return at;
      if (!reference.starts_with("#/")) return nullptr;
      at = &document_;
      auto rest = reference.substr(2);
      while (at != nullptr) {
        auto const end = rest.find('/');
        at = at->find(unescaped(rest.substr(0, end)));
        if (end == std::string_view::npos) break;
        rest.remove_prefix(end + 1);
      }
    }
    return nullptr;
  }

  /// A schema with its references made to "$defs"; the names that it needs are added.
  Json schema_of(Json const& schema, std::set<std::string>& needed) const {
    if (auto const* const list = schema.as_array()) {
      Json::Array out;
      for (auto const& each : *list) out.push_back(schema_of(each, needed));
      return out;
    }
    auto const* const object = schema.as_object();
    if (object == nullptr) return schema;
    Json out = Json::Object{};
    for (auto const& [name, value] : *object) {
      auto const* const reference = name == "$ref" ? value.as_string() : nullptr;
      if (reference != nullptr && reference->starts_with(schemas_at)) {
        auto const key = reference->substr(schemas_at.size());
        needed.insert(key);
        out.set(name, "#/$defs/" + key);
      } else {
        out.set(name, schema_of(value, needed));
      }
    }
    return out;
  }

  /// All schemas that are needed, and those that these need.
  Result<Json> definitions(std::set<std::string> needed, std::string const& what) const {
    Json out = Json::Object{};
    std::set<std::string> done;
    while (!needed.empty()) {
      auto const key = *needed.begin();
      needed.erase(needed.begin());
      if (!done.insert(key).second) continue;
      auto const* const components = document_.find("components");
      auto const* const schemas = components == nullptr ? nullptr : components->find("schemas");
      auto const* const schema = schemas == nullptr ? nullptr : schemas->find(unescaped(key));
      if (schema == nullptr)
        return wrong(what, "there is no schema " + std::string(schemas_at) + key);
      out.set(unescaped(key), schema_of(*schema, needed));
    }
    return out;
  }

  Result<HttpTool> read_operation(std::string const& url,
                                  std::string_view path,
                                  Json const& item,
                                  Json const& operation,
                                  std::string const& id,
                                  std::string_view method) const {
    auto const what = "operation " + id;
    HttpTool tool;
    tool.name = tool_name_of(options_.prefix + id);
    tool.description = operation.text("summary");
    if (auto const more = operation.text("description"); !more.empty())
      tool.description += (tool.description.empty() ? "" : "\n") + std::string(more);
    tool.method = method;
    tool.url = url + std::string(path);
    auto const own = options_.each_tool.find(id);
    tool.options = own == options_.each_tool.end() ? options_.every_tool : own->second;

    Json properties = Json::Object{};
    std::set<std::string> required;
    std::set<std::string> needed;
    for (auto const* const from : {&item, &operation}) {
      auto const* const parameters = from->find("parameters");
      if (parameters == nullptr || parameters->as_array() == nullptr) continue;
      for (auto const& parameter : *parameters->as_array())
        TRY_VOID(read_parameter(what, parameter, tool, properties, required, needed));
    }
    TRY_VOID(read_body(what, operation, tool, properties, required, needed));
    TRY(auto defs, definitions(std::move(needed), what));
    Json schema;
    schema.set("type", "object").set("properties", std::move(properties));
    Json::Array names;
    for (auto const& name : required) names.emplace_back(name);
    if (!names.empty()) schema.set("required", std::move(names));
    schema.set("additionalProperties", false);
    if (!defs.as_object()->empty()) schema.set("$defs", std::move(defs));
    tool.parameters = std::move(schema);
    return tool;
  }

  Result<> read_parameter(std::string const& what,
                          Json const& described,
                          HttpTool& tool,
                          Json& properties,
                          std::set<std::string>& required,
                          std::set<std::string>& needed) const {
    auto const* const parameter = follow(&described);
    if (parameter == nullptr) return wrong(what, "a parameter's reference leads nowhere");
    auto const name = std::string(parameter->text("name"));
    auto const in = parameter->text("in");
    if (name.empty()) return wrong(what, "a parameter has no name");
    // As the specification has it: what is accepted, sent and shown is not the caller's to say.
    bool const is_ours = in == "header" && (http::is_header(name, "accept") ||
                                            http::is_header(name, "content-type") ||
                                            http::is_header(name, "authorization"));
    if (in == "cookie" || is_ours) return {};
    if (in != "path" && in != "query" && in != "header")
      return wrong(what, "the parameter " + name + " is in neither path, query nor header");
    tool.places[name] = in == "path"    ? HttpPlace::path
                        : in == "query" ? HttpPlace::query
                                        : HttpPlace::header;
    auto const* const schema = parameter->find("schema");
    Json property = schema == nullptr ? Json(Json::Object{}) : schema_of(*schema, needed);
    auto const text = parameter->text("description");
    if (!text.empty() && property.as_object() != nullptr && property.find("description") == nullptr)
      property.set("description", text);
    properties.set(name, std::move(property));
    auto const* const must = parameter->find("required");
    if (in == "path" || (must != nullptr && must->as_bool() != nullptr && *must->as_bool()))
      required.insert(name);
    return {};
  }

  Result<> read_body(std::string const& what,
                     Json const& operation,
                     HttpTool& tool,
                     Json& properties,
                     std::set<std::string>& required,
                     std::set<std::string>& needed) const {
    auto const* const body = follow(operation.find("requestBody"));
    if (body == nullptr)
      return operation.find("requestBody") == nullptr
                 ? Result<>()
                 : Result<>(wrong(what, "its body's reference leads nowhere"));
    auto const* const content = body->find("content");
    auto const* const json = content == nullptr ? nullptr : content->find("application/json");
    if (json == nullptr) return wrong(what, "its body is no JSON; leave it out with `only`");
    if (properties.find("body") != nullptr)
      return wrong(what, "it has a body, and a parameter \"body\" beside it");
    tool.body_argument = "body";
    auto const* const schema = json->find("schema");
    properties.set("body", schema == nullptr ? Json(Json::Object{}) : schema_of(*schema, needed));
    auto const* const must = body->find("required");
    if (must != nullptr && must->as_bool() != nullptr && *must->as_bool()) required.insert("body");
    return {};
  }

  Json const& document_;
  OpenApiOptions const& options_;
  std::set<std::string> found_;
};

}  // namespace

Result<std::vector<HttpTool>> read_openapi(std::string_view document,
                                           OpenApiOptions const& options) {
  TRY(auto const parsed, parse_json(document));
  return Reader(parsed, options).read();
}

}  // namespace dalsegno::tools
