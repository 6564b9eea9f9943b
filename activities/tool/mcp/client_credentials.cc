#include "activities/tool/mcp/client_credentials.h"

#include "activities/http/dial_plan.h"
#include "storage/event/base64.h"

#include <openssl/bio.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace dalsegno::mcp {
namespace {

constexpr std::size_t max_document_bytes = 1U << 20U;
constexpr std::chrono::seconds assertion_life{300};

Fault unauthorized(std::string message, bool retryable = false) {
  return {
      .type = "unauthorized", .message = std::move(message), .retryable = retryable, .status = 401};
}

std::string form_encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (char const c : text) {
    auto const byte = static_cast<unsigned char>(c);
    bool const is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                          (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' || c == '~';
    if (is_plain)
      out += c;
    else
      out += {'%', digits[byte >> 4U], digits[byte & 0xFU]};
  }
  return out;
}

std::string origin_of(http::DialPlan const& plan) {
  return std::string(http::name_of(plan.scheme())) + "://" + plan.authority();
}

std::string path_of(http::DialPlan const& plan) {
  auto path = plan.target().substr(0, plan.target().find('?'));
  return path == "/" ? "" : path;
}

/// Whether a token for `resource` is one for the server at `url`.
bool covers(std::string const& resource, std::string const& url) {
  auto const wide = http::DialPlan::parse(resource);
  auto const narrow = http::DialPlan::parse(url);
  if (!wide || !narrow || !http::same_origin(*wide, *narrow)) return false;
  auto const path = path_of(*wide);
  auto const below = path_of(*narrow);
  return below == path ||
         (below.starts_with(path) &&
          (path.ends_with('/') || below.size() == path.size() || below[path.size()] == '/'));
}

std::string base64url(std::string_view bytes) {
  return storage::encode_base64(bytes, storage::Base64::url);
}

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

/// An ECDSA signature as JWS writes it: both numbers, each 32 bytes.
std::optional<std::string> raw_signature(std::string const& der) {
  auto const* data = reinterpret_cast<unsigned char const*>(der.data());
  std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> const signature(
      d2i_ECDSA_SIG(nullptr, &data, static_cast<long>(der.size())), &ECDSA_SIG_free);
  std::array<unsigned char, 64> raw{};
  if (!signature || BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), raw.data(), 32) != 32 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), raw.data() + 32, 32) != 32)
    return std::nullopt;
  return std::string(reinterpret_cast<char const*>(raw.data()), raw.size());
}

std::optional<std::string> sign(std::string const& pem,
                                std::string const& algorithm,
                                std::string const& text) {
  std::unique_ptr<BIO, decltype(&BIO_free)> const source(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  Key const key(source ? PEM_read_bio_PrivateKey(source.get(), nullptr, nullptr, nullptr) : nullptr,
                &EVP_PKEY_free);
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> const context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  auto const* const hash = algorithm == "EdDSA" ? nullptr : EVP_sha256();
  if (!key || !context || EVP_DigestSignInit(context.get(), nullptr, hash, nullptr, key.get()) != 1)
    return std::nullopt;
  auto const* const bytes = reinterpret_cast<unsigned char const*>(text.data());
  std::size_t size = 0;
  if (EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size()) != 1) return std::nullopt;
  std::string signature(size, '\0');
  if (EVP_DigestSign(context.get(),
                     reinterpret_cast<unsigned char*>(signature.data()),
                     &size,
                     bytes,
                     text.size()) != 1)
    return std::nullopt;
  signature.resize(size);
  return algorithm == "ES256" ? raw_signature(signature) : signature;
}

}  // namespace

std::string challenge_parameter(std::string_view challenge, std::string_view name) {
  // name="value", where the value may hold \" and the name is not the end of a longer one.
  for (std::size_t at = 0; (at = challenge.find(name, at)) != std::string_view::npos;
       at += name.size()) {
    auto rest = challenge.substr(at + name.size());
    bool const is_whole = at == 0 || challenge[at - 1] == ' ' || challenge[at - 1] == ',';
    if (!is_whole || !rest.starts_with('=')) continue;
    rest.remove_prefix(1);
    if (!rest.starts_with('"')) return std::string(rest.substr(0, rest.find_first_of(", ")));
    std::string value;
    for (std::size_t i = 1; i < rest.size() && rest[i] != '"'; ++i) {
      if (rest[i] == '\\' && i + 1 < rest.size()) ++i;
      value += rest[i];
    }
    return value;
  }
  return {};
}

std::string ClientCredentials::header() const {
  std::scoped_lock const lock(mutex_);
  return header_;
}

OrFault<Json> ClientCredentials::get(std::string const& url) const {
  http::SendOptions options;
  options.limits.total = std::chrono::seconds(30);
  options.limits.body_bytes = max_document_bytes;
  auto const answer = client_.send(
      {.method = "GET", .url = url, .headers = {{"Accept", "application/json"}}, .body = {}},
      options);
  if (answer.failure)
    return std::unexpected(
        unauthorized("no authorization: " + presentable(answer.failure->message, 300), true));
  if (answer.response.status != 200)
    return std::unexpected(unauthorized("no authorization: HTTP status " +
                                        std::to_string(answer.response.status) + " at " +
                                        presentable(url, 300)));
  auto document = parse_json(answer.response.body);
  if (!document || document->as_object() == nullptr)
    return std::unexpected(unauthorized("no authorization: what stands at " +
                                        presentable(url, 300) + " is no JSON object"));
  return std::move(*document);
}

OrFault<Json> ClientCredentials::protected_resource(std::string_view challenge) const {
  if (auto const named = challenge_parameter(challenge, "resource_metadata"); !named.empty())
    return get(named);
  auto const plan = http::DialPlan::parse(url_);
  if (!plan) return std::unexpected(unauthorized(plan.error().detail));
  auto const well_known = origin_of(*plan) + "/.well-known/oauth-protected-resource";
  auto found = get(well_known + path_of(*plan));
  return found || path_of(*plan).empty() ? found : get(well_known);
}

OrFault<Json> ClientCredentials::authorization_server(std::string const& issuer) const {
  auto const plan = http::DialPlan::parse(issuer);
  if (!plan) return std::unexpected(unauthorized("the issuer: " + plan.error().detail));
  auto const origin = origin_of(*plan);
  auto const path = path_of(*plan);
  auto const place_at =
      [&](std::string_view before, std::string_view well_known, std::string_view after) {
        auto place = origin;
        place += before;
        place += well_known;
        place += after;
        return place;
      };
  OrFault<Json> found;
  for (auto const& place : {place_at("", "/.well-known/oauth-authorization-server", path),
                            place_at("", "/.well-known/openid-configuration", path),
                            place_at(path, "/.well-known/openid-configuration", "")}) {
    found = get(place);
    if (!found) continue;
    auto const same = [](std::string_view a, std::string_view b) {
      while (a.ends_with('/')) a.remove_suffix(1);
      while (b.ends_with('/')) b.remove_suffix(1);
      return a == b;
    };
    // Else one server could pass for another (RFC 8414, 3.3).
    if (!same(found->text("issuer"), issuer))
      return std::unexpected(unauthorized("the authorization server calls itself \"" +
                                          presentable(found->text("issuer"), 200) + "\", not \"" +
                                          presentable(issuer, 200) + "\""));
    return found;
  }
  return found;
}

OrFault<ClientCredentials::Place> ClientCredentials::find(std::string_view challenge) const {
  auto const resource = protected_resource(challenge);
  if (!resource) return std::unexpected(resource.error());
  Place place;
  place.resource = resource->text("resource");
  if (!covers(place.resource, url_))
    return std::unexpected(unauthorized("the metadata are of another resource: \"" +
                                        presentable(place.resource, 200) + "\""));
  auto const* const servers = resource->find("authorization_servers");
  if (servers == nullptr || servers->as_array() == nullptr || servers->as_array()->empty() ||
      servers->as_array()->front().as_string() == nullptr)
    return std::unexpected(unauthorized("the resource names no authorization server"));
  place.issuer = *servers->as_array()->front().as_string();
  auto const server = authorization_server(place.issuer);
  if (!server) return std::unexpected(server.error());
  place.token_endpoint = server->text("token_endpoint");
  if (place.token_endpoint.empty())
    return std::unexpected(unauthorized("the authorization server has no token endpoint"));
  place.scope = options_.scope;
  if (place.scope.empty()) place.scope = challenge_parameter(challenge, "scope");
  auto const* const scopes = resource->find("scopes_supported");
  if (place.scope.empty() && scopes != nullptr && scopes->as_array() != nullptr)
    for (auto const& scope : *scopes->as_array())
      if (auto const* const name = scope.as_string())
        place.scope += (place.scope.empty() ? "" : " ") + *name;
  return place;
}

OrFault<std::string> ClientCredentials::assertion(Place const& place) const {
  auto const now = std::chrono::floor<std::chrono::seconds>(
      options_.now ? options_.now() : std::chrono::system_clock::now());
  std::array<unsigned char, 16> random{};
  if (RAND_bytes(random.data(), random.size()) != 1)
    return std::unexpected(unauthorized("no random number", true));
  Json head;
  head.set("alg", options_.algorithm).set("typ", "JWT");
  Json claims;
  claims.set("iss", options_.client_id)
      .set("sub", options_.client_id)
      .set("aud", place.issuer)
      .set("jti", base64url({reinterpret_cast<char const*>(random.data()), random.size()}))
      .set("iat", std::int64_t{now.time_since_epoch().count()})
      .set("exp", std::int64_t{(now + assertion_life).time_since_epoch().count()});
  auto text = base64url(to_string(head)) + "." + base64url(to_string(claims));
  auto const signature = sign(options_.private_key, options_.algorithm, text);
  if (!signature)
    return std::unexpected(
        unauthorized("the private key does not sign with " + options_.algorithm));
  return text + "." + base64url(*signature);
}

OrFault<std::string> ClientCredentials::token(Place const& place) const {
  http::Request request{
      .method = "POST",
      .url = place.token_endpoint,
      .headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                  {"Accept", "application/json"}},
      .body = "grant_type=client_credentials&resource=" + form_encoded(place.resource)};
  if (!place.scope.empty()) request.body += "&scope=" + form_encoded(place.scope);
  if (options_.private_key.empty()) {
    auto const pair = form_encoded(options_.client_id) + ":" + form_encoded(options_.client_secret);
    request.headers.push_back({"Authorization", "Basic " + storage::encode_padded_base64(pair)});
  } else {
    auto const proof = assertion(place);
    if (!proof) return std::unexpected(proof.error());
    request.body += "&client_assertion_type=" +
                    form_encoded("urn:ietf:params:oauth:client-assertion-type:jwt-bearer") +
                    "&client_assertion=" + form_encoded(*proof) +
                    "&client_id=" + form_encoded(options_.client_id);
  }
  http::SendOptions options;
  options.limits.total = std::chrono::seconds(30);
  options.limits.body_bytes = max_document_bytes;
  options.limits.redirects = 0;
  auto const answer = client_.send(std::move(request), options);
  if (answer.failure)
    return std::unexpected(
        unauthorized("no token: " + presentable(answer.failure->message, 300), true));
  auto const document = parse_json(answer.response.body);
  auto const error = document ? document->text("error") : std::string_view();
  if (answer.response.status != 200 || !document || document->text("access_token").empty())
    return std::unexpected(unauthorized("no token: HTTP status " +
                                            std::to_string(answer.response.status) +
                                            (error.empty() ? "" : ", " + presentable(error, 100)),
                                        answer.response.status >= 500));
  return std::string(document->text("access_token"));
}

OrFault<> ClientCredentials::renew(std::string_view refused, std::string_view challenge) {
  // Whoever comes first asks; the others wait and take what came.
  std::scoped_lock const lock(mutex_);
  if (header_ != refused) return {};
  header_.clear();
  auto const place = find(challenge);
  if (!place) return std::unexpected(place.error());
  auto got = token(*place);
  if (!got) return std::unexpected(got.error());
  header_ = "Bearer " + *got;
  return {};
}

}  // namespace dalsegno::mcp
