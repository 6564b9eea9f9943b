#pragma once

#include "activities/http/client.h"
#include "activities/http/network_transport.h"
#include "tests/activities/http/far_side.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace dalsegno::http::test {

/// Answers as a test says: each question about a name gets its next answer, the last one from then
/// on.
class NamedAddresses final : public Resolver {
 public:
  using Answers = std::vector<std::vector<std::string>>;

  void set(std::string const& name, Answers answers) { names_[name] = std::move(answers); }
  [[nodiscard]] int asked(std::string const& name) const {
    auto const found = asked_.find(name);
    return found == asked_.end() ? 0 : found->second;
  }

  Result<std::vector<Address>> resolve(std::string const& name,
                                       std::chrono::milliseconds) override {
    std::lock_guard const lock(mutex_);
    auto const turn = static_cast<std::size_t>(asked_[name]++);
    auto const found = names_.find(name);
    std::vector<Address> addresses;
    if (found != names_.end())
      for (auto const& text : found->second[std::min(turn, found->second.size() - 1)])
        addresses.push_back(*parse_address(text));
    if (addresses.empty()) return Error(Errc::not_found, name + " does not resolve");
    return addresses;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, Answers> names_;  // set before it is used
  std::map<std::string, int> asked_;      // guarded by mutex_
};

inline EgressRules parsed_rules(std::string const& list) {
  auto rules = EgressRules::parse(R"({"dalsegno_egress":1,"rules":[)" + list + "]}");
  EXPECT_TRUE(rules) << (rules ? "" : rules.error().detail);
  return rules.value_or(EgressRules());
}

/// Names under .test that live on this machine, at any port.
inline EgressRules loopback_rules() {
  return parsed_rules(
      R"({"id":"here","hosts":["*.test","127.0.0.1","[::1]"],"ports":["1-65535"],
          "schemes":["http","https"],"addresses":["127.0.0.0/8","::1"]})");
}

inline std::unique_ptr<NetworkTransport> transport(TlsTrust const& trust = {
                                                       .system_roots = false}) {
  auto made = NetworkTransport::make(trust);
  EXPECT_TRUE(made) << (made ? "" : made.error().detail);
  return made ? std::move(*made) : nullptr;
}

inline std::string failure_of(Answer const& answer) {
  return answer.failure ? std::string(name_of(answer.failure->kind)) : "none";
}

}  // namespace dalsegno::http::test
