#include "tests/corpus/rows.h"

#include "dalsegno/try.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <system_error>

namespace dalsegno::corpus {
namespace {

constexpr std::size_t max_unpacked_bytes = std::size_t{1} << 30;

Result<std::string> unpack(std::filesystem::path const& path) {
  // gzread passes over the boundary between two members and reads what is not packed as it is.
  std::unique_ptr<gzFile_s, decltype(&gzclose)> const file(gzopen(path.c_str(), "rb"), &gzclose);
  if (file == nullptr) return Error(Errc::io, path.string() + ": cannot be opened");
  std::string bytes;
  std::array<char, 65536> buffer{};
  for (;;) {
    auto const count = gzread(file.get(), buffer.data(), buffer.size());
    if (count > 0) bytes.append(buffer.data(), static_cast<std::size_t>(count));
    if (bytes.size() > max_unpacked_bytes)
      return Error(Errc::invalid, path.string() + ": holds more than 1 GiB unpacked");
    if (count > 0) continue;
    int code = Z_OK;
    std::string_view const why = gzerror(file.get(), &code);
    if (code == Z_OK || code == Z_STREAM_END) return bytes;
    return Error(Errc::invalid, path.string() + ": is no whole gzip file: " + std::string(why));
  }
}

/// The four hex digits of the escape \uXXXX at `at`.
std::optional<unsigned> escaped_unit(std::string_view text, std::size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return std::nullopt;
  unsigned unit = 0;
  for (char const c : text.substr(at + 2, 4)) {
    unsigned const digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                           : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a') + 10
                           : c >= 'A' && c <= 'F' ? static_cast<unsigned>(c - 'A') + 10
                                                  : 16;
    if (digit == 16) return std::nullopt;
    unit = unit * 16 + digit;
  }
  return unit;
}

std::string without_lone_surrogates(std::string_view line) {
  std::string out;
  auto const is_high = [](unsigned unit) { return unit >= 0xD800 && unit < 0xDC00; };
  auto const is_low = [](unsigned unit) { return unit >= 0xDC00 && unit < 0xE000; };
  for (std::size_t i = 0; i < line.size();) {
    if (line[i] != '\\') {
      out += line[i++];
      continue;
    }
    auto const unit = escaped_unit(line, i);
    std::size_t const length = unit ? 6 : 2;
    if (unit && is_high(*unit)) {
      auto const next = escaped_unit(line, i + 6);
      if (next && is_low(*next)) {
        out += line.substr(i, 12);
        i += 12;
        continue;
      }
    }
    out += unit && (is_high(*unit) || is_low(*unit)) ? "\\ufffd" : line.substr(i, length);
    i += std::min(length, line.size() - i);
  }
  return out;
}

}  // namespace

Result<std::string> read_bytes(std::filesystem::path const& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error))
    return Error(Errc::not_found, path.string() + ": there is no such file");
  if (path.extension() == ".gz") return unpack(path);
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (!file) return Error(Errc::io, path.string() + ": cannot be read");
  return bytes;
}

Result<std::vector<std::filesystem::path>> files_at(std::filesystem::path const& path,
                                                    std::vector<std::string_view> const& endings) {
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error)) return std::vector{path};
  std::vector<std::filesystem::path> files;
  auto entries = std::filesystem::recursive_directory_iterator(path, error);
  if (error) return Error(Errc::not_found, path.string() + ": " + error.message());
  for (; entries != std::filesystem::recursive_directory_iterator(); entries.increment(error)) {
    auto const name = entries->path().filename().string();
    auto const has = [&](std::string_view ending) { return name.ends_with(ending); };
    if (entries->is_regular_file(error) && std::ranges::any_of(endings, has))
      files.push_back(entries->path());
  }
  if (error) return Error(Errc::io, path.string() + ": " + error.message());
  if (files.empty()) {
    std::string wanted;
    for (auto const ending : endings) wanted += (wanted.empty() ? "" : ", ") + std::string(ending);
    return Error(Errc::not_found, path.string() + ": holds no file that ends with " + wanted);
  }
  std::ranges::sort(files);
  return files;
}

std::string place_of(Row const& row) { return row.file.string() + ":" + std::to_string(row.line); }

Result<> for_each_row(std::filesystem::path const& path,
                      std::function<Result<>(Row const&)> const& each) {
  TRY(auto const files, files_at(path, {".jsonl", ".jsonl.gz"}));
  for (auto const& file : files) {
    TRY(auto const bytes, read_bytes(file));
    std::size_t number = 0;
    for (std::size_t start = 0; start < bytes.size();) {
      auto const end = std::min(bytes.find('\n', start), bytes.size());
      auto const line = std::string_view(bytes).substr(start, end - start);
      start = end + 1;
      Row row{.file = file, .line = ++number, .value = {}};
      if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
      auto value = parse_json(without_lone_surrogates(line));
      if (!value) return Error(Errc::invalid, place_of(row) + ": " + value.error().detail);
      row.value = std::move(*value);
      TRY_VOID(each(row));
    }
  }
  return {};
}

}  // namespace dalsegno::corpus
