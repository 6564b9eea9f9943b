#pragma once

#include "dalsegno/result.h"

#include <toml++/toml.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::config {

/// The first thing that is wrong with a file.
class Problem {
 public:
  explicit Problem(std::string_view file) : file_(file) {}

  /// `what` is wrong in `line`. Only the first is kept.
  void note(std::size_t line, std::string const& what);
  [[nodiscard]] std::optional<Error> const& error() const { return error_; }

 private:
  std::string file_;
  std::optional<Error> error_;
};

/// ". Did you mean …?" where one of `known` is near to `word`, else "".
[[nodiscard]] std::string suggestion(std::string_view word,
                                     std::vector<std::string_view> const& known);

/// One table of a TOML file, read key by key; `finish` complains of the keys that nobody asked for.
/// Where a key is not there, the value stays what it is.
class TableReader {
 public:
  /// `path` is the table's, for messages: "models.small".
  TableReader(toml::table const& table, std::string path, Problem& problem)
      : table_(table), path_(std::move(path)), problem_(problem) {}

  void read(std::string_view key, std::string& text);
  void read(std::string_view key, bool& value);
  void read(std::string_view key, std::vector<std::string>& texts);
  /// A number from 0.
  void read(std::string_view key, double& number);
  void read(std::string_view key, std::optional<double>& number);
  void read(std::string_view key, std::uint64_t& count);
  void read(std::string_view key, std::uint32_t& count);
  void read(std::string_view key, std::optional<std::uint64_t>& count);
  /// A table or an array of tables; nullptr where it is not there.
  [[nodiscard]] toml::table const* table(std::string_view key);
  [[nodiscard]] toml::array const* array(std::string_view key);
  [[nodiscard]] std::string path_of(std::string_view key) const;

  [[nodiscard]] bool has(std::string_view key) const { return table_.contains(key); }
  /// Something is wrong with the value of `key`, or with the table.
  void wrong(std::string_view key, std::string const& what);
  void wrong(std::string const& what);
  void finish();

 private:
  toml::node const* take(std::string_view key);

  toml::table const& table_;
  std::string path_;
  Problem& problem_;
  std::vector<std::string_view> known_;
};

}  // namespace dalsegno::config
