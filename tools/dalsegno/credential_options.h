#pragma once

// Who acts: the same options for all verbs that change a store.

#include "dalsegno/json.h"
#include "dalsegno/result.h"
#include "engine/govern/credentials.h"
#include "engine/govern/operate.h"

#include <CLI/App.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace dalsegno::command {

struct CredentialOptions {
  std::string as;      ///< --as: where the token is, else $DALSEGNO_TOKEN
  std::string second;  ///< --second: of a second person, else $DALSEGNO_SECOND_TOKEN
  std::string by;      ///< --by: a name, while the store has no operators' tokens
  std::string reason;  ///< --reason
};

enum class Why : std::uint8_t { required, optional };
void add_credential_options(CLI::App& verb, CredentialOptions& options, Why why = Why::required);

/// Whether `text` names a place of a token, or is one, and is no person's name.
[[nodiscard]] bool names_token(std::string_view text);

/// The token that `where` names: `fd:3`, `file:PATH` (readable by its owner only), `env:NAME`, or
/// the token itself, which is warned of: others can read command lines. Errors: Errc::invalid,
/// whose detail never repeats the token; Errc::not_found, Errc::io.
[[nodiscard]] Result<access::Token> read_token(std::string_view where);

/// What the options and the environment show. Without a token and a name it is the machine's user
/// who acts. Takes the tokens out of the environment, so that no
/// program that is started later inherits them. Errors: those of read_token.
[[nodiscard]] Result<engine::Credentials> credentials(CredentialOptions const& options);

/// Adds who acted to a line of JSON: `by`, `second`?, `break_glass`?.
void add_actor(Json& line, engine::Actor const& who);
/// " (break-glass)", or nothing.
[[nodiscard]] std::string_view mark_of(engine::Actor const& who);

}  // namespace dalsegno::command
