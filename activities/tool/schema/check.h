#pragma once

#include "activities/tool/schema/document.h"
#include "activities/tool/schema/schema.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::schema {

/// One value held against one schema.
class Check {
 public:
  Check(Document const& document, CheckLimits const& limits)
      : document_(document), limits_(limits) {}

  [[nodiscard]] Verdict run(Json const& value);

 private:
  /// What schemas have said of the members or items of one value.
  struct Evaluated {
    std::vector<bool> parts;
    void add(Evaluated const& other);
    void add_all(std::size_t count) { parts.assign(count, true); }
    void add_one(std::size_t place, std::size_t count);
    [[nodiscard]] bool has(std::size_t place) const { return place < parts.size() && parts[place]; }
  };
  using Problems = std::vector<Problem>;

  // Each gives whether the value fits, and adds to `problems` why not.
  bool apply(Node const& node,
             Json const& value,
             std::string const& path,
             Problems& problems,
             Evaluated& evaluated);
  bool apply_object(Node const& node,
                    Json const& value,
                    std::string const& path,
                    Problems& problems,
                    Evaluated& evaluated);
  bool apply_references(Node const& node,
                        Json const& value,
                        std::string const& path,
                        Problems& problems,
                        Evaluated& evaluated);
  bool apply_combined(Node const& node,
                      Json const& value,
                      std::string const& path,
                      Problems& problems,
                      Evaluated& evaluated);
  bool apply_choice(Node const& node,
                    Json const& value,
                    std::string const& path,
                    Problems& problems,
                    Evaluated& evaluated);
  bool check_value(Json const& schema,
                   Json const& value,
                   std::string const& path,
                   Problems& problems);
  bool check_number(Json const& schema,
                    Json const& value,
                    std::string const& path,
                    Problems& problems);
  bool check_string(Node const& node,
                    std::string const& text,
                    std::string const& path,
                    Problems& problems);
  bool check_members(Node const& node,
                     Json const& value,
                     std::string const& path,
                     Problems& problems,
                     Evaluated& evaluated);
  bool check_member_names(Json const& schema,
                          Json const& value,
                          std::string const& path,
                          Problems& problems,
                          Evaluated& evaluated);
  bool check_items(Node const& node,
                   Json const& value,
                   std::string const& path,
                   Problems& problems,
                   Evaluated& evaluated);
  bool check_contains(Json const& schema,
                      Json::Array const& items,
                      std::string const& path,
                      Problems& problems,
                      Evaluated& evaluated);
  bool check_unevaluated(Json const& schema,
                         Json const& value,
                         std::string const& path,
                         Problems& problems,
                         Evaluated& evaluated);

  [[nodiscard]] Node const& dynamic_target(Node const& node) const;
  /// Says what is wrong; gives false.
  bool wrong(Problems& problems, std::string const& path, std::string what) const;
  /// Whether so much more may be done.
  bool spend(std::size_t work);
  [[nodiscard]] bool same(Json const& a, Json const& b);

  Document const& document_;
  CheckLimits const limits_;
  std::vector<Resource const*> scope_;
  std::size_t depth_ = 0;
  std::size_t work_ = 0;
  std::string cut_short_;
};

}  // namespace dalsegno::schema
