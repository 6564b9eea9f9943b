#pragma once

#include "activities/http/address.h"
#include "activities/http/dial_plan.h"
#include "dalsegno/result.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::http {

/// Which addresses a permitted name may resolve to. A value; thread: any.
class AddressPredicate {
 public:
  /// nothing
  AddressPredicate() = default;

  /// Adds all addresses of the class `global`.
  void add_global() { global_ = true; }
  /// Adds the addresses of a network though their class would be denied. Two things it does not
  /// add: a metadata address, unless the network is that address alone; an address that stands for
  /// an IPv4 address (mapped, NAT64, …), unless that IPv4 address is permitted as well.
  void add(Network const& network) { named_.push_back(network); }
  void add(AddressPredicate const& other);

  [[nodiscard]] bool permits(Address const& address) const;

 private:
  [[nodiscard]] bool names(Address const& address) const;

  bool global_ = false;
  std::vector<Network> named_;
};

/// What the guard says of a plan before anything is resolved.
struct EgressDecision {
  bool permitted = false;
  std::vector<std::string> rules = {};  ///< ids of the rules that permit it, in document order
  std::string reason = {};              ///< why it is denied
  AddressPredicate addresses = {};      ///< where permitted: the addresses that may be dialled
};

/// A validated list of what may be contacted. Default deny: what no rule names is denied.
/// A value that never changes. Thread: any.
/// Source of the format: docs/egress.md.
class EgressRules {
 public:
  EgressRules();  ///< no rules: denies everything

  /// Reads a document. `file` names it in errors.
  /// Limits: 4 MiB.
  /// Errors: Errc::invalid; the detail has a line "FILE:LINE:COLUMN: …" for each mistake.
  [[nodiscard]] static Result<EgressRules> parse(std::string_view json,
                                                 std::string_view file = "egress");

  /// Decides without asking a resolver. A host that is an address is decided for good; for a name
  /// `addresses` says which answers will do.
  [[nodiscard]] EgressDecision decide(DialPlan const& plan) const;

  struct Index;

 private:
  std::shared_ptr<Index const> index_;  // shared: copies of rules that never change
};

}  // namespace dalsegno::http
