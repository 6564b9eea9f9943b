#include "dalsegno/saga.h"

#include <utility>

namespace dalsegno {

namespace {

std::string told(Failure const& cause, std::vector<FailedCompensation> const& failed) {
  std::string text = "after " + cause.type() + " (" + cause.what() + ") could not be undone:";
  for (auto const& one : failed)
    text += ' ' + one.name + " (" + one.type + ": " + one.message + ')';
  return text;
}

}  // namespace

CompensationFailed::CompensationFailed(Failure const& cause, std::vector<FailedCompensation> failed)
    : Failure("compensation_failed", told(cause, failed)),
      cause_(cause.type()),
      failed_(std::move(failed)) {}

void Saga::undo(std::string name, std::function<Workflow<>(Context&)> make) {
  steps_.push_back({std::move(name), std::move(make)});
}

Workflow<std::vector<FailedCompensation>> Saga::compensate() {
  if (steps_.empty()) co_return std::vector<FailedCompensation>();
  co_return co_await ctx_.shield(undo_all(ctx_, std::exchange(steps_, {})));
}

Workflow<std::vector<FailedCompensation>> Saga::undo_all(Context& ctx, std::vector<Step> steps) {
  std::vector<FailedCompensation> failed;
  for (; !steps.empty(); steps.pop_back()) {
    auto const& step = steps.back();
    std::optional<FailedCompensation> failure;
    try {
      co_await step.make(ctx);
    } catch (Failure const& error) {
      failure = FailedCompensation{step.name, error.type(), error.what()};
    }
    if (failure) failed.push_back(std::move(*failure));
  }
  co_return failed;
}

}  // namespace dalsegno
