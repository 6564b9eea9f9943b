#include "tools/dalsegno/token.h"

#include "engine/policy/time_text.h"
#include "tools/dalsegno/credential_options.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/verbs.h"

#include <utility>

namespace dalsegno::command {

Result<std::optional<std::chrono::seconds>> read_lifetime(std::string_view option,
                                                          std::string const& text) {
  if (text.empty() || text == "never") return std::optional<std::chrono::seconds>();
  if (auto const duration = engine::parse_duration(text)) return duration;
  return Error{
      Errc::invalid,
      std::string(option) + ": \"" + text + "\" is no duration; write 90d, 24h, 15m or 90s"};
}

void show_made(Globals const& globals, engine::MadeToken const& made) {
  if (globals.json) {
    Json line;
    line.set("id", made.id)
        .set("kind", access::name_of(made.token.kind()))
        .set("token", made.token.text());
    if (made.expires) line.set("expires", to_string(*made.expires));
    add_actor(line, made.by);
    print_json("dalsegno.token_made", std::move(line));
    return;
  }
  print(made.token.text());
  say("this is the only time that the token is shown; its id is " + made.id +
      (made.expires ? ", it expires at " + to_string(*made.expires) : ", it does not expire") +
      std::string(mark_of(made.by)));
}

void add_token(CLI::App& app, Globals& globals) {
  auto* const token = app.add_subcommand("token", "make, list, revoke and rotate credentials");
  token->require_subcommand(1);
  token->fallthrough();
  add_token_create(*token, globals);
  add_token_list(*token, globals);
  add_token_revoke(*token, globals);
  add_token_rotate(*token, globals);
}

}  // namespace dalsegno::command
