// Passwords in URLs (`postgres://user:password@host`) and in options (`curl -u user:password`).

#include "storage/vault/ascii.h"
#include "storage/vault/scan.h"
#include "storage/vault/values.h"

#include <algorithm>

namespace dalsegno::vault {
namespace {

constexpr std::size_t longest_userinfo = 512;

bool stands_for_nothing(Scan const& scan, std::string_view password) {
  return password.empty() || is_placeholder(scan.rules().fields, password) ||
         is_expression(password, Quoted::yes) || password.starts_with('$') ||
         password.starts_with('{');
}

}  // namespace

void match_url(Scan& scan, std::size_t at) {
  // The password may itself hold '@' and ':'; the last '@' before the host counts.
  auto const begin = at + 3;
  auto const limit = std::min(scan.text().size(), begin + longest_userinfo);
  std::size_t colon = 0;
  std::size_t last_at = 0;
  for (auto i = begin; i < limit; ++i) {
    char const c = scan.at(i);
    if (is_space(c) || c == '"' || c == '\'' || c == '`' || c == '<' || c == '>' || c == '/' ||
        c == '?' || c == '\\')
      break;
    if (c == ':' && colon == 0) colon = i;
    if (c == '@') last_at = i;
  }
  if (colon == 0 || last_at <= colon + 1) return;
  auto const password = scan.between(colon + 1, last_at);
  if (stands_for_nothing(scan, password)) return;
  scan.add({colon + 1, last_at}, "url_password", "secret", Evidence::field);
}

void match_user_option(Scan& scan, std::size_t at) {
  auto begin = at;
  char quote = scan.at(begin);
  if (quote == '"' || quote == '\'') {
    ++begin;
  } else {
    quote = '\0';
  }
  auto end = begin;
  while (end < scan.text().size() && end - begin < longest_userinfo) {
    char const c = scan.at(end);
    if (quote != '\0' ? c == quote || c == '\n' : is_space(c) || c == '"' || c == '\'' || c == '`')
      break;
    ++end;
  }
  // Only of programs that send it: the command stands before it, perhaps some lines above.
  auto const command = scan.between(begin > 512 ? begin - 512 : 0, begin);
  if (!command.contains("curl") && !command.contains("wget")) return;
  auto const value = scan.between(begin, end);
  auto const colon = value.find(':');
  if (colon == std::string_view::npos) return;
  auto const user = value.substr(0, colon);
  auto const password = value.substr(colon + 1);
  bool const template_user =
      user.starts_with('$') || user.starts_with('{') || user.starts_with('<');
  bool const has_password =
      !stands_for_nothing(scan, password) && password.size() >= 3 && !password.contains("$");
  // `curl -u key:`: the user is the secret.
  bool const has_key = password.empty() && !template_user && is_random(user);
  if (has_key || (has_password && !template_user))
    scan.add({begin, end}, "basic_auth", "secret", Evidence::field);
}

}  // namespace dalsegno::vault
