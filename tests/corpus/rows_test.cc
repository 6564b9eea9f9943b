#include "tests/corpus/rows.h"

#include "tests/corpus/csv.h"
#include "tests/support/temporary_folder.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <fstream>
#include <string>
#include <vector>

namespace dalsegno::corpus {
namespace {

void write(std::filesystem::path const& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

void pack(std::filesystem::path const& path, std::string const& bytes) {
  auto* const file = gzopen(path.c_str(), "wb");
  ASSERT_NE(file, nullptr);
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
}

Result<std::vector<std::string>> rows_of(std::filesystem::path const& path) {
  std::vector<std::string> rows;
  auto const read = for_each_row(path, [&](Row const& row) -> Result<> {
    rows.push_back(row.file.filename().string() + ":" + std::to_string(row.line) + " " +
                   to_string(row.value));
    return {};
  });
  if (!read) return read.error();
  return rows;
}

TEST(Rows, of_a_folder_are_those_of_its_plain_and_packed_files_in_order) {
  test::TemporaryFolder const folder;
  write(folder.path() / "b.jsonl", "{\"n\":1}\n\n{\"n\":2}");
  pack(folder.path() / "a.jsonl.gz", "{\"n\":3}\n");
  write(folder.path() / "c.json", "no row");
  auto const rows = rows_of(folder.path());
  ASSERT_TRUE(rows) << rows.error().detail;
  EXPECT_EQ(*rows,
            (std::vector<std::string>{
                "a.jsonl.gz:1 {\"n\":3}", "b.jsonl:1 {\"n\":1}", "b.jsonl:3 {\"n\":2}"}));
}

TEST(Rows, read_half_a_surrogate_pair_as_the_replacement_character) {
  test::TemporaryFolder const folder;
  auto const file = folder.path() / "a.jsonl";
  write(file, R"(["\ud800x","\ud83d\ude00","\\ud800","\udc00"])");
  auto const rows = rows_of(file);
  ASSERT_TRUE(rows) << rows.error().detail;
  EXPECT_EQ(rows->at(0), "a.jsonl:1 [\"\uFFFDx\",\"\U0001F600\",\"\\\\ud800\",\"\uFFFD\"]");
}

TEST(Rows, say_in_which_line_of_which_file_there_is_no_json) {
  test::TemporaryFolder const folder;
  write(folder.path() / "a.jsonl", "{}\n{\n");
  auto const rows = rows_of(folder.path());
  ASSERT_FALSE(rows);
  EXPECT_NE(rows.error().detail.find("a.jsonl:2"), std::string::npos) << rows.error().detail;
}

TEST(Rows, say_that_a_packed_file_is_cut_off) {
  test::TemporaryFolder const folder;
  auto const file = folder.path() / "a.jsonl.gz";
  pack(file, std::string(100'000, ' ') + "{}");
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 5);
  auto const bytes = read_bytes(file);
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().code, Errc::invalid);
}

TEST(Csv, keeps_commas_quotes_and_line_ends_inside_of_quotes) {
  auto const records = parse_csv("a,\"b,\"\"c\"\"\nd\"\r\n,e\n");
  ASSERT_TRUE(records) << records.error().detail;
  EXPECT_EQ(*records, (std::vector<std::vector<std::string>>{{"a", "b,\"c\"\nd"}, {"", "e"}}));
}

TEST(Csv, says_in_which_line_a_quote_is_open) {
  auto const records = parse_csv("a\n\"b");
  ASSERT_FALSE(records);
  EXPECT_EQ(records.error().detail, "line 2: a quoted field does not end");
}

}  // namespace
}  // namespace dalsegno::corpus
