#include "tools/dalsegno/forensics/commit_check.h"

#include "dalsegno/try.h"
#include "storage/log/records.h"
#include "storage/log/step_key.h"

#include <optional>
#include <utility>
#include <vector>

namespace dalsegno::forensics {

namespace {

std::string number(std::uint64_t value) { return std::to_string(value); }

std::string place_text(storage::StepKey const& place) {
  return to_string(place.session) + " run " + to_string(place.run) + " at " +
         number(place.first_sequence);
}

/// A step's key ends in its first sequence, 8 bytes; what is before names the run.
std::string run_part(std::string const& key) { return key.substr(0, key.size() - 8); }

}  // namespace

CommitCheck::CommitCheck(storage::EventLog const& log, Coverage coverage, Findings& findings)
    : log_(log), info_(log.info()), coverage_(coverage), findings_(findings) {}

void CommitCheck::saw(std::string key, storage::Digest const& hash, Sequence last_sequence) {
  steps_.insert_or_assign(std::move(key), Seen{hash, last_sequence, 0});
}

void CommitCheck::found(std::uint64_t commit, std::string detail, Severity severity) {
  findings_.add({severity, "commit", {"", ""}, {}, 0, commit, std::move(detail)});
}

Result<> CommitCheck::run() {
  auto const read = log_.read_commits(
      1, [this](storage::CommitRecord const& record, storage::Digest const& digest) {
        take(record, digest);
        return true;
      });
  if (!read) {
    if (read.error().code == Errc::io) return read.error();
    found(commits_ + 1, read.error().detail);
    return {};  // what the rest would have covered is not known
  }
  if (commits_ != info_.last_commit)
    found(commits_,
          "the commit records end at " + number(commits_) + ", the store at " +
              number(info_.last_commit));
  if (commits_ != 0 && previous_ != info_.last_commit_digest)
    found(commits_, "the last commit record does not have the digest that the store names");
  check_rest();
  return {};
}

void CommitCheck::take(storage::CommitRecord const& record, storage::Digest const& digest) {
  if (record.number != commits_ + 1)
    found(record.number, "it follows commit " + number(commits_) + ": some are missing");
  // The first of a later generation names a commit of the one before, which is not read here.
  bool const known = commits_ != 0 || record.generation == 1;
  if (known && record.previous != previous_)
    found(record.number, "it does not name the commit before it");
  if (record.generation != info_.generation)
    found(record.number,
          "it is of generation " + number(record.generation) + ", the store is at " +
              number(info_.generation));
  commits_ = record.number;
  previous_ = digest;
  for (auto const& step : record.steps) take_step(record, step);
  check_digest(record, digest);
}

void CommitCheck::take_step(storage::CommitRecord const& record,
                            storage::CommittedStep const& step) {
  auto const place = storage::parse_step_key(step.key);
  if (!place) return found(record.number, "it names a step under something that is no key");
  auto const seen = steps_.find(step.key);
  if (seen == steps_.end()) {
    if (coverage_ == Coverage::all_sessions)
      found(record.number,
            "it names the step " + place_text(*place) + ", which no session of the store has");
    return;
  }
  if (seen->second.commit != 0)
    found(record.number,
          "it names the step " + place_text(*place) + ", which commit " +
              number(seen->second.commit) + " had named");
  seen->second.commit = record.number;
  if (seen->second.last_sequence != step.last_sequence)
    found(record.number,
          "the step " + place_text(*place) + " ends at " + number(seen->second.last_sequence) +
              ", not at " + number(step.last_sequence));
  auto const [reached, first] = reached_.try_emplace(run_part(step.key), 0);
  // In a later generation a run may have begun in an earlier one.
  bool const follows =
      place->first_sequence == reached->second + 1 || (first && record.generation > 1);
  if (!follows)
    found(record.number,
          "the step " + place_text(*place) +
              " does not follow what was committed of its run, up to " + number(reached->second));
  reached->second = step.last_sequence;
}

/// The digest as anybody can compute it from the record and the steps that were read.
void CommitCheck::check_digest(storage::CommitRecord const& record, storage::Digest const& digest) {
  std::vector<storage::Digest> hashes;
  hashes.reserve(record.steps.size());
  for (auto const& step : record.steps) {
    auto const seen = steps_.find(step.key);
    if (seen == steps_.end()) return;
    hashes.push_back(seen->second.hash);
  }
  auto const encoded = storage::encode_commit(record);
  if (storage::commit_digest(encoded.key, encoded.value, hashes) != digest)
    found(record.number, "its digest is not that of its steps");
}

void CommitCheck::check_rest() {
  std::uint64_t uncovered = 0;
  std::optional<storage::StepKey> example;
  for (auto const& [key, seen] : steps_) {
    if (seen.commit != 0) continue;
    ++uncovered;
    auto place = storage::parse_step_key(key);
    if (place && (!example || place->first_sequence < example->first_sequence))
      example = std::move(place);
  }
  if (uncovered == 0) return;
  auto const which =
      number(uncovered) + (uncovered == 1 ? " step is" : " steps are") + " in no commit record";
  if (info_.generation > 1) {
    found(0,
          which + " of generation " + number(info_.generation) +
              "; those of earlier generations are not read",
          Severity::warning);
  } else {
    found(0, which + (example ? ", such as " + place_text(*example) : std::string()));
  }
}

}  // namespace dalsegno::forensics
