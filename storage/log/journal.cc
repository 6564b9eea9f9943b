#include "storage/log/journal.h"

#include "storage/log/chain.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

namespace dalsegno::storage {
namespace {

/// The journal has one run for ever; its id follows from the log's.
RunId journal_run(RunId const& log_id) {
  auto const digest =
      sha256({"dalsegno/journal/1", {reinterpret_cast<char const*>(log_id.bytes.data()), 16}});
  RunId run;
  std::copy_n(digest.bytes.begin(), run.bytes.size(), run.bytes.begin());
  return run;
}

Head first_head(RunId const& run, Time now) {
  Head head;
  head.run = run;
  head.started_at = now;
  head.updated_at = now;
  return head;
}

Step next_step(StoreInfo const& info, Head const& head, std::vector<EventBody> bodies, Time now) {
  Step step;
  step.header.log_id = info.log_id;
  step.header.session = journal_session();
  step.header.run = head.run;
  step.header.first_sequence = head.last_sequence + 1;
  step.header.epoch = info.epoch;
  step.header.previous = head.hash;
  step.header.recorded_at = std::max(now, head.updated_at);
  auto sequence = step.header.first_sequence;
  for (auto& body : bodies) step.events.push_back({sequence++, OperationId::none, std::move(body)});
  return step;
}

}  // namespace

SessionId const& journal_session() {
  static SessionId const session{"_store", "operator"};
  return session;
}

Result<> append_to_journal(EventLog& log,
                           std::vector<EventBody> bodies,
                           Time now,
                           std::vector<StoredArtifact> artifacts) {
  auto const info = log.info();
  auto current = log.head(journal_session());
  if (!current) return std::move(current).error();
  auto const before = current->value_or(first_head(journal_run(info.log_id), now));
  auto const step = next_step(info, before, std::move(bodies), now);
  auto encoded = encode(step);
  if (!encoded) return std::move(encoded).error();

  Append append;
  append.session = journal_session();
  append.run = before.run;
  append.expected_sequence = before.last_sequence;
  append.first_sequence = step.header.first_sequence;
  append.epoch = info.epoch;
  append.head = before;
  append.head.last_sequence = step.events.back().sequence;
  append.head.hash = encoded->hash;
  append.head.epoch = info.epoch;
  append.head.updated_at = step.header.recorded_at;
  append.head.steps = before.steps + 1;
  append.step = std::move(*encoded);
  append.artifacts = std::move(artifacts);

  auto receipt = log.append({&append, 1});
  if (!receipt) return std::move(receipt).error();
  assert(receipt->each.size() == 1);
  return std::move(receipt->each.front());
}

Result<std::vector<Event>> read_journal(EventLog const& log) {
  std::vector<Event> events;
  auto const head = log.head(journal_session());
  if (!head) return head.error();
  if (!*head) return events;
  auto const read = read_verified(
      log, journal_session(), (*head)->run, 1, Reading::show, [&](DecodedStep const& step) {
        events.insert(events.end(), step.step.events.begin(), step.step.events.end());
        return true;
      });
  if (!read) return read.error();
  return events;
}

}  // namespace dalsegno::storage
