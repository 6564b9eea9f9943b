#include "activities/http/dial_plan.h"
#include "dalsegno/model.h"
#include "dalsegno/try.h"

#include <cstdlib>
#include <string_view>
#include <utility>

namespace dalsegno::model {
namespace {

std::string variable(char const* name) {
  auto const* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets it
  return value == nullptr ? std::string() : std::string(value);
}

/// The provider of the price table that a host belongs to.
std::string provider_of(std::string_view host) {
  if (host == "api.openai.com") return "openai";
  if (host == "api.anthropic.com") return "anthropic";
  if (host == "api.cloudflare.com" || host == "gateway.ai.cloudflare.com") return "cloudflare";
  if (host == "api.mistral.ai") return "mistral";
  if (host == "api.deepseek.com") return "deepseek";
  if (host == "api.groq.com") return "groq";
  if (host == "openrouter.ai") return "openrouter";
  return {};
}

Result<Dialect> dialect_of(std::string const& name, std::string const& host) {
  if (name == "chat") return Dialect::chat;
  if (name == "messages") return Dialect::messages;
  if (name.empty()) return host == "api.anthropic.com" ? Dialect::messages : Dialect::chat;
  return Error{Errc::invalid, "DALSEGNO_MODEL_DIALECT must be \"chat\" or \"messages\""};
}

}  // namespace

Result<Options> options_from_environment() {
  auto const urls = variable("DALSEGNO_MODEL_URL");
  auto const model = variable("DALSEGNO_MODEL");
  for (auto const& [name, value] :
       {std::pair("DALSEGNO_MODEL_URL", &urls), std::pair("DALSEGNO_MODEL", &model)})
    if (value->empty())
      return Error{Errc::not_found, std::string("the environment has no ") + name};
  Options options;
  for (std::string_view rest = urls; !rest.empty();) {
    auto const comma = rest.find(',');
    auto const url = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    Endpoint endpoint;
    endpoint.url = url;
    auto const plan = http::DialPlan::parse(url);
    if (!plan) return Error{Errc::invalid, "DALSEGNO_MODEL_URL: " + plan.error().detail};
    endpoint.model = model;
    endpoint.api_key = variable("DALSEGNO_API_KEY");
    TRY(endpoint.dialect, dialect_of(variable("DALSEGNO_MODEL_DIALECT"), plan->host()));
    endpoint.provider = provider_of(plan->host());
    bool const is_openai = plan->host() == "api.openai.com";
    endpoint.max_completion_tokens = endpoint.sends_cache_key = is_openai;
    options.endpoints.push_back(std::move(endpoint));
  }
  return options;
}

std::vector<KnownSecret> known_secrets(Options const& options) {
  std::vector<KnownSecret> secrets;
  for (auto const& endpoint : options.endpoints)
    if (endpoint.api_key.size() >= 6) secrets.push_back({"model_api_key", endpoint.api_key});
  return secrets;
}

}  // namespace dalsegno::model
