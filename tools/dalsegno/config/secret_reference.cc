#include "tools/dalsegno/config/secret_reference.h"

#include <cstdlib>
#include <fstream>

namespace dalsegno::config {

std::optional<SecretReference> parse_secret_reference(std::string_view text) {
  using Kind = SecretReference::Kind;
  for (auto const& [prefix, kind] : {std::pair{std::string_view("env:"), Kind::environment},
                                     std::pair{std::string_view("file:"), Kind::file}})
    if (text.starts_with(prefix) && text.size() > prefix.size() && !text.contains('\0'))
      return SecretReference{kind, std::string(text.substr(prefix.size()))};
  return std::nullopt;
}

Result<std::string> fetch(SecretReference const& reference) {
  std::string secret;
  bool const is_file = reference.kind == SecretReference::Kind::file;
  auto const where = (is_file ? "file:" : "env:") + reference.name;
  if (is_file) {
    std::ifstream in(reference.name);
    if (!in) return Error{Errc::not_found, where + ": there is no such file"};
    std::getline(in, secret);
    if (secret.ends_with('\r')) secret.pop_back();
  } else {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets it
    auto const* const value = std::getenv(reference.name.c_str());
    if (value == nullptr) return Error{Errc::not_found, where + ": there is no such variable"};
    secret = value;
  }
  if (secret.empty()) return Error{Errc::invalid, where + ": is empty"};
  return secret;
}

}  // namespace dalsegno::config
