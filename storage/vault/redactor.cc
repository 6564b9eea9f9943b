#include "storage/vault/redactor.h"

#include <algorithm>
#include <mutex>

namespace dalsegno::vault {
namespace {

/// A token may give its neighbours another look; so what was redacted is looked at again, until
/// nothing is found any more. Texts that need more rounds do not come up by chance.
constexpr int most_rounds = 6;

std::string render(std::string_view text, std::vector<Replacement> const& replaced) {
  std::string out;
  std::size_t at = 0;
  for (auto const& part : replaced) {
    out += text.substr(at, part.begin - at);
    out += part.token;
    at = part.end;
  }
  out += text.substr(at);
  return out;
}

/// Where byte `at` of the rendered text, which is in no token, comes from.
std::size_t origin_of(std::size_t at, std::vector<Replacement> const& replaced) {
  std::size_t rendered = 0;
  std::size_t source = 0;
  for (auto const& part : replaced) {
    auto const kept = part.begin - source;
    if (at < rendered + kept) break;
    rendered += kept + part.token.size();
    source = part.end;
  }
  return source + (at - rendered);
}

}  // namespace

Redactor::Redactor(storage::SessionSecret const& key, RedactorOptions options)
    : rules_(builtin_rules()),
      options_(std::move(options)),
      tokens_(key),
      version_(rules_.version) {
  if (options_.spared.empty()) return;
  std::string all;
  for (auto const& category : options_.spared) all += category + '\n';
  version_ += '-' + storage::to_hex(storage::sha256({all})).substr(0, 8);
}

bool Redactor::add_known(std::string_view kind, std::string_view value) {
  std::unique_lock const lock(known_mutex_);
  bool const added = known_.add(kind, value);
  clean_.clear();
  names_.clear();
  return added;
}

Prefix Redactor::find(std::string_view text, std::string_view hint, std::string_view spared) const {
  std::shared_lock const lock(known_mutex_);
  auto found = find_sensitive_in_prefix(rules_, known_.empty() ? nullptr : &known_, text, hint);
  std::erase_if(found.findings, [&](Finding const& f) {
    return options_.spared.contains(f.category) || (!spared.empty() && f.category == spared);
  });
  return found;
}

Replacement Redactor::replacement(Finding const& finding, std::string_view text) const {
  auto const original = text.substr(finding.begin, finding.end - finding.begin);
  return {.pointer = {},
          .begin = finding.begin,
          .end = finding.end,
          .kind = finding.kind,
          .category = finding.category,
          .token = tokens_.token(finding.kind, original),
          .original = std::string(original)};
}

Redacted<std::string> Redactor::text(std::string_view text,
                                     std::string_view hint,
                                     std::string_view spared) const {
  Redacted<std::string> result;
  auto const fail = [&] {
    return Redacted<std::string>{tokens_.token("unredacted", text), {}, true};
  };
  if (text.size() > options_.max_bytes) return fail();
  result.value = text;
  for (int round = 0;; ++round) {
    auto const found = find(result.value, hint, spared).findings;
    if (found.empty()) return result;
    if (round == most_rounds || result.replaced.size() + found.size() > options_.max_findings)
      return fail();
    auto const before = result.replaced;
    for (auto const& finding : found) {
      auto placed = finding;
      placed.begin = origin_of(finding.begin, before);
      placed.end = placed.begin + (finding.end - finding.begin);
      result.replaced.push_back(replacement(placed, text));
    }
    std::ranges::sort(result.replaced, {}, &Replacement::begin);
    result.value = render(text, result.replaced);
  }
}

}  // namespace dalsegno::vault
