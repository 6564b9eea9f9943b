// Transcripts: recorded conversations, as `dalsegno run` takes them. With --normalize their tools'
// answers are put into the normal form, and that is checked: each decodes to an equal value, and
// equal answers have equal bytes.

#include "activities/model/script.h"
#include "activities/model/transcript.h"
#include "activities/tool/normalize.h"
#include "dalsegno/try.h"
#include "tests/corpus/kind.h"
#include "tests/corpus/rows.h"

#include <CLI/App.hpp>

#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::corpus {
namespace {

struct Options {
  std::vector<std::string> more;
  bool normalize = false;
};

struct Totals {
  std::uint64_t sessions = 0;
  std::uint64_t failed = 0;  // lines that are no transcript, or that no session could go through
  std::uint64_t answers = 0;
  std::uint64_t json_answers = 0;
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes_after = 0;
  std::uint64_t losses = 0;
  std::uint64_t repeated = 0;  // answers that are equal to one before, however it was written
  std::uint64_t unequal = 0;   // of these, with other bytes
  std::map<std::string, std::string> normal_of;  // by canonical value
};

void count(std::string const& raw, Totals& totals) {
  auto const normal = activities::normalize_answer(raw);
  ++totals.answers;
  totals.bytes_before += raw.size();
  totals.bytes_after += normal.text.size();
  auto const value = parse_json(raw);
  if (value) ++totals.json_answers;
  bool kept = normal.text == raw;
  if (value) {
    auto const decoded = activities::decode_answer(normal.text);
    kept = decoded && canonical(*decoded) == canonical(*value);
  }
  totals.losses += kept ? 0 : 1;
  auto const known =
      totals.normal_of.emplace(value ? "json " + canonical(*value) : "text " + raw, normal.text);
  if (known.second) return;
  ++totals.repeated;
  totals.unequal += known.first->second == normal.text ? 0 : 1;
}

Result<> score_file(std::filesystem::path const& file, bool normalize, Totals& totals) {
  TRY(auto reader, activities::TranscriptReader::open(file));
  while (auto transcript = reader.next()) {
    if (!*transcript && transcript->error().code == Errc::io) return transcript->error();
    ++totals.sessions;
    auto const script = *transcript ? activities::make_script(**transcript)
                                    : Result<activities::Script>(transcript->error());
    if (!script) {
      ++totals.failed;
      std::cerr << script.error().detail << '\n';
    }
    if (!*transcript || !normalize) continue;
    for (auto const& message : (*transcript)->messages)
      if (message.role == "tool" && message.content) count(*message.content, totals);
  }
  return {};
}

Result<Json> score(std::filesystem::path const& path, Options const& options) {
  std::vector<std::filesystem::path> paths{path};
  paths.insert(paths.end(), options.more.begin(), options.more.end());
  Totals totals;
  for (auto const& each : paths) {
    TRY(auto const files, files_at(each, {".jsonl", ".json"}));
    for (auto const& file : files) TRY_VOID(score_file(file, options.normalize, totals));
  }
  Json answer;
  answer.set("sessions", totals.sessions).set("failed", totals.failed);
  if (!options.normalize) return answer;
  auto const before = static_cast<double>(totals.bytes_before);
  answer.set("answers", totals.answers)
      .set("json_answers", totals.json_answers)
      .set("bytes_before", totals.bytes_before)
      .set("bytes_after", totals.bytes_after)
      .set("saving", before == 0 ? 0 : 1 - static_cast<double>(totals.bytes_after) / before)
      .set("round_trip", totals.losses)
      .set("equal_answers", totals.repeated)
      .set("equal_answers_with_other_bytes", totals.unequal)
      .set("rules", activities::answer_rules);
  return answer;
}

}  // namespace

Kind transcripts() {
  auto const options = std::make_shared<Options>();  // shared: by the two functions
  return {.name = "transcripts",
          .about =
              "recorded conversations: {sessions, failed}; with --normalize also {bytes_before, "
              "bytes_after, saving, round_trip: losses, …}",
          .score = [options](auto const& path) { return score(path, *options); },
          .add_options =
              [options](CLI::App& command) {
                command.add_option("more", options->more, "more of them");
                command.add_flag("--normalize",
                                 options->normalize,
                                 "puts tools' answers into their normal form");
              }};
}

}  // namespace dalsegno::corpus
