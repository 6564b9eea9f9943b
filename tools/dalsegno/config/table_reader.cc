#include "tools/dalsegno/config/table_reader.h"

#include "engine/policy/nearest.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace dalsegno::config {

void Problem::note(std::size_t line, std::string const& what) {
  if (!error_) error_ = Error{Errc::invalid, file_ + ":" + std::to_string(line) + ": " + what};
}

std::string suggestion(std::string_view word, std::vector<std::string_view> const& known) {
  auto const near = engine::nearest(word, known);
  return near ? "; did you mean " + std::string(*near) + "?" : "";
}

std::string TableReader::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

toml::node const* TableReader::take(std::string_view key) {
  known_.push_back(key);
  return table_.get(key);
}

void TableReader::wrong(std::string_view key, std::string const& what) {
  auto const* const node = table_.get(key);
  problem_.note((node == nullptr ? table_.source() : node->source()).begin.line,
                path_of(key) + " " + what);
}

void TableReader::wrong(std::string const& what) {
  problem_.note(table_.source().begin.line, path_ + " " + what);
}

void TableReader::read(std::string_view key, std::string& text) {
  auto const* const node = take(key);
  if (node == nullptr) return;
  auto const* const value = node->as_string();
  if (value == nullptr) return wrong(key, "is no text");
  text = value->get();
}

void TableReader::read(std::string_view key, bool& value) {
  auto const* const node = take(key);
  if (node == nullptr) return;
  auto const* const flag = node->as_boolean();
  if (flag == nullptr) return wrong(key, "is neither true nor false");
  value = flag->get();
}

void TableReader::read(std::string_view key, std::vector<std::string>& texts) {
  auto const* const node = take(key);
  if (node == nullptr) return;
  auto const* const list = node->as_array();
  if (list == nullptr) return wrong(key, "is no list of texts");
  for (auto const& each : *list) {
    auto const* const text = each.as_string();
    if (text == nullptr) return wrong(key, "is no list of texts");
    texts.push_back(text->get());
  }
}

void TableReader::read(std::string_view key, std::optional<double>& number) {
  auto const* const node = take(key);
  if (node == nullptr) return;
  auto const value = node->is_number() ? node->value<double>() : std::nullopt;
  if (!value || !std::isfinite(*value) || *value < 0) return wrong(key, "is no number from 0");
  number = value;
}

void TableReader::read(std::string_view key, double& number) {
  std::optional<double> value;
  read(key, value);
  if (value) number = *value;
}

void TableReader::read(std::string_view key, std::optional<std::uint64_t>& count) {
  auto const* const node = take(key);
  if (node == nullptr) return;
  auto const* const value = node->as_integer();
  if (value == nullptr || value->get() < 0) return wrong(key, "is no whole number from 0");
  count = static_cast<std::uint64_t>(value->get());
}

void TableReader::read(std::string_view key, std::uint64_t& count) {
  std::optional<std::uint64_t> value;
  read(key, value);
  if (value) count = *value;
}

void TableReader::read(std::string_view key, std::uint32_t& count) {
  std::optional<std::uint64_t> value;
  read(key, value);
  if (!value) return;
  if (*value > std::numeric_limits<std::uint32_t>::max()) return wrong(key, "is too large");
  count = static_cast<std::uint32_t>(*value);
}

toml::table const* TableReader::table(std::string_view key) {
  auto const* const node = take(key);
  if (node == nullptr) return nullptr;
  if (node->as_table() == nullptr) wrong(key, "is no table");
  return node->as_table();
}

toml::array const* TableReader::array(std::string_view key) {
  auto const* const node = take(key);
  if (node == nullptr) return nullptr;
  if (node->as_array() == nullptr) wrong(key, "is no list");
  return node->as_array();
}

void TableReader::finish() {
  for (auto const& [key, node] : table_) {
    if (std::ranges::find(known_, key.str()) != known_.end()) continue;
    auto const where = path_.empty() ? std::string() : " in " + path_;
    problem_.note(
        key.source().begin.line,
        "there is no key " + std::string(key.str()) + where + suggestion(key.str(), known_));
  }
}

}  // namespace dalsegno::config
