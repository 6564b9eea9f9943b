#include "activities/model/budget/paid_call.h"

#include <cstdio>
#include <utility>

namespace dalsegno::activities {
namespace {

std::string dollars(MicroUsd amount) {
  char text[40];
  std::snprintf(text, sizeof text, "%.6f USD", to_usd(amount));
  return text;
}

}  // namespace

PaidCall::~PaidCall() {
  if (spending_ != nullptr && reserved_) spending_->release(*reserved_);
}

std::optional<std::string> PaidCall::reserve(std::optional<Cost> const& most) {
  if (spending_ == nullptr) return std::nullopt;
  auto reservation = spending_->reserve(owner_, most ? micro_usd(most->total()) : MicroUsd{});
  if (!reservation) {
    auto const& refusal = reservation.error();
    return "the budget of " + to_string(refusal.account) + " has " + dollars(refusal.left) +
           " left, and this call may cost " + dollars(refusal.asked);
  }
  reserved_ = reservation->id;
  warnings_ = std::move(reservation->warnings);
  return std::nullopt;
}

Json PaidCall::settle(std::optional<Cost> const& cost) {
  if (spending_ == nullptr || !reserved_) return {};
  auto const later = spending_->settle(*std::exchange(reserved_, std::nullopt),
                                       cost ? micro_usd(cost->total()) : MicroUsd{});
  warnings_.insert(warnings_.end(), later.begin(), later.end());
  Json said;
  if (auto const left = spending_->left(owner_)) said.set("left_usd", to_usd(*left));
  Json::Array warnings;
  for (auto const& warning : warnings_)
    warnings.push_back(Json()
                           .set("account", to_string(warning.account))
                           .set("used_usd", to_usd(warning.used))
                           .set("soft_usd", to_usd(warning.soft)));
  if (!warnings.empty()) said.set("warnings", std::move(warnings));
  return said;
}

}  // namespace dalsegno::activities
