#pragma once

#include "dalsegno/result.h"
#include "engine/govern/credentials.h"
#include "storage/access/token_table.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::engine {

/// Whether an action needs a token of another owner beside the first one's.
enum class SecondPerson : std::uint8_t {
  not_needed,
  once_there_are_two,  ///< from when two people have valid operators' tokens
  needed               ///< from when the store has operators' tokens
};

/// Whether the action takes a second person: activating a policy, erasing, revealing, rotating the
/// master key. (`operator.policy` for a shadow, which decides nothing, takes none.)
[[nodiscard]] bool takes_second_person(std::string_view action);

/// What is asked for, as far as tokens have to do with it.
struct TokenUse {
  std::string_view action;
  std::string_view tenant;  ///< of the session that it is about; "": of the whole store
  SecondPerson second = SecondPerson::not_needed;
  /// A token for emergencies may be made by whoever is at the machine once no operator's token is
  /// valid any more.
  bool may_be_recovery = false;
};

/// Who it is, as far as it could be found out: the entries are those of the table.
struct Identity {
  std::string name;
  access::KnownToken const* token = nullptr;   ///< null: none was shown, or nobody knows it
  access::KnownToken const* second = nullptr;  ///< as `token`
  std::optional<std::string> refused = {};     ///< why they may not; empty: they may ask policy

  [[nodiscard]] bool break_glass() const {
    return (token != nullptr && token->break_glass) || (second != nullptr && second->break_glass);
  }
};

/// Finds out who shows these credentials and whether their tokens are good for `use` at time `at`
/// (access::not_before_recorded). `tokens` outlives the identity. Errors: Errc::invalid when there
/// is neither a token nor a name, or they contradict each other. Source: docs/credentials.md.
[[nodiscard]] Result<Identity> identify(access::TokenTable const& tokens,
                                        Credentials const& credentials,
                                        TokenUse const& use,
                                        Time at);

/// Whether one of the token's scopes is `action` or a glob that matches it.
[[nodiscard]] bool covers(access::KnownToken const& token, std::string_view action);

}  // namespace dalsegno::engine
