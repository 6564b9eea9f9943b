#include "activities/model/client/http_fault.h"

namespace dalsegno::activities {
namespace {

bool may_be_repeated(http::FailureKind kind) {
  using http::FailureKind;
  return kind == FailureKind::unresolved || kind == FailureKind::unreachable ||
         kind == FailureKind::timed_out || kind == FailureKind::cut_off ||
         kind == FailureKind::malformed;
}

}  // namespace

ModelFault fault_of(http::Failure const& failure) {
  auto const type = failure.kind == http::FailureKind::malformed ? fault::malformed_answer
                                                                 : http::name_of(failure.kind);
  return {.type = std::string(type),
          .message = presentable(failure.message, 1'000),
          .retryable = may_be_repeated(failure.kind),
          .retry_after = {},
          .status = 0};
}

void hide_key(std::string& text, std::string const& key) {
  if (key.empty()) return;
  for (auto at = text.find(key); at != std::string::npos; at = text.find(key, at))
    text.replace(at, key.size(), "[api key]");
}

std::string join_url(std::string const& base, std::string_view path) {
  std::string_view shorter = base;
  while (shorter.ends_with('/')) shorter.remove_suffix(1);
  return std::string(shorter) + std::string(path);
}

}  // namespace dalsegno::activities
