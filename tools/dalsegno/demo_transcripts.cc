#include "tools/dalsegno/demo_transcripts.h"

#include "dalsegno/json.h"

#include <string_view>
#include <utility>
#include <vector>

namespace dalsegno::command {
namespace {

struct Call {
  std::string_view tool;
  std::string_view arguments;
  std::string_view result;
};

/// Writes a transcript down as OpenAI's chat messages.
class Talk {
 public:
  explicit Talk(std::string_view id) : id_(id) {
    say("system",
        "You are the desk of Tern Air. Be brief and friendly. Look things up before you promise "
        "them.");
  }
  Talk& client(std::string_view words) { return say("user", words); }
  Talk& desk(std::string_view words) { return say("assistant", words); }

  Talk& calls(std::vector<Call> const& calls) {
    Json::Array asked;
    Json::Array results;
    for (auto const& call : calls) {
      auto const id = "call-" + std::to_string(++calls_);
      Json function;
      function.set("name", call.tool).set("arguments", call.arguments);
      Json entry;
      entry.set("id", id).set("type", "function").set("function", std::move(function));
      asked.push_back(std::move(entry));
      Json result;
      result.set("role", "tool").set("tool_call_id", id).set("content", call.result);
      results.push_back(std::move(result));
    }
    Json message;
    message.set("role", "assistant").set("content", nullptr).set("tool_calls", std::move(asked));
    messages_.push_back(std::move(message));
    for (auto& result : results) messages_.push_back(std::move(result));
    return *this;
  }
  Talk& call(std::string_view tool, std::string_view arguments, std::string_view result) {
    return calls({{tool, arguments, result}});
  }

  [[nodiscard]] std::string line() const {
    Json transcript;
    transcript.set("id", id_).set("messages", messages_);
    return to_string(transcript) + '\n';
  }

 private:
  Talk& say(std::string_view role, std::string_view words) {
    Json message;
    message.set("role", role).set("content", words);
    messages_.push_back(std::move(message));
    return *this;
  }

  std::string_view id_;
  Json::Array messages_;
  int calls_ = 0;
};

}  // namespace

std::string demo_short_sessions() {
  Talk change("seat-change");
  change
      .client(
          "Hello, Ines Okafor here, booking TRN-4417. Can I fly on Friday morning, not on "
          "Thursday?")
      .call("find_booking",
            R"({"booking":"TRN-4417"})",
            R"({"booking":"TRN-4417","flight":"TN 208","day":"Thursday","fare":"flexible"})")
      .call("find_flights",
            R"({"from":"Bergen","to":"Porto","day":"Friday"})",
            R"([{"flight":"TN 212","departs":"07:40","free_seats":9}])")
      .desk(
          "TN 212 leaves on Friday at 07:40. Your fare is flexible, so it costs nothing. Shall I?")
      .client("Yes, please.")
      .call("change_booking",
            R"({"booking":"TRN-4417","flight":"TN 212","day":"Friday"})",
            R"({"booking":"TRN-4417","state":"changed","seat":"14C"})")
      .desk("Done: you fly on Friday at 07:40 with TN 212, in seat 14C.")
      .client("Wonderful, thank you. Goodbye!");

  // What a denied call looks like to the model is agent::Denial, with the rule's reason and id.
  Talk refund("refund-request");
  refund.client("My flight was cancelled. I want the 240 euros for TRN-5083 back.")
      .call(
          "find_booking",
          R"({"booking":"TRN-5083"})",
          R"({"booking":"TRN-5083","flight":"TN 117","state":"cancelled by the airline","paid_eur":240})")
      .call("refund_booking",
            R"({"booking":"TRN-5083","amount_eur":240})",
            R"({"error":"denied by policy","reason":"a person decides about refunds",)"
            R"("rules":["refunds-need-a-person"]})")
      .desk(
          "You are right, TN 117 was cancelled. I may not pay money back myself: a colleague "
          "decides about that. "
          "Shall I open a case?")
      .client("If it must be.")
      .call("open_case",
            R"({"booking":"TRN-5083","about":"refund of 240 EUR","flight":"TN 117"})",
            R"({"case":"C-731","answer_by":"Tuesday"})")
      .desk("It is case C-731, and you have an answer by Tuesday.")
      .client("All right. Goodbye.");
  return change.line() + refund.line();
}

std::string demo_paid_session() {
  Talk upgrade("upgrade");
  upgrade.client("TRN-4417 once more: a seat in the front row, please. What is it?")
      .call("find_seats", R"({"booking":"TRN-4417","row":1})", R"([{"seat":"1A","fee_eur":38}])")
      .desk("1A is free, for 38 euros. Which card shall I charge?")
      .client("4111 1111 1111 1111, and write to ines.okafor@example.org.")
      .call("charge_card",
            R"({"booking":"TRN-4417","card":"4111 1111 1111 1111","amount_eur":38})",
            R"({"charged":true,"receipt":"R-2209"})")
      .desk("Paid, receipt R-2209: you sit in 1A. The ticket goes to ines.okafor@example.org.")
      .client("Lovely. Goodbye!");
  return upgrade.line();
}

std::string demo_long_session() {
  Talk bag("lost-bag");
  bag.client("My suitcase did not come out in Porto. Its tag is 0417-226.")
      .call("trace_bag",
            R"({"tag":"0417-226"})",
            R"({"tag":"0417-226","seen":"Frankfurt","at":"14:05","state":"missed its flight"})")
      .desk("It was seen in Frankfurt at 14:05 and missed your flight. Shall I have it sent on?")
      .client("Yes. I am at Rua das Flores 12 until Sunday.")
      .calls({{"find_flights",
               R"({"from":"Frankfurt","to":"Porto","day":"today"})",
               R"([{"flight":"TN 340","lands":"21:15"}])"},
              {"check_address",
               R"({"street":"Rua das Flores 12","city":"Porto"})",
               R"({"known":true,"courier":"Douro Express"})"}})
      .call("reroute_bag",
            R"({"tag":"0417-226","flight":"TN 340"})",
            R"({"tag":"0417-226","state":"booked on TN 340"})")
      .desk("It comes with TN 340, which lands at 21:15. Is somebody there until 23:00?")
      .client("Yes, I am. Ring twice.")
      .call("book_delivery",
            R"({"tag":"0417-226","street":"Rua das Flores 12","note":"ring twice"})",
            R"({"delivery":"D-88","between":"22:00 and 23:00"})")
      .desk("Delivery D-88: Douro Express rings twice, between 22:00 and 23:00.")
      .client("And until then? Everything is in there.")
      .call("find_allowance", R"({"booking":"TRN-6120"})", R"({"allowance_eur":50})")
      .desk("Buy what you need for up to 50 euros and keep the receipts; we pay them.")
      .client("Is it on the plane by now?")
      .call("trace_bag",
            R"({"tag":"0417-226"})",
            R"({"tag":"0417-226","seen":"Frankfurt","at":"18:50","state":"loaded on TN 340"})")
      .desk("Yes, it was loaded on TN 340 at 18:50.")
      .client("Then send me all that as a message, please.")
      .call("send_message",
            R"({"booking":"TRN-6120","text":"TN 340, 21:15. D-88, 22:00 to 23:00. 50 EUR."})",
            R"({"sent":true})")
      .desk("Sent: TN 340 lands at 21:15, delivery D-88 from 22:00 on, 50 euros for tonight.")
      .client("Thank you, good night.");
  return bag.line();
}

std::string demo_policy() {
  return R"({"dalsegno_policy": 1, "name": "desk of Tern Air", "rules": [
  {"id": "the-desk-model", "effect": "permit", "actions": ["model.call"], "resources": ["desk-1"]},
  {"id": "cards-need-a-person", "effect": "permit", "actions": ["tool.call"],
   "resources": ["charge_card"], "reason": "a supervisor looks at what is charged",
   "obligations": {"require_approval": {"roles": ["supervisor"], "count": 1, "within": "24h"},
                   "reveal": ["*card*"]}},
  {"id": "desk-tools", "effect": "permit", "actions": ["tool.call"],
   "when": {"attribute": "workflow", "eq": "agent"}},
  {"id": "refunds-need-a-person", "effect": "forbid", "actions": ["tool.call"],
   "resources": ["refund_*"], "reason": "a person decides about refunds"}]}
)";
}

}  // namespace dalsegno::command
