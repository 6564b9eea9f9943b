#include "engine/session/completion_token.h"

#include "storage/event/base64.h"

#include <array>
#include <charconv>
#include <cstddef>

namespace dalsegno::engine {

namespace {

constexpr std::string_view of_attempt = "dalsegno-attempt-";
constexpr std::string_view of_promise = "dalsegno-promise-";
constexpr std::size_t parts = 6;  // run, operation, attempt, proof, tenant, name

std::string number(std::uint64_t value) { return std::to_string(value); }

template <class Number>
bool read(std::string_view text, Number& value) {
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

storage::Digest proof_of(storage::KeyedDigester const& digester,
                         RunId const& run,
                         OperationId operation,
                         std::uint32_t attempt) {
  return digester.digest("dalsegno/completion/1 " + to_string(run) + ' ' +
                         number(static_cast<std::uint64_t>(operation)) + ' ' + number(attempt));
}

bool same_proof(storage::Digest const& left, storage::Digest const& right) {
  unsigned difference = 0;
  for (std::size_t i = 0; i < left.bytes.size(); ++i)
    difference |= static_cast<unsigned>(left.bytes[i] ^ right.bytes[i]);
  return difference == 0;
}

std::string to_text(CompletionToken const& token) {
  auto const inside = to_string(token.run) + '\n' +
                      number(static_cast<std::uint64_t>(token.operation)) + '\n' +
                      number(token.attempt) + '\n' + storage::to_hex(token.proof) + '\n' +
                      token.session.tenant + '\n' + token.session.name;
  return std::string(token.attempt == 0 ? of_promise : of_attempt) +
         storage::encode_base64(inside, storage::Base64::url);
}

Result<CompletionToken> parse_completion_token(std::string_view text) {
  Error const wrong{Errc::invalid, "this is no token of an attempt, and none of a promise"};
  bool const promise = text.starts_with(of_promise);
  if (!promise && !text.starts_with(of_attempt)) return wrong;
  auto const inside =
      storage::decode_base64url(text.substr((promise ? of_promise : of_attempt).size()));
  if (!inside) return wrong;
  std::array<std::string_view, parts> each;
  std::string_view rest = *inside;
  for (std::size_t i = 0; i + 1 < parts; ++i) {
    auto const end = rest.find('\n');
    if (end == std::string_view::npos) return wrong;
    each.at(i) = rest.substr(0, end);
    rest.remove_prefix(end + 1);
  }
  each.back() = rest;
  CompletionToken token;
  auto const run = parse_run_id(each[0]);
  auto const proof = storage::parse_digest(each[3]);
  std::uint64_t operation = 0;
  if (!run || !proof || !read(each[1], operation) || !read(each[2], token.attempt)) return wrong;
  token.run = *run;
  token.operation = static_cast<OperationId>(operation);
  token.proof = *proof;
  token.session = {std::string(each[4]), std::string(each[5])};
  if (!valid(token.session) || promise != (token.attempt == 0)) return wrong;
  if (to_text(token) != text) return wrong;  // base64 has spare bits, numbers have zeros in front
  return token;
}

}  // namespace dalsegno::engine
