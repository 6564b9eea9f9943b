#include "storage/vault/known_values.h"

#include "dalsegno/json.h"
#include "storage/event/base64.h"
#include "storage/event/json_text.h"
#include "storage/vault/ascii.h"

#include <openssl/crypto.h>

#include <set>

namespace dalsegno::vault {
namespace {

std::string hex_of(std::string_view value) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (char const c : value) {
    auto const byte = static_cast<unsigned char>(c);
    out.push_back(digits[byte >> 4U]);
    out.push_back(digits[byte & 0xFU]);
  }
  return out;
}

/// RFC 3986: all but the unreserved characters. `spared` are left as they are.
std::string percent_encoded(std::string_view value, std::string_view spared) {
  std::string out;
  for (char const c : value) {
    if (is_alnum(c) || std::string_view("-._~").contains(c) || spared.contains(c)) {
      out.push_back(c);
    } else {
      out += '%' + hex_of({&c, 1});
    }
  }
  return out;
}

/// As it stands between the quotes of a JSON string; bytes that are no UTF-8 stay.
std::string json_escaped(std::string_view value) {
  std::string out;
  for (auto rest = value; !rest.empty();) {
    auto const plain = storage::plain_prefix(rest);
    out += rest.substr(0, plain);
    rest.remove_prefix(plain);
    if (rest.empty()) break;
    if (static_cast<unsigned char>(rest[0]) >= 0x80) {
      out.push_back(rest[0]);
    } else {
      std::string quoted;
      append_quoted(quoted, rest.substr(0, 1));
      out += quoted.substr(1, quoted.size() - 2);
    }
    rest.remove_prefix(1);
  }
  return out;
}

/// The part of the base64 text of anything ‖ value ‖ anything that depends on value alone, where
/// `offset` (0 to 2) bytes of a group of three stand before it.
std::string base64_core(std::string_view value, std::size_t offset, storage::Base64 alphabet) {
  auto encoded = storage::encode_base64(std::string(offset, '\0') + std::string(value), alphabet);
  auto const bits = 8 * (offset + value.size());
  encoded.resize(bits / 6);  // the digit that the next byte would change
  return encoded.substr((8 * offset + 5) / 6);
}

}  // namespace

KnownValues::~KnownValues() { forms_.wipe(); }

bool KnownValues::add(std::string_view kind, std::string_view value) {
  if (value.size() < shortest_known_value) return false;
  std::set<std::string> exact{std::string(value), percent_encoded(value, "/:@!$'()*,;")};
  for (auto const alphabet : {storage::Base64::standard, storage::Base64::url})
    for (std::size_t offset = 0; offset < 3; ++offset)
      exact.insert(base64_core(value, offset, alphabet));
  exact.insert(json_escaped(value));
  auto const tag = static_cast<std::uint32_t>(kinds_.size());
  kinds_.emplace_back(kind);
  for (auto const& form : exact) forms_.add(form, LiteralSet::Case::exact, tag);
  forms_.add(hex_of(value), LiteralSet::Case::ignored, tag);
  // Percent-encoding may write its digits in either case, so this form is compared without it.
  forms_.add(percent_encoded(value, ""), LiteralSet::Case::ignored, tag);
  return true;
}

void KnownValues::find(std::string_view text, std::vector<Finding>& findings) const {
  if (forms_.empty() || text.size() < 4) return;
  for (std::size_t i = 0; i + 3 < text.size(); ++i) {
    if (!forms_.may_stand(text.data() + i)) continue;
    forms_.match(text.substr(i), [&](std::uint32_t tag, std::size_t length) {
      findings.push_back({i, i + length, kinds_[tag], "secret", Evidence::known});
    });
  }
}

std::size_t KnownValues::open_from(std::string_view text) const {
  auto const longest = forms_.longest();
  for (auto at = text.size() > longest ? text.size() - longest : 0; at < text.size(); ++at)
    if (forms_.begins_with(text.substr(at))) return at;
  return std::string_view::npos;
}

}  // namespace dalsegno::vault
