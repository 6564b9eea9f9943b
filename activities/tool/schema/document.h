#pragma once

#include "activities/tool/schema/pattern.h"
#include "activities/tool/schema/schema.h"
#include "dalsegno/json.h"
#include "dalsegno/result.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace dalsegno::schema {

/// What a schema may cost before anything is held against it.
inline constexpr std::size_t max_schema_depth = 128;
inline constexpr std::size_t max_subschemas = 20'000;

struct Node;

/// A part of the document with an identifier of its own; the document itself is one.
struct Resource {
  std::string uri;
  Node const* root = nullptr;
  std::map<std::string, Node const*, std::less<>> dynamic_anchors;
};

/// One schema of the document.
struct Node {
  Json const* json = nullptr;
  Resource* resource = nullptr;
  std::string pointer;  ///< where it stands
  Node const* reference = nullptr;
  Node const* dynamic_reference = nullptr;
  std::string dynamic_name;  ///< of a $dynamicRef that is to be looked for in the dynamic scope
  std::shared_ptr<re2::RE2 const> pattern;  ///< of "pattern"
  /// Of "patternProperties", in its order; null: cannot be evaluated.
  std::vector<std::shared_ptr<re2::RE2 const>> patterns;
};

/// A schema read and checked: every reference leads somewhere in it, every keyword has its form.
///
/// It holds the schema's text as a tree that does not move. Thread: const use by several is fine.
/// Source: JSON Schema 2020-12, core 8 and 9.
class Document {
 public:
  /// Errors: Errc::invalid, "at #/pointer: what is wrong"; Errc::too_large.
  [[nodiscard]] static Result<std::shared_ptr<Document const>> read(Json schema, Draft draft);

  Document(Document const&) = delete;
  Document& operator=(Document const&) = delete;
  ~Document() = default;

  [[nodiscard]] Node const& root() const { return *root_; }
  [[nodiscard]] Node const& at(Json const& subschema) const { return *nodes_.at(&subschema); }
  [[nodiscard]] Draft draft() const { return draft_; }
  /// Some schema asks what others have left unevaluated.
  [[nodiscard]] bool needs_evaluated() const { return needs_evaluated_; }
  /// Where patterns stand that are not checked, as RE2 cannot express them.
  [[nodiscard]] std::vector<std::string> const& unchecked() const { return unchecked_; }

 private:
  Document(Json schema, Draft draft) : schema_(std::move(schema)), draft_(draft) {}

  Result<> index(Json const& json, Resource* resource, std::string pointer, std::size_t depth);
  Result<> index_children(Node const& node, std::size_t depth);
  Result<> identify(Node& node);
  Result<> read_patterns(Node& node);
  Result<> resolve_references();
  Result<Node const*> find(Node const& from, std::string_view reference, std::string& anchor);
  Result<Node const*> follow(Node const& from, std::string_view pointer);

  Json const schema_;
  Draft draft_;
  Node const* root_ = nullptr;
  bool needs_evaluated_ = false;
  std::vector<std::string> unchecked_;
  std::vector<std::unique_ptr<Resource>> resources_;
  std::vector<Node*> in_order_;
  std::unordered_map<Json const*, std::unique_ptr<Node>> nodes_;
  std::map<std::string, Resource*, std::less<>> by_uri_;
  std::map<std::string, Node const*, std::less<>> by_anchor_;  // "uri#anchor"
};

/// `pointer` with `token` appended (RFC 6901).
[[nodiscard]] std::string append_token(std::string_view pointer, std::string_view token);

}  // namespace dalsegno::schema
