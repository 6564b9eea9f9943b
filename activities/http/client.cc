#include "activities/http/client.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

namespace dalsegno::http {
namespace {

using Clock = std::chrono::steady_clock;

bool is_redirect(unsigned status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// Whether the same request is sent again, or one with the method GET and without body; nothing
/// where neither is certain (301 and 302 to a PUT).
std::optional<bool> keeps_method(unsigned status, std::string_view method) {
  if (status == 307 || status == 308 || method == "GET" || method == "HEAD") return true;
  if (status == 303 || method == "POST") return false;
  return std::nullopt;
}

FailureKind kind_of(Errc code) {
  switch (code) {
    case Errc::denied:
      return FailureKind::denied;
    case Errc::not_found:
    case Errc::unavailable:
      return FailureKind::unresolved;
    default:
      return FailureKind::invalid_request;
  }
}

/// One request on its way through redirects.
class Journey {
 public:
  Journey(EgressGuard const& guard,
          Transport& transport,
          Request request,
          SendOptions const& options)
      : guard_(guard),
        transport_(transport),
        options_(options),
        request_(std::move(request)),
        deadline_(Clock::now() + options.limits.total) {}

  Answer run();

 private:
  /// Contacts `plan` and reports that; false when there is no answer.
  bool contact(DialPlan const& plan);
  /// Asks the guard and then `plan`; fills in what becomes of it but for outcome, reason and time.
  void reach(DialPlan const& plan, Contact& contact);
  /// Where the answer sends the request on, which is then changed accordingly; nothing when the
  /// answer is the caller's.
  std::optional<DialPlan> next(DialPlan const& plan);
  void fail(FailureKind kind, std::string message) {
    answer_.failure = Failure{kind, std::move(message)};
  }

  EgressGuard const& guard_;
  Transport& transport_;
  SendOptions const& options_;
  Request request_;
  Clock::time_point const deadline_;
  Answer answer_;
  unsigned redirects_ = 0;
};

bool Journey::contact(DialPlan const& plan) {
  auto const start = Clock::now();
  Contact contact;
  contact.method = request_.method;
  std::exception_ptr thrown;
  try {
    reach(plan, contact);
    contact.outcome = answer_.failure ? std::string(name_of(answer_.failure->kind)) : "answered";
    if (answer_.failure) contact.reason = answer_.failure->message;
  } catch (std::exception const& error) {
    thrown = std::current_exception();
    contact.reason = error.what();
  } catch (...) {
    thrown = std::current_exception();
  }
  if (thrown) contact.outcome = "exception";
  contact.elapsed_us = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count());
  if (options_.on_contact) options_.on_contact(std::move(contact));
  if (thrown) std::rethrow_exception(thrown);
  return !answer_.failure;
}

void Journey::reach(DialPlan const& plan, Contact& contact) {
  auto const left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now());
  auto const admitted =
      guard_.admit(plan,
                   options_.routes,
                   options_.policy,
                   std::clamp(left, std::chrono::milliseconds(0), options_.limits.resolve),
                   contact);
  if (!admitted) {
    fail(kind_of(admitted.error().code), admitted.error().detail);
    return;
  }
  // The caller's sinks are for the answer; what stands in a redirect is collected. What they throw
  // is kept until the contact is known.
  bool is_answer = false;
  std::string collected;
  std::exception_ptr thrown;
  HeadSink const on_head = [&](Response const& head) {
    is_answer = !is_redirect(head.status);
    if (!is_answer || !options_.on_head) return;
    try {
      options_.on_head(head);
    } catch (...) {
      thrown = std::current_exception();
    }
  };
  BodySink const on_body = [&](std::string_view piece) {
    if (thrown) return false;
    try {
      if (is_answer && options_.on_body) return options_.on_body(piece);
      collected += piece;
      return true;
    } catch (...) {
      thrown = std::current_exception();
      return false;
    }
  };
  auto exchanged = transport_.exchange({.plan = plan,
                                        .addresses = admitted->addresses,
                                        .request = request_,
                                        .limits = options_.limits,
                                        .deadline = deadline_,
                                        .stop = options_.stop,
                                        .on_head = on_head,
                                        .on_body = on_body,
                                        .body_pace = options_.body_pace,
                                        .keep_alive = options_.keep_alive});
  answer_.response = std::move(exchanged.response);
  answer_.response.body = std::move(collected);
  answer_.failure = std::move(exchanged.failure);
  if (exchanged.connected) contact.address = to_string(exchanged.address);
  contact.status = static_cast<std::uint16_t>(answer_.response.status);
  contact.bytes_sent = exchanged.bytes_sent;
  contact.bytes_received = exchanged.bytes_received;
  if (thrown) std::rethrow_exception(thrown);
}

std::optional<DialPlan> Journey::next(DialPlan const& plan) {
  auto const& response = answer_.response;
  auto const location = header(response.headers, "location");
  if (!is_redirect(response.status) || location.empty()) return std::nullopt;
  auto const several = std::ranges::count_if(
      response.headers, [](Header const& entry) { return is_header(entry.name, "location"); });
  auto target = plan.follow(location);
  if (several != 1 || !target) {
    answer_.redirect = "(a Location that cannot be read)";
    return std::nullopt;
  }
  auto const keeps = keeps_method(response.status, request_.method);
  bool const is_other_origin = !same_origin(plan, *target);
  bool const carries_body_away = is_other_origin && !request_.body.empty() && keeps.value_or(true);
  if (!keeps || carries_body_away) {
    answer_.redirect = redacted(*target);
    return std::nullopt;
  }
  if (redirects_++ == options_.limits.redirects) {
    fail(FailureKind::too_many_redirects,
         "more than " + std::to_string(options_.limits.redirects) + " redirects, the last to " +
             redacted(*target));
    return std::nullopt;
  }
  if (!*keeps) {
    request_.method = "GET";
    request_.body.clear();
    std::erase_if(request_.headers, [](Header const& entry) {
      return is_header(entry.name, "content-type") || is_header(entry.name, "content-language");
    });
  }
  if (is_other_origin) request_.headers = without_credentials(request_.headers);
  return std::move(*target);
}

Answer Journey::run() {
  if (auto const checked = check(request_); !checked) {
    fail(FailureKind::invalid_request, checked.error().detail);
    return std::move(answer_);
  }
  auto plan = DialPlan::parse(request_.url);
  request_.url.clear();  // what was read is the plan, and nothing reads it in another way
  if (!plan) {
    fail(FailureKind::invalid_request, plan.error().detail);
    return std::move(answer_);
  }
  for (bool answered = contact(*plan); answered;) {
    auto target = next(*plan);
    if (!target) break;
    auto redirect = std::move(answer_.response);
    *plan = std::move(*target);
    answered = contact(*plan);
    if (answered || answer_.failure->kind != FailureKind::denied) continue;
    // Where the guard does not let us go the redirect is the answer, for others to decide upon.
    answer_.failure.reset();
    answer_.response = std::move(redirect);
    answer_.redirect = redacted(*plan);
  }
  return std::move(answer_);
}

}  // namespace

std::string_view name_of(FailureKind kind) {
  switch (kind) {
    case FailureKind::invalid_request:
      return "invalid_request";
    case FailureKind::denied:
      return "denied";
    case FailureKind::unresolved:
      return "unresolved";
    case FailureKind::unreachable:
      return "unreachable";
    case FailureKind::tls_failed:
      return "tls_failed";
    case FailureKind::timed_out:
      return "timed_out";
    case FailureKind::too_large:
      return "too_large";
    case FailureKind::malformed:
      return "malformed";
    case FailureKind::cut_off:
      return "cut_off";
    case FailureKind::cancelled:
      return "cancelled";
    case FailureKind::too_many_redirects:
      return "too_many_redirects";
  }
  return "unknown";
}

bool may_pass(FailureKind kind) {
  return kind == FailureKind::unresolved || kind == FailureKind::unreachable ||
         kind == FailureKind::timed_out || kind == FailureKind::cut_off;
}

bool may_have_happened(FailureKind kind) {
  switch (kind) {
    case FailureKind::invalid_request:
    case FailureKind::denied:
    case FailureKind::unresolved:
    case FailureKind::unreachable:
    case FailureKind::tls_failed:
      return false;
    case FailureKind::timed_out:
    case FailureKind::too_large:
    case FailureKind::malformed:
    case FailureKind::cut_off:
    case FailureKind::cancelled:
    case FailureKind::too_many_redirects:
      break;
  }
  return true;
}

Answer Client::send(Request request, SendOptions const& options) const {
  return Journey(guard_, transport_, std::move(request), options).run();
}

}  // namespace dalsegno::http
