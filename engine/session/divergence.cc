#include "engine/session/divergence.h"

#include "dalsegno/json.h"
#include "storage/event/event_json.h"
#include "storage/vault/redacted_match.h"

#include <type_traits>
#include <utility>
#include <variant>

namespace dalsegno::engine {

namespace {

bool same_payload(storage::Payload const& recorded, storage::Payload const& produced) {
  if (recorded.artifact || produced.artifact) return recorded.artifact == produced.artifact;
  return recorded.bytes == produced.bytes && recorded.content_type == produced.content_type;
}

/// Which session is asked for; what becomes of it may change with a deploy.
bool same_child(std::optional<storage::ChildRecord> const& recorded,
                std::optional<storage::ChildRecord> const& produced) {
  if (!recorded || !produced) return recorded.has_value() == produced.has_value();
  return recorded->session == produced->session && recorded->detached == produced->detached &&
         recorded->not_before == produced->not_before && recorded->ask == produced->ask &&
         recorded->signal == produced->signal && recorded->promise == produced->promise &&
         recorded->workflow == produced->workflow;
}

bool same_digest(storage::Digest const& recorded, storage::Digest const& produced) {
  return produced == storage::Digest{} || recorded == produced;
}

/// Collects the names of the fields that differ.
class Comparison {
 public:
  explicit Comparison(std::vector<std::string>& fields) : fields_(fields) {}

  void operator()(storage::OperationRequested const& recorded,
                  storage::OperationRequested const& produced) {
    field("kind", recorded.kind == produced.kind);
    field("name", recorded.name == produced.name);
    field("label", recorded.label == produced.label);
    field("child", same_child(recorded.child, produced.child));
    field("input",
          same_payload(recorded.input, produced.input) &&
              same_digest(recorded.input_digest, produced.input_digest));
    // How often a call is repeated may change with a deploy: what is recorded stays in force for
    // this call.
  }
  void operator()(storage::PolicyDecided const& recorded, storage::PolicyDecided const& produced) {
    field("attempt", recorded.attempt == produced.attempt);
    field("action", recorded.action == produced.action);
    field("resource", recorded.resource == produced.resource);
  }
  void operator()(storage::AttemptStarted const& recorded,
                  storage::AttemptStarted const& produced) {
    field("attempt", recorded.attempt == produced.attempt);
  }
  void operator()(storage::ApprovalRequested const& recorded,
                  storage::ApprovalRequested const& produced) {
    field("attempt", recorded.attempt == produced.attempt);
    field("rule", recorded.rule == produced.rule);
    // Who is asked and until when may change with a deploy, too.
  }
  void operator()(storage::ValueRecorded const& recorded, storage::ValueRecorded const& produced) {
    field("name", recorded.name == produced.name);
  }
  void operator()(storage::AnswerGiven const& recorded, storage::AnswerGiven const& produced) {
    field("turn", recorded.turn == produced.turn);
    field("source", recorded.source == produced.source);
    field("answer", same_payload(recorded.answer, produced.answer));
  }
  void operator()(storage::AttributeSet const& recorded, storage::AttributeSet const& produced) {
    field("name", recorded.name == produced.name);
    field("value", same_payload(recorded.value, produced.value));
  }
  void operator()(storage::StoreChanged const& recorded, storage::StoreChanged const& produced) {
    field("key", recorded.key == produced.key);
    field("erased", recorded.erased == produced.erased);
    field("value", same_payload(recorded.value, produced.value));
  }
  void operator()(storage::SessionCompleted const& recorded,
                  storage::SessionCompleted const& produced) {
    field("result", same_payload(recorded.result, produced.result));
    field("unread_signals", recorded.unread_signals == produced.unread_signals);
  }
  void operator()(storage::SessionFailed const& recorded, storage::SessionFailed const& produced) {
    field("type", recorded.type == produced.type);
    field("message", vault::could_be_redacted_text(recorded.message, produced.message));
  }
  void operator()(storage::UpdateEnded const& recorded, storage::UpdateEnded const& produced) {
    field("update", recorded.update == produced.update);
    field("result", same_payload(recorded.result, produced.result));
    field("type", recorded.type == produced.type);
    field("message", vault::could_be_redacted_text(recorded.message, produced.message));
  }
  void operator()(storage::ChildStarted const& recorded, storage::ChildStarted const& produced) {
    field("session", recorded.session == produced.session);
    field("attempt", recorded.attempt == produced.attempt);
  }
  void operator()(storage::ContinuedAsNew const& recorded,
                  storage::ContinuedAsNew const& produced) {
    field("next", recorded.next == produced.next);
    field("input", same_payload(recorded.input, produced.input));
    field("unread_signals", recorded.unread_signals == produced.unread_signals);
  }
  template <class Body>
  void operator()(Body const& recorded, Body const& produced) {
    field(std::string(storage::name_of(storage::EventBody(recorded))), recorded == produced);
  }

 private:
  void field(std::string name, bool same) {
    if (!same) fields_.push_back(std::move(name));
  }

  std::vector<std::string>& fields_;
};

std::string hint_for(Divergence const& divergence) {
  if (!divergence.produced) {
    return "The code stopped issuing commands before the log did: a command was removed, or moved "
           "behind something that "
           "it now waits for.";
  }
  if (!divergence.recorded) {
    return "The code issues a command that the log does not have: a command was added, or it "
           "depends on something "
           "outside of the log (a clock, randomness, the order of an unordered container).";
  }
  if (divergence.recorded->body.index() != divergence.produced->body.index() ||
      divergence.recorded->operation != divergence.produced->operation) {
    return "The code issues its commands in another order than it did: they were reordered, added "
           "or removed since.";
  }
  for (auto const& field : divergence.fields) {
    if (field == "input") {
      return "The same call with another input: its arguments are built in another way than they "
             "were, or from "
             "something outside of the log.";
    }
    if (field == "CheckpointTaken")
      return "The state at the checkpoint differs from the recorded one.";
  }
  return "The code of the workflow has changed since this was recorded.";
}

}  // namespace

std::vector<std::string> differing_fields(storage::Event const& recorded,
                                          storage::Event const& produced) {
  std::vector<std::string> fields;
  if (recorded.body.index() != produced.body.index()) {
    fields.emplace_back("type");
    return fields;
  }
  if (recorded.operation != produced.operation) fields.emplace_back("operation");
  std::visit([&]<class Body>(
                 Body const& body) { Comparison{fields}(body, std::get<Body>(produced.body)); },
             recorded.body);
  return fields;
}

Divergence make_divergence(std::optional<storage::Event> recorded,
                           std::optional<storage::Event> produced,
                           std::vector<std::string> fields) {
  Divergence divergence;
  auto const& either = recorded ? recorded : produced;
  if (either) {
    divergence.sequence = either->sequence;
    divergence.operation = either->operation;
  }
  divergence.recorded = std::move(recorded);
  divergence.produced = std::move(produced);
  divergence.fields = std::move(fields);
  divergence.hint = hint_for(divergence);
  return divergence;
}

std::string describe(Divergence const& divergence) {
  auto const side = [](std::optional<storage::Event> const& event) {
    return event ? to_string(storage::to_json_value(*event)) : std::string("nothing");
  };
  std::string text = "event " + std::to_string(divergence.sequence) + ": the log has " +
                     side(divergence.recorded) + ", the code produced " + side(divergence.produced);
  if (!divergence.fields.empty()) {
    text += "; they differ in";
    for (auto const& field : divergence.fields) text += ' ' + field;
  }
  return text + ". " + divergence.hint;
}

std::string report_of(Divergence const& divergence) {
  auto const side = [](std::optional<storage::Event> const& event) {
    return event ? storage::to_json_value(*event) : Json();
  };
  Json report;
  report.set("sequence", Json(divergence.sequence));
  report.set("recorded", side(divergence.recorded)).set("produced", side(divergence.produced));
  Json::Array fields;
  for (auto const& field : divergence.fields) fields.emplace_back(field);
  report.set("fields", Json(std::move(fields))).set("hint", divergence.hint);
  return to_string(report);
}

}  // namespace dalsegno::engine
