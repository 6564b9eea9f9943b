#include "dalsegno/try.h"
#include "engine/policy/grammar.h"
#include "tools/dalsegno/config/config.h"
#include "tools/dalsegno/config/names.h"
#include "tools/dalsegno/config/table_reader.h"

#include <algorithm>
#include <utility>

namespace dalsegno::config {
namespace {

/// A name that one entry mentions and another must have.
struct Mention {
  std::size_t line = 0;
  std::string what;  // "agents.desk.model"
  std::string name;
};

/// "https://user:password@host" holds a secret.
bool has_credentials(std::string_view url) {
  auto const begin = url.find("://");
  if (begin == std::string_view::npos) return false;
  auto const authority = url.substr(begin + 3);
  return authority.substr(0, authority.find_first_of("/?#")).contains('@');
}

class ConfigReader {
 public:
  explicit ConfigReader(std::string_view file) : problem_(file) {}

  Result<Config> read(toml::table const& root) {
    TableReader reader(root, "", problem_);
    each(reader, "endpoints", config_.endpoints, &ConfigReader::read_endpoint);
    each(reader, "models", config_.models, &ConfigReader::read_model);
    read_prices(reader);
    each(reader, "routes", config_.routes, &ConfigReader::read_route);
    each(reader, "tools", config_.tools, &ConfigReader::read_tool);
    read_services(reader);
    each(reader, "agents", config_.agents, &ConfigReader::read_agent);
    each(reader, "slos", config_.slos, &ConfigReader::read_slo);
    read_budgets(reader);
    reader.finish();
    check_mentions(endpoints_, names_of(config_.endpoints), "endpoint");
    check_mentions(models_, names_of(config_.models), "model");
    check_mentions(agents_, names_of(config_.agents), "agent");
    auto tools = names_of(config_.tools);
    auto const services = names_of(config_.services);
    tools.insert(tools.end(), services.begin(), services.end());
    check_mentions(tools_, tools, "tool");
    check_mentions(routes_, names_of(config_.routes), "route");
    if (!problem_.error()) finish_routes();
    if (problem_.error()) return *problem_.error();
    return std::move(config_);
  }

 private:
  template <class T>
  using Read = void (ConfigReader::*)(TableReader&, std::string const&, T&);

  /// Every table within the table `key`.
  template <class T>
  void each(TableReader& root, std::string_view key, std::map<std::string, T>& into, Read<T> read) {
    auto const* const tables = root.table(key);
    if (tables == nullptr) return;
    for (auto const& [name, node] : *tables) {
      std::string const own(name.str());
      auto const path = std::string(key) + "." + own;
      auto const* const table = node.as_table();
      if (table == nullptr) {
        problem_.note(node.source().begin.line, path + " is no table");
        continue;
      }
      line_ = table->source().begin.line;
      TableReader reader(*table, path, problem_);
      (this->*read)(reader, own, into[own]);
      reader.finish();
    }
  }

  void mention(std::vector<Mention>& mentions, std::string what, std::string name) const {
    mentions.push_back({line_, std::move(what), std::move(name)});
  }
  void check_mentions(std::vector<Mention> const& mentions,
                      std::vector<std::string_view> const& names,
                      std::string_view kind) {
    for (auto const& [line, what, name] : mentions) {
      if (std::ranges::find(names, name) != names.end()) continue;
      auto text = what + ": there is no ";
      text.append(kind).append(" ").append(name).append(suggestion(name, names));
      problem_.note(line, text);
    }
  }

  void read_url(TableReader& reader, std::string& url) {
    reader.read("url", url);
    if (has_credentials(url)) reader.wrong("url", "holds a user or password: name a key instead");
  }

  void read_endpoint(TableReader& reader, std::string const& name, Endpoint& endpoint) {
    auto& made = endpoint.endpoint;
    made.name = name;
    read_url(reader, made.url);
    reader.read("model", made.model);
    std::string dialect = "chat";
    reader.read("dialect", dialect);
    if (dialect != "chat" && dialect != "messages")
      reader.wrong("dialect", "is neither \"chat\" nor \"messages\"");
    made.dialect = dialect == "messages" ? model::Dialect::messages : model::Dialect::chat;
    reader.read("provider", made.provider);
    reader.read("weight", made.weight);
    reader.read("prefill_tokens_per_second", made.prefill_tokens_per_second);
    reader.read("draining", made.draining);
    reader.read("sends_cache_key", made.sends_cache_key);
    reader.read("max_completion_tokens", made.max_completion_tokens);
    reader.read("asks_for_usage", made.asks_for_usage);
    std::string key;
    reader.read("api_key", key);
    endpoint.api_key = parse_secret_reference(key);
    if (reader.has("api_key") && !endpoint.api_key)
      reader.wrong("api_key",
                   "must say where the key is, env:NAME or file:PATH, not the key itself");
    if (made.url.empty()) reader.wrong("has no url");
    if (made.model.empty()) reader.wrong("has no model");
  }

  void read_model(TableReader& reader, std::string const& name, Model& model) {
    auto& candidate = model.candidate;
    candidate.name = name;
    reader.read("endpoints", model.endpoints);
    for (auto const& endpoint : model.endpoints)
      mention(endpoints_, reader.path_of("endpoints"), endpoint);
    if (model.endpoints.empty()) reader.wrong("has no endpoints");
    reader.read("tier", candidate.tier);
    reader.read("tools", candidate.tools);
    reader.read("context_tokens", candidate.context_tokens);
    reader.read("data_classes", candidate.data_classes);
    reader.read("prefill_tokens_per_second", candidate.prefill_tokens_per_second);
    reader.read("output_tokens_per_second", candidate.output_tokens_per_second);
    reader.read("temperature", model.temperature);
    reader.read("max_tokens", model.max_tokens);
  }

  /// USD for a million tokens, by model.
  void read_prices(TableReader& root) {
    std::map<std::string, activities::RouteCandidate> prices;
    each(root, "prices", prices, &ConfigReader::read_price);
    for (auto const& [name, price] : prices) {
      auto const found = config_.models.find(name);
      if (found == config_.models.end()) continue;
      auto& candidate = found->second.candidate;
      candidate.input_usd = price.input_usd;
      candidate.cached_usd = price.cached_usd;
      candidate.output_usd = price.output_usd;
    }
  }
  void read_price(TableReader& reader,
                  std::string const& name,
                  activities::RouteCandidate& candidate) {
    mention(models_, "prices." + name, name);
    reader.read("input", candidate.input_usd);
    candidate.cached_usd = candidate.input_usd;
    reader.read("cached", candidate.cached_usd);
    reader.read("output", candidate.output_usd);
  }

  void read_route(TableReader& reader, std::string const& name, activities::RouteRules& rules) {
    rules.name = name;
    std::vector<std::string> models;
    reader.read("models", models);
    for (auto& model : models) {
      mention(models_, reader.path_of("models"), model);
      rules.candidates.push_back({.name = std::move(model)});
    }
    if (auto const* const floors = reader.table("floors")) read_floors(*floors, rules);
    if (auto const* const bands = reader.array("bands"))
      for (auto const& node : *bands) read_band(reader, node, rules);
    if (auto const* const raises = reader.table("raises")) read_raises(*raises, rules);
    reader.read("calls_ahead", rules.calls_ahead);
    reader.read("second_usd", rules.second_usd);
    route_lines_[name] = line_;
  }
  void read_floors(toml::table const& table, activities::RouteRules& rules) {
    TableReader reader(table, "routes." + rules.name + ".floors", problem_);
    for (std::size_t i = 0; i < engine::risk_names.size(); ++i) {
      std::optional<std::uint64_t> tier;
      reader.read(engine::risk_names[i], tier);
      if (tier && *tier > 1'000) reader.wrong(engine::risk_names[i], "is too large");
      if (tier) rules.floors[static_cast<Risk>(i + 1)] = static_cast<std::uint32_t>(*tier);
    }
    reader.finish();
  }
  void read_band(TableReader& route, toml::node const& node, activities::RouteRules& rules) {
    if (node.as_table() == nullptr) return route.wrong("bands", "is no list of tables");
    TableReader reader(*node.as_table(), route.path_of("bands"), problem_);
    activities::RouteBand band;
    reader.read("from", band.from);
    reader.read("tier", band.tier);
    reader.finish();
    rules.bands.push_back(band);
  }
  void read_raises(toml::table const& table, activities::RouteRules& rules) {
    TableReader reader(table, "routes." + rules.name + ".raises", problem_);
    reader.read("failure", rules.raises.failure);
    reader.read("repetition", rules.raises.repetition);
    reader.read("tool", rules.raises.tool);
    reader.read("schema_kib", rules.raises.schema_kib);
    reader.read("turn", rules.raises.turn);
    reader.finish();
  }
  /// All models are known now.
  void finish_routes() {
    for (auto& [name, rules] : config_.routes) {
      for (auto& candidate : rules.candidates)
        candidate = config_.models.at(candidate.name).candidate;
      if (auto const checked = activities::check(rules); !checked)
        problem_.note(route_lines_[name], checked.error().detail);
    }
  }

  void read_agent(TableReader& reader, std::string const& name, Agent& agent) {
    reader.read("model", agent.model);
    reader.read("route", agent.route);
    if (agent.model.empty() == agent.route.empty())
      reader.wrong("has not one of model and route");
    else if (agent.route.empty())
      mention(models_, reader.path_of("model"), agent.model);
    else
      mention(routes_, reader.path_of("route"), agent.route);
    reader.read("system", agent.system);
    reader.read("checkpoint_every", agent.checkpoint_every);
    reader.read("tools", agent.tools);
    for (auto const& tool : agent.tools) mention(tools_, reader.path_of("tools"), tool);
    if (auto const* const context = reader.table("context"))
      read_context(*context, name, agent.context.emplace());
  }
  void read_context(toml::table const& table,
                    std::string const& name,
                    agent::ContextOptions& options) {
    TableReader reader(table, "agents." + name + ".context", problem_);
    reader.read("every_turns", options.every_turns);
    reader.read("max_bytes", options.max_bytes);
    reader.read("keep_turns", options.keep_turns);
    reader.read("summarizer", options.summarizer);
    if (!options.summarizer.empty())
      mention(models_, reader.path_of("summarizer"), options.summarizer);
    reader.read("cached_share", options.cached_share);
    if (options.cached_share > 1) reader.wrong("cached_share", "is more than 1");
    reader.read("output_factor", options.output_factor);
    reader.read("calls_ahead", options.calls_ahead);
    if (options.every_turns == 0 && options.max_bytes == 0)
      reader.wrong("has neither every_turns nor max_bytes");
    if (options.max_bytes > 0 && options.max_bytes < 4'096)
      reader.wrong("max_bytes", "is less than 4096");
    reader.finish();
  }

  void read_slo(TableReader& reader, std::string const& /*name*/, Slo& slo) {
    reader.read("agent", slo.agent);
    mention(agents_, reader.path_of("agent"), slo.agent);
    reader.read("first_token_seconds", slo.first_token_seconds);
    reader.read("answer_seconds", slo.answer_seconds);
    reader.read("share", slo.share);
    if (slo.share > 1) reader.wrong("share", "is more than 1");
    reader.read("error_share", slo.error_share);
    if (slo.error_share && *slo.error_share > 1) reader.wrong("error_share", "is more than 1");
    reader.read("recovery_seconds", slo.recovery_seconds);
    if (auto const* const windows = reader.table("windows"))
      read_windows(*windows, reader.path_of("windows"), slo.windows);
  }

  void read_windows(toml::table const& table, std::string const& path, SloWindows& windows) {
    constexpr double day = 86'400;
    TableReader reader(table, path, problem_);
    reader.read("short_seconds", windows.short_seconds);
    reader.read("long_seconds", windows.long_seconds);
    reader.read("period_days", windows.period_days);
    reader.read("factor", windows.factor);
    if (windows.short_seconds <= 0) reader.wrong("short_seconds", "is not more than 0");
    if (windows.long_seconds <= windows.short_seconds)
      reader.wrong("long_seconds", "is not more than short_seconds");
    if (windows.period_days * day <= windows.long_seconds)
      reader.wrong("period_days", "is not longer than long_seconds");
    if (windows.factor && *windows.factor <= 0) reader.wrong("factor", "is not more than 0");
    reader.finish();
  }

  void read_tool(TableReader& reader, std::string const& name, Tool& tool) {
    auto& server = tool.server;
    server.name = name;
    reader.read("command", server.process.command);
    read_url(reader, server.endpoint.url);
    if (server.process.command.empty() == server.endpoint.url.empty())
      reader.wrong("has not one of command and url");
    reader.read("prefix", server.prefix);
    reader.read("only", server.only);
    std::string directory;
    reader.read("directory", directory);
    server.process.directory = directory;
    reader.read("inherits", server.process.inherits);
    if (auto const* const variables = reader.table("environment"))
      read_environment(*variables, name, tool);
    std::string token;
    reader.read("token", token);
    tool.token = parse_secret_reference(token);
    if (reader.has("token") && !tool.token)
      reader.wrong("token",
                   "must say where the token is, env:NAME or file:PATH, not the token itself");
    read_answers(reader, server.normal_answers);
    read_limits(reader, tool.limits);
    read_known(reader, server.every_tool);
    read_each(reader, server.every_tool, server.each_tool);
  }
  /// What is known of one tool; else as of all.
  void read_each(TableReader& server_reader,
                 ToolOptions const& every,
                 std::map<std::string, ToolOptions>& known) {
    auto const* const tools = server_reader.table("each");
    if (tools == nullptr) return;
    TableReader reader(*tools, server_reader.path_of("each"), problem_);
    for (auto const& [name, node] : *tools) {
      auto const* const table = reader.table(name.str());
      if (table == nullptr) continue;
      TableReader tool_reader(*table, reader.path_of(name.str()), problem_);
      auto& options = known[std::string(name.str())];
      options = every;
      read_known(tool_reader, options);
      tool_reader.finish();
    }
    reader.finish();
  }
  /// [http_tools.NAME] and [openapi.NAME].
  void read_services(TableReader& root) {
    std::map<std::string, HttpService> documents;
    each(root, "http_tools", config_.services, &ConfigReader::read_http_tool);
    each(root, "openapi", documents, &ConfigReader::read_openapi);
    for (auto& [name, service] : documents)
      if (!config_.services.emplace(name, std::move(service)).second)
        problem_.note(line_, "openapi." + name + ": another tool has this name");
    for (auto const& [name, service] : config_.services)
      if (config_.tools.contains(name))
        problem_.note(line_, "tools." + name + ": another tool has this name");
  }
  void read_http_tool(TableReader& reader, std::string const& name, HttpService& service) {
    tools::HttpTool tool;
    tool.name = name;
    read_url(reader, tool.url);
    if (tool.url.empty()) reader.wrong("has no url");
    reader.read("method", tool.method);
    reader.read("description", tool.description);
    std::string parameters;
    reader.read("parameters", parameters);
    auto schema = parse_json(parameters.empty() ? "null" : parameters);
    if (!schema)
      reader.wrong("parameters", "is no JSON: " + schema.error().detail);
    else
      tool.parameters = std::move(*schema);
    std::vector<std::string> query;
    std::vector<std::string> headers;
    reader.read("in_query", query);
    reader.read("in_headers", headers);
    for (auto const& argument : query) tool.places[argument] = tools::HttpPlace::query;
    for (auto const& argument : headers) tool.places[argument] = tools::HttpPlace::header;
    reader.read("body_argument", tool.body_argument);
    read_known(reader, tool.options);
    read_limits(reader, service.limits);
    read_headers(reader, service);
    read_answers(reader, service.options.normal_answers);
    service.options.tools.push_back(std::move(tool));
  }
  void read_openapi(TableReader& reader, std::string const& /*name*/, HttpService& service) {
    std::string file;
    reader.read("file", file);
    service.document = file;
    if (file.empty()) reader.wrong("has no file");
    read_url(reader, service.openapi.url);
    reader.read("prefix", service.openapi.prefix);
    reader.read("only", service.openapi.only);
    read_limits(reader, service.limits);
    read_known(reader, service.openapi.every_tool);
    read_each(reader, service.openapi.every_tool, service.openapi.each_tool);
    read_headers(reader, service);
    read_answers(reader, service.options.normal_answers);
  }
  /// Values, or where they are.
  void read_headers(TableReader& service_reader, HttpService& service) {
    auto const* const headers = service_reader.table("headers");
    if (headers == nullptr) return;
    TableReader reader(*headers, service_reader.path_of("headers"), problem_);
    for (auto const& [header, node] : *headers) {
      std::string const own(header.str());
      std::string value;
      reader.read(header.str(), value);
      if (auto const reference = parse_secret_reference(value))
        service.secrets.emplace(own, *reference);
      else
        service.options.headers.push_back({own, value});
    }
    reader.finish();
  }
  /// Values, or where they are.
  void read_environment(toml::table const& table, std::string const& name, Tool& tool) {
    TableReader reader(table, "tools." + name + ".environment", problem_);
    for (auto const& [variable, node] : table) {
      std::string const own(variable.str());
      std::string value;
      reader.read(variable.str(), value);
      if (auto const reference = parse_secret_reference(value))
        tool.variables.emplace(own, *reference);
      else
        tool.server.process.environment.emplace_back(own, value);
    }
    reader.finish();
  }
  static void read_limits(TableReader& reader, CallLimits& limits) {
    constexpr double longest = 86'400;
    reader.read("concurrency", limits.concurrency);
    reader.read("rate", limits.rate);
    reader.read("rate_seconds", limits.rate_seconds);
    if (reader.has("concurrency") && limits.concurrency == 0)
      reader.wrong("concurrency", "is 0, so no call could be made");
    if (reader.has("rate") && limits.rate == 0)
      reader.wrong("rate", "is 0, so no call could be made");
    if (reader.has("rate_seconds") && limits.rate == 0)
      reader.wrong("rate_seconds", "is there without rate");
    if (limits.rate_seconds < 0.001 || limits.rate_seconds > longest)
      reader.wrong("rate_seconds", "is not between 0.001 and 86400");
  }
  static void read_answers(TableReader& reader, std::optional<tool::AnswerOptions>& answers) {
    bool normal = true;
    reader.read("normalize", normal);
    std::optional<std::uint64_t> preview;
    reader.read("preview_beyond_bytes", preview);
    reader.read("volatile_members", answers->volatile_members);
    answers->preview_beyond_bytes = preview.value_or(0);
    if (!normal) answers.reset();
  }
  /// What is known of a tool.
  static void read_known(TableReader& reader, ToolOptions& known) {
    std::string risk;
    reader.read("risk", risk);
    auto const found = std::ranges::find(engine::risk_names, risk);
    if (found != engine::risk_names.end())
      known.risk = static_cast<Risk>(found - engine::risk_names.begin() + 1);
    else if (reader.has("risk"))
      reader.wrong("risk", "is none of read, write, destructive, money, external");
    reader.read("untrusted", known.untrusted);
    std::string effect;
    reader.read("effect", effect);
    if (effect == "idempotent")
      known.effect = EffectClass::idempotent;
    else if (effect == "at_most_once")
      known.effect = EffectClass::at_most_once;
    else if (reader.has("effect"))
      reader.wrong("effect", "is neither \"idempotent\" nor \"at_most_once\"");
  }

  /// [budgets.tenant], [budgets.workflow], [budgets.session].
  void read_budgets(TableReader& root) {
    auto const* const table = root.table("budgets");
    if (table == nullptr) return;
    TableReader reader(*table, "budgets", problem_);
    for (auto const kind : {activities::BudgetKind::tenant,
                            activities::BudgetKind::workflow,
                            activities::BudgetKind::session})
      if (auto const* const limits = reader.table(activities::name_of(kind)))
        read_limit(*limits, kind);
    reader.finish();
  }
  void read_limit(toml::table const& table, activities::BudgetKind kind) {
    TableReader reader(table, "budgets." + std::string(activities::name_of(kind)), problem_);
    std::optional<double> soft;
    std::optional<double> hard;
    reader.read("soft_usd", soft);
    reader.read("hard_usd", hard);
    reader.finish();
    auto& limit = config_.budgets.by_kind[kind];
    if (soft) limit.soft = activities::micro_usd(*soft);
    if (hard) limit.hard = activities::micro_usd(*hard);
  }

  Problem problem_;
  Config config_;
  std::size_t line_ = 1;  // of the table at hand
  std::map<std::string, std::size_t> route_lines_;
  std::vector<Mention> endpoints_;
  std::vector<Mention> models_;
  std::vector<Mention> agents_;
  std::vector<Mention> tools_;
  std::vector<Mention> routes_;
};

}  // namespace

Result<Config> parse_config(std::string_view text, std::string_view file) {
  try {
    auto const root = toml::parse(text);
    return ConfigReader(file).read(root);
  } catch (toml::parse_error const& error) {
    Problem problem(file);
    problem.note(error.source().begin.line, std::string(error.description()));
    return *problem.error();
  }
}

}  // namespace dalsegno::config
