#pragma once

#include "dalsegno/json.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace dalsegno::engine {

/// Who asks. What is not known is empty, and then matches only a pattern that matches "".
struct Principal {
  std::string_view kind;  ///< "workflow" for a session's calls; "operator", "runtime", "auditor" …
  std::string_view id;    ///< for a session's calls: on whose behalf it was started
  std::string_view tenant;
  std::span<std::string const> roles = {};
};

/// One more thing that is known of a request, by its name in the table of grammar.h ("risk",
/// "taint", "host" …) and of that attribute's type: text, number, boolean, or a list of texts.
struct Attribute {
  std::string name;
  Json value;

  friend bool operator==(Attribute const&, Attribute const&) = default;
};

/// What is asked of policy: may `principal` do `action` to `resource`? Views: all of it must live
/// until the decision is returned.
///
/// A condition about an attribute that is not given fails to evaluate: then a rule that permits is
/// skipped and one that forbids denies. So give all that is known.
///
///     Attribute known[] = {{"scheme", "https"}, {"host", "api.example.com"}, {"port", 443}};
///     policy.decide({.principal = {.kind = "workflow", .tenant = "default"},
///                    .action = "net.connect",
///                    .resource = "api.example.com:443",
///                    .attributes = known},
///                   ambient);
struct PolicyRequest {
  Principal principal;
  std::string_view action;    ///< one of `action_names` (grammar.h); any other is denied
  std::string_view resource;  ///< name of the model, tool, host, artifact …
  std::string_view session = {};
  std::string_view workflow = {};
  std::uint32_t attempt = 0;  ///< of a call, from 1; 0: no attempt of a call
  std::span<Attribute const> attributes = {};
  /// JSON, read only if a rule asks for it. nullopt: there are none, or they are not known.
  std::optional<std::string_view> arguments = {};
};

}  // namespace dalsegno::engine
