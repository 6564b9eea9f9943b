#include "activities/model/fault.h"

#include "activities/http/retry_after.h"
#include "dalsegno/json.h"
#include "storage/event/json_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

namespace dalsegno::activities {
namespace {

constexpr std::size_t longest_message = 1'000;

bool same_name(std::string_view a, std::string_view b) {
  auto const lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::ranges::equal(a, b, [&](char x, char y) { return lower(x) == lower(y); });
}

std::string_view find(std::vector<AnswerHeader> const& headers, std::string_view name) {
  for (auto const& header : headers)
    if (same_name(header.name, name)) return header.value;
  return {};
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// A text, or a number's digits; "" for all else.
std::string text_of(Json const* value) {
  if (value == nullptr) return {};
  if (auto const* const text = value->as_string()) return presentable(*text, longest_message);
  if (value->is_number()) return to_string(*value);
  return {};
}

void read_object(Json const& error, SaidError& said) {
  said.message = text_of(error.find("message"));
  said.type = text_of(error.find("type"));
  said.code = text_of(error.find("code"));
}

bool contains_any(std::string_view text, std::initializer_list<std::string_view> parts) {
  return std::ranges::any_of(parts, [&](std::string_view part) { return text.contains(part); });
}

bool is_quota(SaidError const& said) {
  return said.code == "3036" || said.code == "insufficient_quota" ||
         said.type == "insufficient_quota" || said.code == "billing_hard_limit_reached" ||
         said.type == "billing_error";
}

bool is_too_long(SaidError const& said) {
  return said.code == "context_length_exceeded" || said.code == "3006" ||
         said.type == "exceed_context_size_error" || said.type == "request_too_large" ||
         contains_any(said.message,
                      {"maximum context length", "prompt is too long", "context size"});
}

ModelFault make(std::string_view type, bool retryable, unsigned status, SaidError const& said) {
  std::string message;
  if (status != 0) message = "status " + std::to_string(status);
  auto const add = [&message](std::string_view separator, std::string_view text) {
    if (text.empty()) return;
    if (!message.empty()) message += separator;
    message += text;
  };
  add(", ", said.type);
  if (said.code != said.type) add(", ", said.code.empty() ? "" : "code " + said.code);
  add(": ", said.message);
  return {.type = std::string(type),
          .message = std::move(message),
          .retryable = retryable,
          .retry_after = {},
          .status = status};
}

ModelFault classify(unsigned status, SaidError const& said) {
  if (said.code == "3040") return make(fault::overloaded, true, status, said);
  if (is_quota(said)) return make(fault::quota_exhausted, false, status, said);
  if (said.code == "3007" || said.code == "3008" || said.type == "timeout_error")
    return make(fault::request_timeout, true, status, said);
  if (status == 413 || is_too_long(said)) return make(fault::prompt_too_large, false, status, said);
  switch (status) {
    case 401:
      return make(fault::unauthorized, false, status, said);
    case 402:
      return make(fault::quota_exhausted, false, status, said);
    case 403:
      return make(fault::forbidden, false, status, said);
    case 404:
      return make(fault::not_found, false, status, said);
    case 408:
      return make(fault::request_timeout, true, status, said);
    case 409:
      return make(fault::conflict, true, status, said);
    case 429:
      return make(fault::rate_limited, true, status, said);
    case 503:
    case 529:
      return make(fault::overloaded, true, status, said);
    default:
      break;
  }
  if (status >= 500) return make(fault::server_error, true, status, said);
  if (status >= 400) return make(fault::bad_request, false, status, said);
  return make(fault::unexpected_status, false, status, said);
}

/// The status that a server would have sent, had it not begun with success.
unsigned status_of_type(SaidError const& said) {
  unsigned number = 0;
  auto const& code = said.code;
  auto const read = std::from_chars(code.data(), code.data() + code.size(), number);
  if (read.ec == std::errc() && read.ptr == code.data() + code.size() && number >= 400 &&
      number <= 599)
    return number;
  constexpr std::array<std::pair<std::string_view, unsigned>, 9> known = {{
      {"invalid_request_error", 400},
      {"authentication_error", 401},
      {"billing_error", 402},
      {"permission_error", 403},
      {"not_found_error", 404},
      {"rate_limit_error", 429},
      {"rate_limit_exceeded", 429},
      {"overloaded_error", 529},
      {"unavailable_error", 503},
  }};
  for (auto const& [name, status] : known)
    if (said.type == name || said.code == name) return status;
  return 500;
}

}  // namespace

SaidError read_error(std::string_view body) {
  SaidError said;
  auto const json = parse_json(body);
  if (!json) {
    auto const begin = trimmed(body);
    said.message =
        begin.empty() ? "an empty answer" : "an answer that is no JSON: " + presentable(begin, 200);
    return said;
  }
  auto const* error = json->find("error");
  auto const* const errors = json->find("errors");
  if (errors != nullptr && errors->as_array() != nullptr && !errors->as_array()->empty())
    error = errors->as_array()->data();
  if (error != nullptr && error->as_object() != nullptr) {
    read_object(*error, said);
  } else if (error != nullptr && !text_of(error).empty()) {
    said.message = text_of(error);
  } else {
    read_object(*json, said);
  }
  if (said.message.empty()) said.message = text_of(json->find("detail"));
  if (said.message.empty()) said.message = presentable(to_string(*json), 200);
  return said;
}

ModelFault fault_of_status(unsigned status,
                           std::vector<AnswerHeader> const& headers,
                           std::string_view body,
                           Time now) {
  auto fault = classify(status, read_error(body));
  auto const should_retry = trimmed(find(headers, "x-should-retry"));
  if (should_retry == "true") fault.retryable = true;
  if (should_retry == "false") fault.retryable = false;
  if (fault.retryable)
    fault.retry_after =
        http::retry_after(find(headers, "retry-after"), find(headers, "retry-after-ms"), now);
  return fault;
}

ModelFault fault_of_error(SaidError const& said) {
  auto fault = classify(status_of_type(said), said);
  fault.status = 0;
  fault.message = "within the answer: " + make("", true, 0, said).message;
  return fault;
}

ModelFault malformed(std::string message) {
  return {.type = std::string(fault::malformed_answer),
          .message = std::move(message),
          .retryable = true,
          .retry_after = {},
          .status = 0};
}

std::string presentable(std::string_view text, std::size_t max_bytes) {
  std::string out;
  while (!text.empty() && out.size() < max_bytes) {
    auto const length = storage::utf8_length(text);
    auto const first = static_cast<unsigned char>(text.front());
    if (length == 0)
      out += "\xEF\xBF\xBD";
    else if (first < 0x20 || first == 0x7f)
      out += ' ';
    else
      out += text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  if (!text.empty()) out += "…";
  return out;
}

}  // namespace dalsegno::activities
