#pragma once

// Models behind endpoints of one's own or a provider's: chat completions (OpenAI, vLLM, SGLang,
// llama.cpp, Ollama, Workers AI …) and Anthropic's messages. The built-in agent workflow, and any
// other that asks ctx.model with an agent::ModelRequest, talks to them (docs/models.md).
//
//   auto options = ds::model::options_from_environment();   // DALSEGNO_MODEL_URL …
//   auto added = ds::model::add_model(registry, store, *options);

#include "dalsegno/activity.h"
#include "dalsegno/ids.h"
#include "dalsegno/json.h"
#include "dalsegno/registry.h"
#include "dalsegno/result.h"
#include "dalsegno/runtime.h"
#include "dalsegno/store.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::activities {
class Spending;
}

namespace dalsegno::model {

enum class Dialect : std::uint8_t { chat, messages };

/// One place that serves the model.
struct Endpoint {
  std::string name =
      {};  ///< in records; empty: host and port, or its number where the host is an address
  std::string url = {};    ///< without the dialect's path: "https://api.example.com/v1"
  std::string model = {};  ///< as this server names it
  Dialect dialect = Dialect::chat;
  std::string api_key = {};                  ///< never recorded, logged or said in an error
  std::string provider = {};                 ///< of the price table; empty: calls have no price
  double weight = 1;                         ///< above 0; one of 2 takes twice as much
  double prefill_tokens_per_second = 8'000;  ///< where calibration starts
  bool draining = false;                     ///< takes calls only when no other can
  bool sends_cache_key = false;              ///< knows "prompt_cache_key"
  bool max_completion_tokens = false;        ///< wants that name in place of "max_tokens"
  bool asks_for_usage = true;                ///< may be asked for usage in a stream
};

/// What a model costs: USD for a million tokens.
struct Price {
  double input_usd = 0;
  std::optional<double> cached_usd = {};  ///< of input from the server's cache; else as input
  double output_usd = 0;
};

/// A tool as the model is told of it; the program serves it under this name (Registry::add_tool).
struct Tool {
  std::string name = {};
  std::string description = {};
  Json parameters = {};  ///< JSON Schema of an object; null: it takes none
};

/// A part of an answer while it comes. Provisional: the attempt may still fail, and another bring
/// something else; the answer is final when it is recorded. Redacted as what is recorded is, but
/// the digits of the tokens are others.
struct Delta {
  enum class Kind : std::uint8_t { text, reasoning, tool_arguments, refusal };
  SessionId session;
  OperationId operation = OperationId::none;
  std::uint32_t attempt = 1;
  Kind kind = Kind::text;
  std::size_t tool_call = 0;  ///< of tool_arguments: which call of the answer
  std::string tool = {};      ///< of tool_arguments
  std::string text = {};
};

struct Options {
  std::string name = "*";  ///< by which workflows call it; "*": by every name without its own
  std::vector<Endpoint> endpoints = {};
  std::vector<Tool> tools = {};

  std::optional<std::uint64_t> max_tokens = {};
  std::optional<double> temperature = {};
  std::optional<double> top_p = {};
  std::optional<std::int64_t> seed = {};
  std::string tool_choice = "auto";  ///< "auto", "none", "required", or the name of a tool
  std::optional<bool> parallel_tool_calls = {};
  bool json_answers = false;  ///< answers are JSON objects …
  Json answer_schema = {};    ///< … or fit this JSON Schema; null: none
  Json extra = {};            ///< more members of the request's body
  bool stream = true;

  std::optional<Price> price = {};  ///< in place of the price table's
  /// What its calls are paid from (dalsegno/budget.h); null: nobody counts.
  std::shared_ptr<activities::Spending> spending = {};

  /// The egress document (docs/egress.md). Empty: the endpoints' own hosts and ports are permitted,
  /// names only with addresses of the public internet, "localhost" only with those of this machine.
  std::string egress = {};
  std::string egress_name = "egress";
  std::filesystem::path ca_file = {};  ///< certificate authorities beside the machine's, PEM

  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds first_token_timeout{120'000};
  std::chrono::milliseconds token_timeout{60'000};  ///< between two tokens
  std::chrono::milliseconds total_timeout{600'000};
  std::size_t max_answer_bytes = 32U << 20U;

  std::uint32_t failures_to_pause = 5;  ///< in a row, until an endpoint is left alone
  std::chrono::milliseconds pause{5'000};
  std::chrono::milliseconds longest_pause{120'000};

  /// Receives answers as they come. Called on the threads that perform calls; must not block for
  /// long.
  std::function<void(Delta const&)> on_delta = {};
};

/// Registers a model. Its calls bring back the answer, and with it which endpoint gave it and why
/// that was chosen, what was used and what that cost (docs/models.md, "What is recorded").
///
/// Types of failure, repeated as the call's retry policy says, or later if the server asks for
/// that: "rate_limited", "overloaded", "request_timeout", "conflict", "server_error",
/// "malformed_answer", "empty_answer", "truncated", "unresolved", "unreachable", "timed_out",
/// "cut_off", "endpoints_unavailable". Never repeated: "quota_exhausted", "bad_request",
/// "unauthorized", "forbidden", "model_not_found", "prompt_too_large", "unexpected_status",
/// "too_large", "tls_failed", "denied", "invalid_request", "cancelled", "too_many_redirects",
/// "prompt_not_recorded", "input_mismatch", "budget_exhausted".
///
/// `store` is the one that the runtime is then started with: conversations are read from its log.
/// Errors: Errc::invalid, naming the endpoint or tool; those of a wrong egress document or file of
/// authorities.
[[nodiscard]] Result<> add_model(Registry& registry, Store const& store, Options const& options);

/// What the environment says: DALSEGNO_MODEL_URL (one, or several separated by commas),
/// DALSEGNO_MODEL, DALSEGNO_API_KEY (may be left out), DALSEGNO_MODEL_DIALECT ("chat" or
/// "messages"; else what the URL's host suggests).
/// Errors: Errc::not_found without DALSEGNO_MODEL_URL or DALSEGNO_MODEL; Errc::invalid for a
/// dialect that is none.
[[nodiscard]] Result<Options> options_from_environment();

/// The endpoints' keys, for RuntimeOptions::redaction: so they are found wherever they come back.
/// Shorter than 6 bytes they cannot be, and are left out.
[[nodiscard]] std::vector<KnownSecret> known_secrets(Options const& options);

}  // namespace dalsegno::model
