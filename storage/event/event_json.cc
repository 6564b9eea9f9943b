#include "storage/event/event_json.h"

#include <chrono>
#include <string>
#include <utility>
#include <variant>

namespace dalsegno::storage {

namespace {

Json number(std::uint64_t value) { return Json(value); }

std::string_view kind_name(OperationKind kind) {
  switch (kind) {
    case OperationKind::activity:
      return "activity";
    case OperationKind::model:
      return "model";
    case OperationKind::tool:
      return "tool";
    case OperationKind::sleep:
      return "sleep";
    case OperationKind::receive:
      return "receive";
    case OperationKind::approval:
      return "approval";
    case OperationKind::child:
      return "child";
    case OperationKind::message:
      return "message";
    case OperationKind::promise:
      return "promise";
  }
  return "unknown";
}

std::string_view ask_name(SessionAsk ask) {
  switch (ask) {
    case SessionAsk::start:
      return "";
    case SessionAsk::signal:
      return "signal";
    case SessionAsk::resolve:
      return "resolve";
    case SessionAsk::reject:
      return "reject";
  }
  return "unknown";
}

std::string_view cancel_mode_name(CancelMode mode) {
  switch (mode) {
    case CancelMode::attempt:
      return "";
    case CancelMode::wait:
      return "wait";
    case CancelMode::abandon:
      return "abandon";
  }
  return "unknown";
}

std::string_view parent_close_name(ParentClose close) {
  switch (close) {
    case ParentClose::terminate:
      return "terminate";
    case ParentClose::cancel:
      return "cancel";
    case ParentClose::abandon:
      return "abandon";
  }
  return "unknown";
}

std::string_view reuse_name(Reuse reuse) {
  switch (reuse) {
    case Reuse::reject:
      return "";
    case Reuse::allow:
      return "allow";
    case Reuse::allow_if_failed:
      return "allow_if_failed";
  }
  return "unknown";
}

std::string_view outcome_name(ChildOutcome outcome) {
  switch (outcome) {
    case ChildOutcome::completed:
      return "completed";
    case ChildOutcome::failed:
      return "failed";
    case ChildOutcome::cancelled:
      return "cancelled";
  }
  return "unknown";
}

Json strings(std::vector<std::string> const& list) {
  Json::Array array;
  array.reserve(list.size());
  for (auto const& text : list) array.emplace_back(text);
  return Json(std::move(array));
}

std::string_view risk_name(Risk risk) {
  switch (risk) {
    case Risk::undeclared:
      return "";
    case Risk::read:
      return "read";
    case Risk::write:
      return "write";
    case Risk::destructive:
      return "destructive";
    case Risk::money:
      return "money";
    case Risk::external:
      return "external";
  }
  return "unknown";
}

std::string_view token_kind_name(TokenKind kind) {
  switch (kind) {
    case TokenKind::operators:
      return "operator";
    case TokenKind::runtimes:
      return "runtime";
    case TokenKind::auditors:
      return "auditor";
  }
  return "unknown";
}

std::string_view effect_class_name(EffectClass effect) {
  switch (effect) {
    case EffectClass::idempotent:
      return "idempotent";
    case EffectClass::reconcilable:
      return "reconcilable";
    case EffectClass::at_most_once:
      return "at_most_once";
  }
  return "unknown";
}

std::string_view resolution_name(DoubtResolution resolution) {
  switch (resolution) {
    case DoubtResolution::completed:
      return "completed";
    case DoubtResolution::failed:
      return "failed";
    case DoubtResolution::retry:
      return "retry";
  }
  return "unknown";
}

/// The value of a JSON text; the text itself should it be none.
Json value_of(std::string const& text) {
  auto parsed = parse_json(text);
  return parsed ? std::move(*parsed) : Json(text);
}

Json json_of(std::vector<NamedValue> const& values) {
  Json::Array array;
  for (auto const& it : values) {
    Json one;
    one.set("name", it.name).set("value", value_of(it.value));
    array.push_back(std::move(one));
  }
  return array;
}

Json json_of(std::vector<RuleError> const& errors) {
  Json::Array array;
  for (auto const& it : errors) {
    Json one;
    one.set("rule", it.rule).set("message", it.message);
    array.push_back(std::move(one));
  }
  return array;
}

Json json_of(std::vector<RecordedObligation> const& obligations) {
  Json::Array array;
  for (auto const& it : obligations) {
    Json one;
    one.set("kind", it.kind).set("rule", it.rule).set("parameters", value_of(it.parameters));
    array.push_back(std::move(one));
  }
  return array;
}

Json json_of(std::vector<Contact> const& contacts) {
  Json::Array array;
  for (auto const& it : contacts) array.push_back(to_json_value(it));
  return array;
}

/// Adds the fields of each body to one JSON object; what is empty is left out.
class Fields {
 public:
  explicit Fields(Json& object) : object_(object) {}

  void operator()(UnknownBody const& body) { object_.set("number", number(body.type)); }
  void operator()(SessionStarted const& body) {
    object_.set("workflow", body.workflow).set("rules_version", number(body.rules_version));
    text("principal", body.principal);
    object_.set("input", to_json_value(body.input)).set("input_digest", to_hex(body.input_digest));
    object_.set("random_seed", std::to_string(body.random_seed));
    if (body.follows)
      object_.set("follows", to_string(*body.follows))
          .set("follows_hash", to_hex(body.follows_hash));
    if (body.redaction != Digest{}) object_.set("redaction", to_hex(body.redaction));
    if (body.origin) {
      Json origin;
      origin.set("session", body.origin->session).set("run", to_string(body.origin->run));
      origin.set("operation", number(static_cast<std::uint64_t>(body.origin->operation)));
      if (body.origin->detached) origin.set("detached", true);
      object_.set("origin", std::move(origin));
    }
    time("not_before", body.not_before);
    if (body.fork) object_.set("fork", json_of(*body.fork));
  }
  void operator()(InputReceived const& body) {
    object_.set("signal", body.signal);
    text("producer_key", body.producer_key);
    text("principal", body.principal);
    object_.set("payload", to_json_value(body.payload))
        .set("payload_digest", to_hex(body.payload_digest));
    if (body.carried_from > 0) object_.set("carried_from", number(body.carried_from));
    if (body.update) object_.set("update", true);
    list("taint", body.taint, strings(body.taint));
    list("senders", body.senders, strings(body.senders));
  }
  void operator()(OperationCompleted const& body) {
    object_.set("attempt", number(body.attempt)).set("result", to_json_value(body.result));
    contacts(body.contacts);
    if (body.reconciled) object_.set("reconciled", true);
  }
  void operator()(ModelCompleted const& body) {
    object_.set("attempt", number(body.attempt)).set("result", to_json_value(body.result));
    text("model", body.model);
    text("finish", body.finish);
    Json usage;
    usage.set("input_tokens", number(body.input_tokens))
        .set("output_tokens", number(body.output_tokens));
    usage.set("cached_tokens", number(body.cached_tokens));
    if (body.input_tokens + body.output_tokens > 0) object_.set("usage", std::move(usage));
    contacts(body.contacts);
  }
  void operator()(ToolCompleted const& body) {
    object_.set("attempt", number(body.attempt)).set("result", to_json_value(body.result));
    object_.set("is_error", body.is_error);
    contacts(body.contacts);
    if (body.reconciled) object_.set("reconciled", true);
  }
  void operator()(AttemptFailed const& body) {
    object_.set("attempt", number(body.attempt))
        .set("error", body.type)
        .set("message", body.message);
    object_.set("retryable", body.retryable);
    time("retry_at", body.retry_at);
    contacts(body.contacts);
    payload("heartbeat", body.heartbeat);
    if (body.outcome_unknown) object_.set("outcome_unknown", true);
  }
  void operator()(AttemptOrphaned const& body) {
    object_.set("attempt", number(body.attempt)).set("reason", body.reason);
    time("retry_at", body.retry_at);
    contacts(body.contacts);
  }
  void operator()(TimerFired const& body) { object_.set("due", to_string(body.due)); }
  void operator()(Held const& body) {
    object_.set("kind", body.kind);
    auto report = parse_json(body.report);
    object_.set("report", report ? std::move(*report) : Json(body.report));
  }
  void operator()(Released const& body) { object_.set("by", body.by).set("reason", body.reason); }
  void operator()(OperatorActed const& body) {
    object_.set("by", body.by).set("action", body.action).set("reason", body.reason);
    text("credential", body.credential);
    text("resource", body.resource);
    if (!body.details.empty()) object_.set("details", value_of(body.details));
    text("second", body.second);
    text("second_credential", body.second_credential);
    if (body.break_glass) object_.set("break_glass", true);
  }
  void operator()(PolicyActivated const& body) {
    object_.set("policy", to_hex(body.digest)).set("name", body.name);
    object_.set("document", to_json_value(body.document));
  }
  void operator()(LossAccepted const& body) {
    object_.set("by", body.by)
        .set("reason", body.reason)
        .set("generation", number(body.generation));
    object_.set("acknowledged_commit", number(body.acknowledged_commit));
    object_.set("found_commit", number(body.found_commit));
  }
  void operator()(OperationRequested const& body) {
    object_.set("kind", kind_name(body.kind));
    text("name", body.name);
    text("label", body.label);
    if (body.kind == OperationKind::receive || body.kind == OperationKind::sleep ||
        body.kind == OperationKind::promise)
      return;
    object_.set("input", to_json_value(body.input)).set("input_digest", to_hex(body.input_digest));
    Json retry;
    retry.set("max_attempts", number(body.retry.max_attempts))
        .set("initial_ms", number(body.retry.initial_ms));
    retry.set("max_interval_ms", number(body.retry.max_interval_ms))
        .set("factor", body.retry.factor)
        .set("jitter", body.retry.jitter);
    if (!body.retry.non_retryable.empty())
      retry.set("non_retryable", strings(body.retry.non_retryable));
    object_.set("retry", std::move(retry));
    text("risk", std::string(risk_name(body.risk)));
    if (body.untrusted) object_.set("untrusted", true);
    text("on_cancel", std::string(cancel_mode_name(body.on_cancel)));
    if (body.child) {
      Json child;
      Fields fields(child);
      child.set("session", body.child->session);
      fields.text("ask", std::string(ask_name(body.child->ask)));
      fields.text("signal", body.child->signal);
      fields.text("promise", body.child->promise);
      fields.text("workflow", body.child->workflow);
      if (body.child->bare) child.set("bare", true);
      if (body.child->ask != SessionAsk::start) {
        // Nobody waits for its end.
      } else if (body.child->detached) {
        child.set("detached", true);
      } else {
        child.set("parent_close", parent_close_name(body.child->parent_close));
      }
      fields.text("reuse", std::string(reuse_name(body.child->reuse)));
      fields.time("not_before", body.child->not_before);
      object_.set("child", std::move(child));
    }
    if (body.start_to_close_ms > 0)
      object_.set("start_to_close_ms", number(body.start_to_close_ms));
    auto const& terms = body.terms;
    if (terms.schedule_to_start_ms > 0)
      object_.set("schedule_to_start_ms", number(terms.schedule_to_start_ms));
    if (terms.schedule_to_close_ms > 0)
      object_.set("schedule_to_close_ms", number(terms.schedule_to_close_ms));
    if (terms.heartbeat_ms > 0) object_.set("heartbeat_ms", number(terms.heartbeat_ms));
    if (terms.effect != EffectClass::idempotent)
      object_.set("effect_class", effect_class_name(terms.effect));
  }
  void operator()(PolicyDecided const& body) {
    object_.set("attempt", number(body.attempt));
    object_.set("effect", body.effect == DecisionEffect::permit ? "permit" : "deny");
    object_.set("policy", to_hex(body.policy));
    text("principal", body.principal);
    object_.set("action", body.action).set("resource", body.resource);
    object_.set("input_digest", to_hex(body.input_digest)).set("rules", strings(body.rules));
    text("reason", body.reason);
    text("principal_kind", body.principal_kind);
    list("principal_roles", body.principal_roles, strings(body.principal_roles));
    list("attributes", body.attributes, storage::json_of(body.attributes));
    list("ambient", body.ambient, storage::json_of(body.ambient));
    list("errors", body.errors, storage::json_of(body.errors));
    list("obligations", body.obligations, storage::json_of(body.obligations));
    Json::Array shadows;
    for (auto const& shadow : body.shadows) shadows.push_back(json_of(shadow));
    list("shadows", body.shadows, std::move(shadows));
  }
  void operator()(AttemptStarted const& body) {
    object_.set("attempt", number(body.attempt)).set("input_digest", to_hex(body.input_digest));
    if (body.asks_first) object_.set("asks_first", true);
  }
  void operator()(OperationFailed const& body) {
    object_.set("error", body.type)
        .set("message", body.message)
        .set("attempts", number(body.attempts));
  }
  void operator()(OperationCancelled const& body) {
    object_.set("reason", body.reason);
    if (body.abandoned) object_.set("abandoned", true);
    if (body.told) object_.set("told", parent_close_name(*body.told));
  }
  void operator()(TimerStarted const& body) { object_.set("due", to_string(body.due)); }
  void operator()(ValueRecorded const& body) {
    object_.set("name", body.name).set("value", to_json_value(body.value));
  }
  void operator()(AnswerGiven const& body) {
    object_.set("turn", number(body.turn))
        .set("source", number(static_cast<std::uint64_t>(body.source)));
    object_.set("answer", to_json_value(body.answer));
  }
  void operator()(AttributeSet const& body) {
    object_.set("name", body.name).set("value", to_json_value(body.value));
  }
  void operator()(CheckpointTaken const& body) {
    object_.set("state_digest", to_hex(body.state_digest))
        .set("size_bytes", number(body.size_bytes));
  }
  void operator()(SessionCompleted const& body) {
    object_.set("result", to_json_value(body.result));
    if (body.unread_signals > 0) object_.set("unread_signals", number(body.unread_signals));
  }
  void operator()(SessionFailed const& body) {
    object_.set("error", body.type).set("message", body.message);
  }
  void operator()(VersionChosen const& body) {
    object_.set("change", body.change).set("version", number(body.version));
  }
  void operator()(CancelRequested const& body) {
    object_.set("by", body.by).set("reason", body.reason);
  }
  void operator()(SessionCancelled const& body) { object_.set("reason", body.reason); }
  void operator()(ApprovalRequested const& body) {
    object_.set("attempt", number(body.attempt)).set("input_digest", to_hex(body.input_digest));
    list("approvers", body.approvers, strings(body.approvers));
    object_.set("quorum", number(body.quorum));
    time("expires", body.expires);
    time("escalate_at", body.escalate_at);
    list("escalate_to", body.escalate_to, strings(body.escalate_to));
    text("rule", body.rule);
    text("reason", body.reason);
  }
  void operator()(ApprovalGiven const& body) {
    object_.set("granted", body.granted).set("by", body.by);
    list("roles", body.roles, strings(body.roles));
    text("credential", body.credential);
    text("reason", body.reason);
    object_.set("input_digest", to_hex(body.input_digest));
  }
  void operator()(TokenCreated const& body) {
    object_.set("id", body.id).set("kind", token_kind_name(body.kind));
    object_.set("digest", to_hex(body.digest)).set("owner", body.owner);
    list("roles", body.roles, strings(body.roles));
    list("scopes", body.scopes, strings(body.scopes));
    text("tenant", body.tenant);
    time("expires", body.expires);
    text("replaces", body.replaces);
    if (body.break_glass) object_.set("break_glass", true);
  }
  void operator()(TokenRevoked const& body) {
    object_.set("id", body.id);
    time("at", body.at);
  }
  void operator()(HeartbeatRecorded const& body) {
    object_.set("attempt", number(body.attempt)).set("at", to_string(body.at));
    payload("details", body.details);
  }
  void operator()(AttemptDeferred const& body) {
    object_.set("attempt", number(body.attempt));
    payload("heartbeat", body.heartbeat);
    contacts(body.contacts);
  }
  void operator()(OperationInDoubt const& body) {
    object_.set("attempt", number(body.attempt)).set("reason", body.reason);
  }
  void operator()(DoubtResolved const& body) {
    object_.set("resolution", resolution_name(body.resolution)).set("by", body.by);
    text("credential", body.credential);
    text("reason", body.reason);
    payload("result", body.result);
  }
  void operator()(RunCarried const& body) {
    Json::Array calls;
    for (auto const& it : body.calls) {
      Json one;
      one.set("kind", kind_name(it.kind)).set("name", it.name).set("count", number(it.count));
      calls.push_back(std::move(one));
    }
    list("calls", body.calls, std::move(calls));
    list("taint", body.taint, strings(body.taint));
    list("senders", body.senders, strings(body.senders));
    Json::Array attributes;
    for (auto const& it : body.attributes) {
      Json one;
      one.set("name", it.name).set("value", to_json_value(it.value));
      attributes.push_back(std::move(one));
    }
    list("attributes", body.attributes, std::move(attributes));
    Json::Array stored;
    for (auto const& it : body.stored) {
      Json one;
      one.set("key", it.name).set("value", to_json_value(it.value));
      stored.push_back(std::move(one));
    }
    list("stored", body.stored, std::move(stored));
  }
  void operator()(ContinuedAsNew const& body) {
    object_.set("next", to_string(body.next)).set("input", to_json_value(body.input));
    object_.set("input_digest", to_hex(body.input_digest));
    object_.set("unread_signals", number(body.unread_signals));
  }
  void operator()(ChildStarted const& body) {
    object_.set("session", body.session).set("attempt", number(body.attempt));
    object_.set("input_digest", to_hex(body.input_digest));
  }
  void operator()(ChildEnded const& body) {
    if (body.run != RunId{}) object_.set("run", to_string(body.run));
    object_.set("outcome", outcome_name(body.outcome));
    if (body.outcome == ChildOutcome::completed) object_.set("result", to_json_value(body.result));
    text("error", body.type);
    text("message", body.message);
    list("taint", body.taint, strings(body.taint));
    list("senders", body.senders, strings(body.senders));
  }
  void operator()(ParentEnded const& body) {
    object_.set("close", parent_close_name(body.close)).set("reason", body.reason);
  }
  void operator()(CancellationAsked const& body) { object_.set("reason", body.reason); }
  void operator()(ControlAsked const& body) {
    object_.set("verb", name_of(body.verb)).set("by", body.by);
    text("credential", body.credential);
    text("reason", body.reason);
  }
  void operator()(UpdateEnded const& body) {
    object_.set("update", number(body.update));
    if (body.type.empty()) object_.set("result", to_json_value(body.result));
    text("error", body.type);
    text("message", body.message);
  }
  void operator()(StoreChanged const& body) {
    object_.set("key", body.key);
    if (body.erased) {
      object_.set("erased", true);
    } else {
      object_.set("value", to_json_value(body.value));
    }
  }
  void operator()(PromiseSettled const& body) {
    if (!body.failed) object_.set("result", to_json_value(body.result));
    text("error", body.type);
    text("message", body.message);
    text("session", body.session);
    list("taint", body.taint, strings(body.taint));
    list("senders", body.senders, strings(body.senders));
  }
  void operator()(EngineStarted const& body) {
    object_.set("epoch", number(body.epoch)).set("build", body.build);
  }
  void operator()(Forked const& body) {
    object_.set("from", json_of(body.from)).set("random_seed", std::to_string(body.random_seed));
    object_.set("by", body.by);
    text("credential", body.credential);
    object_.set("reason", body.reason).set("effects_after", number(body.effects_after));
  }

 private:
  static Json json_of(ForkOrigin const& from) {
    Json json;
    json.set("session", from.session).set("run", to_string(from.run));
    return json.set("sequence", number(from.sequence));
  }
  /// A list, left out when it is empty.
  template <class Value>
  void list(std::string_view name, std::vector<Value> const& values, Json json) {
    if (!values.empty()) object_.set(name, std::move(json));
  }
  void payload(std::string_view name, Payload const& value) {
    if (value != Payload{}) object_.set(name, to_json_value(value));
  }
  void contacts(std::vector<Contact> const& values) {
    list("contacts", values, storage::json_of(values));
  }
  static Json json_of(ShadowDecision const& shadow) {
    Json out;
    Fields fields(out);
    out.set("policy", to_hex(shadow.policy))
        .set("effect", shadow.effect == DecisionEffect::permit ? "permit" : "deny")
        .set("rules", strings(shadow.rules));
    fields.text("reason", shadow.reason);
    fields.list("errors", shadow.errors, storage::json_of(shadow.errors));
    fields.list("obligations", shadow.obligations, storage::json_of(shadow.obligations));
    return out;
  }
  void text(std::string_view name, std::string const& value) {
    if (!value.empty()) object_.set(name, value);
  }
  void time(std::string_view name, std::optional<Time> const& value) {
    if (value) object_.set(name, to_string(*value));
  }

  Json& object_;
};

}  // namespace

Json to_json_value(Payload const& payload) {
  if (payload.artifact) {
    Json reference;
    reference.set("artifact", to_hex(payload.artifact->digest))
        .set("size_bytes", number(payload.artifact->size_bytes));
    return reference;
  }
  if (payload.content_type.empty()) {
    if (auto parsed = parse_json(payload.bytes)) return std::move(*parsed);
  }
  Json described;
  described.set("content_type", payload.content_type)
      .set("size_bytes", number(payload.bytes.size()));
  if (payload.content_type.starts_with("text/")) described.set("text", payload.bytes);
  return described;
}

Json to_json_value(Contact const& contact) {
  Json object;
  object.set("method", contact.method).set("url", contact.url).set("host", contact.host);
  object.set("port", static_cast<unsigned>(contact.port)).set("answers", strings(contact.answers));
  object.set("address", contact.address).set("rules", strings(contact.rules));
  object.set("policy", contact.policy).set("policy_rules", strings(contact.policy_rules));
  object.set("outcome", contact.outcome).set("reason", contact.reason);
  object.set("status", static_cast<unsigned>(contact.status));
  object.set("bytes_sent", number(contact.bytes_sent));
  object.set("bytes_received", number(contact.bytes_received));
  object.set("elapsed_us", number(contact.elapsed_us));
  return object;
}

Json to_json_value(Event const& event) {
  Json object;
  object.set("sequence", number(event.sequence)).set("type", name_of(event.body));
  if (event.operation != OperationId::none) {
    object.set("operation", number(static_cast<std::uint64_t>(event.operation)));
  }
  std::visit(Fields(object), event.body);
  return object;
}

Json to_json_value(StepHeader const& header) {
  Json object;
  object.set("format", number(header.format)).set("log_id", to_string(header.log_id));
  object.set("tenant", header.session.tenant)
      .set("session", header.session.name)
      .set("run", to_string(header.run));
  object.set("first_sequence", number(header.first_sequence)).set("epoch", number(header.epoch));
  object.set("previous", to_hex(header.previous)).set("recorded_at", to_string(header.recorded_at));
  if (header.cause > 0) object.set("cause", number(header.cause));
  return object;
}

}  // namespace dalsegno::storage
