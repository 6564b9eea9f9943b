#include "storage/vault/master_keys.h"

#include "dalsegno/try.h"
#include "storage/event/digest.h"
#include "storage/event/hex.h"
#include "storage/vault/ascii.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dalsegno::vault {
namespace {

constexpr std::size_t most_text = 64ULL << 10U;

/// Overwrites a text that held keys.
class Wiped {
 public:
  explicit Wiped(std::string& text) : text_(text) {}
  Wiped(Wiped const&) = delete;
  Wiped& operator=(Wiped const&) = delete;
  ~Wiped() { OPENSSL_cleanse(text_.data(), text_.size()); }

 private:
  std::string& text_;
};

MasterKeyId id_of(SecretKey const& key) {
  auto const bytes = key.bytes();
  auto const digest = storage::sha256(
      {"dalsegno/vault/master/1", {reinterpret_cast<char const*>(bytes.data()), bytes.size()}});
  MasterKeyId id{};
  std::copy_n(digest.bytes.begin(), id.size(), id.begin());
  return id;
}

Error system_error(std::string const& doing, std::filesystem::path const& path) {
  auto const code = errno == ENOENT ? Errc::not_found : Errc::io;
  return {code, doing + ' ' + path.string() + ": " + std::strerror(errno)};
}

Result<std::string> read_all(int file, std::string const& what) {
  std::string text;
  text.reserve(most_text);  // never moved: one copy to wipe
  char buffer[4096];
  for (;;) {
    auto const count = read(file, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 || text.size() + static_cast<std::size_t>(count) > most_text) {
      OPENSSL_cleanse(buffer, sizeof buffer);
      return Error{Errc::invalid, what + " cannot be read as master keys"};
    }
    if (count == 0) break;
    text.append(buffer, static_cast<std::size_t>(count));
  }
  OPENSSL_cleanse(buffer, sizeof buffer);
  return text;
}

}  // namespace

Result<MasterKeys> MasterKeys::parse(std::string_view text) {
  MasterKeys keys;
  std::size_t number = 0;
  for (auto rest = text; !rest.empty();) {
    auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    ++number;
    while (!line.empty() && is_space(line.back())) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;
    auto bytes = storage::parse_hex<key_bytes>(lower(line));
    if (!bytes)
      return Error{Errc::invalid,
                   "line " + std::to_string(number) + ": a master key is 64 hexadecimal digits"};
    auto key = SecretKey::copy_of(*bytes);
    OPENSSL_cleanse(bytes->data(), bytes->size());
    if (!key) return key.error();
    auto const id = id_of(*key);
    keys.keys_.push_back({id, std::move(*key)});
  }
  if (keys.keys_.empty()) return Error{Errc::invalid, "there is no master key in it"};
  return keys;
}

Result<MasterKeys> MasterKeys::read_file(std::filesystem::path const& path) {
  int const file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return system_error("opening", path);
  struct stat status{};
  bool const known = fstat(file, &status) == 0;
  auto text =
      known ? read_all(file, path.string()) : Result<std::string>(system_error("reading", path));
  close(file);
  if (!text) return text.error();
  Wiped const wiped(*text);
  if (!S_ISREG(status.st_mode) || (status.st_mode & 077U) != 0 || status.st_uid != geteuid())
    return Error{Errc::invalid,
                 path.string() +
                     ": a file of master keys must be a plain file of this user with mode 0600 "
                     "(chmod 600)"};
  auto keys = parse(*text);
  if (!keys) return Error{keys.error().code, path.string() + ": " + keys.error().detail};
  return keys;
}

Result<MasterKeys> MasterKeys::run_command(std::string const& command) {
  // NOLINTNEXTLINE(cert-env33-c): the operator's own command, from the configuration
  auto* const pipe = popen(command.c_str(), "re");
  if (pipe == nullptr) return Error{Errc::io, "the command for the master key cannot be started"};
  auto text = read_all(fileno(pipe), "what the command prints");
  auto const code = pclose(pipe);
  if (!text) return text.error();
  Wiped const wiped(*text);
  if (code != 0) return Error{Errc::invalid, "the command for the master key failed"};
  auto keys = parse(*text);
  if (!keys)
    return Error{keys.error().code,
                 "what the command for the master key prints: " + keys.error().detail};
  return keys;
}

Result<> MasterKeys::create_file(std::filesystem::path const& path) {
  TRY(auto const key, SecretKey::random());
  std::array<std::uint8_t, key_bytes> copy{};
  std::ranges::copy(key.bytes(), copy.begin());
  auto text = storage::hex_text(copy) + '\n';
  OPENSSL_cleanse(copy.data(), copy.size());
  Wiped const wiped(text);
  int const file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0 && errno == EEXIST)
    return Error{Errc::conflict, path.string() + " is there already"};
  if (file < 0) return system_error("making", path);
  bool const written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       fsync(file) == 0;
  if (close(file) != 0 || !written) return system_error("writing", path);
  return {};
}

SecretKey const* MasterKeys::find(std::span<std::uint8_t const> id) const {
  auto const it = std::ranges::find_if(
      keys_, [&](Entry const& entry) { return std::ranges::equal(entry.id, id); });
  return it == keys_.end() ? nullptr : &it->key;
}

Result<MasterKeys> MasterKeys::random() {
  TRY(auto key, SecretKey::random());
  MasterKeys keys;
  auto const id = id_of(key);
  keys.keys_.push_back({id, std::move(key)});
  return keys;
}

std::filesystem::path default_master_key_file(std::filesystem::path const& store) {
  auto folder = std::filesystem::absolute(store).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();  // it ended in a slash
  folder += ".master-key";
  return folder;
}

Result<MasterKeys> read_or_create_master_keys(std::filesystem::path const& file) {
  auto keys = MasterKeys::read_file(file);
  if (keys || keys.error().code != Errc::not_found) return keys;
  // Another process may make it at the same moment.
  auto const made = MasterKeys::create_file(file);
  if (!made && made.error().code != Errc::conflict) return made.error();
  return MasterKeys::read_file(file);
}

}  // namespace dalsegno::vault
