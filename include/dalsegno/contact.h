#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dalsegno {

/// One time that an attempt contacted the outside world, or was going to: reported by the activity
/// (ActivityContext::contacted) and recorded with the end of the attempt, whichever it is. Each
/// followed redirect is a contact of its own. `dalsegno egress` prints them.
struct Contact {
  std::string method = {};
  std::string url = {};   ///< without the query; "" when it could not be read
  std::string host = {};  ///< as it was asked of the resolver
  std::uint16_t port = 0;
  std::vector<std::string> answers = {};  ///< all addresses that the name has resolved to
  std::string address = {};               ///< the one that was dialled; "": none was
  std::vector<std::string> rules = {};    ///< that permit it
  std::string policy = {};                ///< digest of the policy that was asked; "": none was
  std::vector<std::string> policy_rules = {};  ///< its determining rules
  std::string outcome = {};      ///< "answered", "denied", or the failure's type ("timed_out", …)
  std::string reason = {};       ///< of a denial or failure
  std::uint16_t status = 0;      ///< of HTTP; 0: none came
  std::uint64_t bytes_sent = 0;  ///< of HTTP, without TLS
  std::uint64_t bytes_received = 0;
  std::uint64_t elapsed_us = 0;

  friend bool operator==(Contact const&, Contact const&) = default;
};

}  // namespace dalsegno
