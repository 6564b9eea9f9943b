#include "tests/e2e/sessions.h"

#include "storage/event/codec.h"
#include "storage/log/journal.h"
#include "storage/rocksdb/rocksdb_log.h"
#include "tools/dalsegno/forensics/explain.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string_view>
#include <utility>
#include <variant>

namespace dalsegno::test {
namespace {

using Visit = std::function<void(SessionId const&, storage::Head const&)>;

void each_session(storage::EventLog const& log, Visit const& visit) {
  auto const scanned = log.scan_heads([&](SessionId const& id, storage::Head const& head) {
    if (id != storage::journal_session()) visit(id, head);
    return true;
  });
  EXPECT_TRUE(scanned) << scanned.error().detail;
}

void each_event(storage::EventLog const& log,
                SessionId const& id,
                storage::Head const& head,
                std::function<void(storage::Event const&)> const& visit) {
  auto const read = log.read_steps(id, head.run, 1, [&](std::string_view bytes) {
    auto const step = storage::decode(bytes, storage::Reading::show);
    EXPECT_TRUE(step) << to_string(id);
    if (!step) return false;
    for (auto const& event : step->step.events) visit(event);
    return true;
  });
  EXPECT_TRUE(read) << read.error().detail;
}

/// Without what follows from the key of the store: the digits of tokens, and digests of
/// conversations that hold tokens.
std::string without_keyed_parts(std::string text) {
  constexpr std::size_t digits = 16;
  for (std::size_t at = 0; (at = text.find("[secret:", at)) != std::string::npos;) {
    at = text.find(':', at + std::string_view("[secret:").size());
    if (at == std::string::npos) break;
    text.erase(at, 1 + digits);
  }
  constexpr std::string_view name = R"("digest":")";
  constexpr std::size_t of_sha256 = 64;
  for (std::size_t at = 0; (at = text.find(name, at)) != std::string::npos;) {
    at += name.size();
    if (at + of_sha256 < text.size() && text[at + of_sha256] == '"') text.erase(at, of_sha256);
  }
  return text;
}

class FactsReader {
 public:
  FactsReader(storage::EventLog const& log, SessionId id) : log_(log), id_(std::move(id)) {}

  void read(storage::Event const& event) {
    if (auto const* const asked = std::get_if<storage::OperationRequested>(&event.body)) {
      numbers_.emplace(event.operation, facts.commands.size());
      facts.commands.push_back(std::to_string(static_cast<int>(asked->kind)) + " " + asked->name +
                               " " + text_of(asked->input));
    } else if (auto const* const model = std::get_if<storage::ModelCompleted>(&event.body)) {
      end_call(event, text_of(model->result));
    } else if (auto const* const tool = std::get_if<storage::ToolCompleted>(&event.body)) {
      end_call(event, text_of(tool->result));
    } else if (auto const* const failed = std::get_if<storage::OperationFailed>(&event.body)) {
      end_call(event, "failed: " + failed->type + ": " + failed->message);
    } else if (auto const* const answer = std::get_if<storage::AnswerGiven>(&event.body)) {
      facts.answers.push_back(text_of(answer->answer));
    } else if (auto const* const completed = std::get_if<storage::SessionCompleted>(&event.body)) {
      facts.end = text_of(completed->result);
    } else if (auto const* const ended = std::get_if<storage::SessionFailed>(&event.body)) {
      facts.end = "failed: " + ended->type + ": " + ended->message;
    }
  }

  SessionFacts facts;

 private:
  void end_call(storage::Event const& event, std::string result) {
    auto const number = numbers_.find(event.operation);
    ASSERT_NE(number, numbers_.end())
        << to_string(id_) << ": a result without its request @" << event.sequence;
    EXPECT_TRUE(facts.results.emplace(number->second, std::move(result)).second)
        << to_string(id_) << ": a second result @" << event.sequence;
  }

  [[nodiscard]] std::string text_of(storage::Payload const& payload) const {
    if (!payload.artifact) return without_keyed_parts(payload.bytes);
    auto const bytes = log_.artifact(id_, payload.artifact->digest);
    EXPECT_TRUE(bytes) << to_string(id_);
    return bytes ? without_keyed_parts(*bytes) : "";
  }

  storage::EventLog const& log_;
  SessionId id_;
  std::map<OperationId, std::size_t> numbers_;
};

/// One call's attempts, as far as they have been seen.
struct Attempts {
  bool open = false;
  bool has_result = false;
};

}  // namespace

std::unique_ptr<storage::EventLog> open_to_read(std::filesystem::path const& folder) {
  std::string loss;
  auto opened = storage::open_rocksdb_for_reading(folder, &loss);
  EXPECT_TRUE(opened) << opened.error().detail;
  EXPECT_EQ(loss, "");
  return opened ? std::move(*opened) : nullptr;
}

std::map<std::string, SessionFacts> read_facts(storage::EventLog const& log) {
  std::map<std::string, SessionFacts> all;
  each_session(log, [&](SessionId const& id, storage::Head const& head) {
    FactsReader reader(log, id);
    each_event(log, id, head, [&reader](storage::Event const& event) { reader.read(event); });
    all.emplace(id.name, std::move(reader.facts));
  });
  return all;
}

void expect_same(FactsByName const& actual, FactsByName const& expected) {
  EXPECT_EQ(actual.size(), expected.size());
  for (auto const& [name, facts] : expected) {
    auto const found = actual.find(name);
    if (found == actual.end()) {
      ADD_FAILURE() << name << " is missing";
      continue;
    }
    EXPECT_EQ(found->second.commands, facts.commands) << name;
    EXPECT_EQ(found->second.results, facts.results) << name;
    EXPECT_EQ(found->second.answers, facts.answers) << name;
    EXPECT_EQ(found->second.end, facts.end) << name;
  }
}

AttemptFacts check_attempts(storage::EventLog const& log) {
  AttemptFacts facts;
  each_session(log, [&](SessionId const& id, storage::Head const& head) {
    std::map<OperationId, Attempts> calls;
    auto const broken = [&](storage::Event const& event, char const* what) {
      facts.broken.push_back(to_string(id) + " @" + std::to_string(event.sequence) + ": " + what);
    };
    each_event(log, id, head, [&](storage::Event const& event) {
      auto& call = calls[event.operation];
      if (std::holds_alternative<storage::AttemptStarted>(event.body)) {
        if (call.has_result) broken(event, "attempted again after its result");
        if (call.open)
          broken(event, "attempted again, and the attempt before is neither failed nor orphaned");
        call.open = true;
      } else if (std::holds_alternative<storage::AttemptOrphaned>(event.body)) {
        if (!call.open) broken(event, "orphaned, and no attempt was open");
        ++facts.orphaned;
        call.open = false;
      } else if (std::holds_alternative<storage::AttemptFailed>(event.body)) {
        call.open = false;
      } else if (std::holds_alternative<storage::ModelCompleted>(event.body) ||
                 std::holds_alternative<storage::ToolCompleted>(event.body)) {
        if (!call.open) broken(event, "a result, and no attempt was open");
        call = {.open = false, .has_result = true};
      } else if (std::holds_alternative<storage::SessionCompleted>(event.body)) {
        for (auto const& [operation, other] : calls) {
          if (other.open) broken(event, "completed, and an attempt is open");
        }
      }
    });
  });
  return facts;
}

std::size_t check_answers(storage::EventLog const& log) {
  auto const policies = forensics::PolicyBook::read(log);
  EXPECT_TRUE(policies) << policies.error().detail;
  if (!policies) return 0;
  std::size_t answers = 0;
  each_session(log, [&](SessionId const& id, storage::Head const& head) {
    auto const history = forensics::read_history(log, id, head);
    ASSERT_TRUE(history && !history->broken) << to_string(id);
    for (auto const sequence : forensics::explainable(*history)) {
      auto const explained = forensics::explain(log, *history, *policies, sequence);
      ASSERT_TRUE(explained) << to_string(id) << ": " << explained.error().detail;
      EXPECT_TRUE(explained->whole())
          << to_string(id) << " @" << sequence << ": " << explained->broken.front();
      EXPECT_TRUE(explained->unknown.empty()) << to_string(id) << " @" << sequence;
      if (explained->kind != forensics::ExplainedEnd::answer) continue;
      ++answers;
      EXPECT_FALSE(explained->calls.empty()) << to_string(id) << " @" << sequence;
    }
  });
  return answers;
}

}  // namespace dalsegno::test
