#include "tools/dalsegno/credential_options.h"

#include "dalsegno/try.h"
#include "tools/dalsegno/globals.h"

#include <openssl/crypto.h>
#include <pwd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dalsegno::command {

namespace {

constexpr auto token_variable = "DALSEGNO_TOKEN";
constexpr auto second_variable = "DALSEGNO_SECOND_TOKEN";

/// A text that is overwritten when it goes.
class Secret {
 public:
  Secret() = default;
  Secret(Secret const&) = delete;
  Secret& operator=(Secret const&) = delete;
  ~Secret() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

  /// The first line of what the descriptor gives, as far as it fits.
  Result<access::Token> read_from(int descriptor, std::string const& name) {
    std::size_t size = 0;
    while (size < bytes_.size()) {
      auto const got = read(descriptor, bytes_.data() + size, bytes_.size() - size);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Error{Errc::io, name + ": cannot be read"};
      if (got == 0) break;
      size += static_cast<std::size_t>(got);
    }
    std::string_view text(bytes_.data(), size);
    text = text.substr(0, text.find_first_of("\r\n"));
    auto token = access::Token::parse(text);
    if (!token) return Error{Errc::invalid, name + ": " + token.error().detail};
    return token;
  }

 private:
  std::array<char, 256> bytes_{};
};

Result<access::Token> read_file(std::string const& path) {
  int const file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return Error{Errc::not_found, path + ": there is no such file, or it is not yours"};
  struct stat about{};
  auto const others = fstat(file, &about) != 0 || (about.st_mode & (S_IRWXG | S_IRWXO)) != 0;
  auto token = others ? Result<access::Token>(
                            Error{Errc::invalid, path + ": others may read it; chmod 600 first"})
                      : Secret().read_from(file, path);
  close(file);
  return token;
}

Result<access::Token> read_variable(std::string const& name) {
  auto* const value = std::getenv(name.c_str());
  if (value == nullptr) return Error{Errc::invalid, name + " is not set"};
  auto token = access::Token::parse(value);
  if (!token) return Error{Errc::invalid, name + ": " + token.error().detail};
  OPENSSL_cleanse(value, std::string_view(value).size());
  unsetenv(name.c_str());
  return token;
}

Result<std::optional<access::Token>> from(std::string const& where, char const* variable) {
  if (!where.empty()) {
    TRY(auto token, read_token(where));
    unsetenv(variable);
    return std::optional(std::move(token));
  }
  auto const* const value = std::getenv(variable);
  if (value == nullptr || *value == '\0') return std::optional<access::Token>();
  TRY(auto token, read_variable(variable));
  return std::optional(std::move(token));
}

std::string user_name() {
  auto const* const user = getpwuid(geteuid());
  return user == nullptr ? "user " + std::to_string(geteuid()) : user->pw_name;
}

}  // namespace

void add_credential_options(CLI::App& verb, CredentialOptions& options, Why why) {
  verb.add_option("--as",
                  options.as,
                  "where your token is: fd:NUMBER, file:PATH or env:NAME [$DALSEGNO_TOKEN]");
  verb.add_option(
      "--second", options.second, "where that of a second person is [$DALSEGNO_SECOND_TOKEN]");
  verb.add_option(
      "--by", options.by, "who does it, while the store has no operators' tokens [your user name]");
  verb.add_option("--reason", options.reason, "why; goes into the operators' session")
      ->required(why == Why::required);
}

bool names_token(std::string_view text) {
  return text.starts_with("file:") || text.starts_with("env:") || text.starts_with("fd:") ||
         text.starts_with("dsg_");
}

Result<access::Token> read_token(std::string_view where) {
  auto const behind = [where](std::string_view scheme) {
    return std::string(where.substr(scheme.size()));
  };
  if (where.starts_with("file:")) return read_file(behind("file:"));
  if (where.starts_with("env:")) return read_variable(behind("env:"));
  if (where.starts_with("fd:")) {
    auto const text = behind("fd:");
    int descriptor = -1;
    auto const [end, code] = std::from_chars(text.data(), text.data() + text.size(), descriptor);
    if (code != std::errc{} || end != text.data() + text.size() || descriptor < 0)
      return Error{Errc::invalid, "fd: a number of an open file follows"};
    return Secret().read_from(descriptor, "fd:" + text);
  }
  TRY(auto token, access::Token::parse(where));
  say("a token on the command line can be read by others on this machine: put it into a file "
      "(file:PATH), a descriptor (fd:NUMBER) or the environment");
  return token;
}

Result<engine::Credentials> credentials(CredentialOptions const& options) {
  engine::Credentials shown;
  TRY(shown.token, from(options.as, token_variable));
  TRY(shown.second, from(options.second, second_variable));
  shown.by = options.by;
  if (!shown.token && shown.by.empty()) shown.by = user_name();
  return shown;
}

void add_actor(Json& line, engine::Actor const& who) {
  line.set("by", who.name);
  if (!who.second.empty()) line.set("second", who.second);
  if (who.break_glass) line.set("break_glass", true);
}

std::string_view mark_of(engine::Actor const& who) {
  return who.break_glass ? " (break-glass)" : "";
}

}  // namespace dalsegno::command
