#include "dalsegno/try.h"
#include "storage/access/recorded_time.h"
#include "storage/access/token_table.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/store.h"
#include "tools/dalsegno/token.h"

#include <memory>
#include <utility>

namespace dalsegno::command {

namespace {

using access::KnownToken;
using access::TokenState;

struct Options {
  bool all = false;
};

Json::Array texts(std::vector<std::string> const& items) { return {items.begin(), items.end()}; }

std::string joined(std::vector<std::string> const& items) {
  std::string out;
  for (auto const& item : items) out += (out.empty() ? "" : " ") + item;
  return out.empty() ? "-" : printable(out);
}

/// The earlier of both ends.
std::optional<Time> end_of(KnownToken const& token) {
  if (token.ends && token.expires) return std::min(*token.ends, *token.expires);
  return token.ends ? token.ends : token.expires;
}

void print_token(KnownToken const& token, TokenState state) {
  Json line;
  line.set("id", token.id)
      .set("kind", access::name_of(token.kind))
      .set("owner", token.owner)
      .set("state", access::name_of(state));
  line.set("roles", texts(token.roles)).set("scopes", texts(token.scopes));
  if (!token.tenant.empty()) line.set("for_tenant", token.tenant);
  line.set("created", to_string(token.created));
  if (auto const end = end_of(token)) line.set("ends", to_string(*end));
  if (!token.replaces.empty()) line.set("replaces", token.replaces);
  if (token.break_glass) line.set("break_glass", true);
  print_json("dalsegno.token", std::move(line));
}

Result<int> list(Globals const& globals, Options const& options) {
  TRY(auto const store, open_store(globals));
  TRY(auto const tokens, access::TokenTable::read(*store.log));
  TRY(auto const at, access::not_before_recorded(*store.log, globals.now));
  Table table({"ID", "KIND", "OWNER", "STATE", "ENDS", "ROLES", "SCOPES"});
  for (auto const& token : tokens.all()) {
    auto const state = token.state(at);
    bool const valid = state == TokenState::valid;
    if (!valid && !options.all) continue;
    if (globals.json) {
      print_token(token, state);
      continue;
    }
    auto const end = end_of(token);
    auto kind = std::string(access::name_of(token.kind));
    if (token.break_glass) kind += " (break-glass)";
    auto scopes = joined(token.scopes);
    if (!token.tenant.empty()) scopes += " for tenant " + printable(token.tenant);
    table.add({token.id,
               kind,
               printable(token.owner),
               std::string(access::name_of(state)),
               end ? to_string(*end) : "-",
               joined(token.roles),
               scopes},
              valid ? Style::plain : Style::faint);
  }
  if (!table.empty()) table.print(globals);
  if (!tokens.has_operators())
    say("this store has no operators' tokens: whoever can write to it may do everything");
  return exit_fine;
}

}  // namespace

void add_token_list(CLI::App& token, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = token.add_subcommand("list", "list the tokens, never what they are");
  verb->add_flag("--all", options->all, "those that have ended, too");
  verb->callback([options, &globals] { globals.exit_code = ended(list(globals, *options)); });
}

}  // namespace dalsegno::command
