#include "activities/http/egress_document.h"

#include "activities/http/host_name.h"
#include "dalsegno/json.h"
#include "dalsegno/try.h"
#include "engine/policy/problems.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <span>

namespace dalsegno::http {
namespace {

constexpr std::size_t max_document_bytes = 4U << 20U;
constexpr std::size_t max_id_bytes = 64;
// A network as wide as this names the world and not a place in it.
constexpr unsigned min_prefix_v4 = 8;
constexpr unsigned min_prefix_v6 = 7;

constexpr std::array<std::string_view, 3> document_fields = {"dalsegno_egress", "name", "rules"};
constexpr std::array<std::string_view, 7> rule_fields = {
    "id", "hosts", "addresses", "ports", "schemes", "reason", "owner"};

bool is_rule_id(std::string_view text) {
  return !text.empty() && text.size() <= max_id_bytes && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
  });
}

std::optional<HostPattern> parse_host(std::string_view text) {
  using Kind = HostPattern::Kind;
  if (text == "*") return HostPattern{Kind::any, {}, {}};
  bool const is_bracketed = text.starts_with('[') && text.ends_with(']');
  auto const address =
      is_bracketed ? parse_ipv6(text.substr(1, text.size() - 2)) : parse_ipv4(text);
  if (address)
    return HostPattern{Kind::address,
                       is_bracketed ? '[' + to_string(*address) + ']' : to_string(*address),
                       address};
  bool const is_suffix = text.starts_with("*.");
  auto name = canonical_name(text.substr(is_suffix ? 2 : 0));
  if (!name || ends_in_number(*name)) return std::nullopt;
  return HostPattern{is_suffix ? Kind::suffix : Kind::exact, std::move(*name), {}};
}

std::optional<PortRange> parse_ports(std::string_view text) {
  auto const number = [](std::string_view digits) {
    std::uint16_t value = 0;
    auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc() && end == digits.data() + digits.size() ? value : std::uint16_t{0};
  };
  auto const dash = text.find('-');
  PortRange range;
  range.first = number(text.substr(0, dash));
  range.last = dash == std::string_view::npos ? range.first : number(text.substr(dash + 1));
  if (range.first == 0 || range.last < range.first) return std::nullopt;
  return range;
}

/// Goes through one document and notes every mistake; what it returns is of use only if there was
/// none.
class Reader {
 public:
  explicit Reader(LocatedJson const& document) : document_(document) {}

  std::vector<EgressRule> read();
  [[nodiscard]] engine::Problems const& problems() const { return problems_; }

 private:
  void note(std::string_view pointer, std::string what) {
    problems_.note(document_.place(pointer), std::move(what));
  }
  void check_fields(Json const& object,
                    std::string const& pointer,
                    std::span<std::string_view const> known);
  EgressRule read_rule(Json const& value, std::string const& pointer);
  /// Calls `each` with the items of a list of strings (and numbers, if `with_numbers`) and with the
  /// pointer to each; notes `wanted` where it returns false.
  template <class Each>
  void read_list(Json const& rule,
                 std::string const& pointer,
                 std::string_view field,
                 std::string_view wanted,
                 Each each);
  void read_networks(Json const& rule, std::string const& pointer, EgressRule& out);

  LocatedJson const& document_;
  engine::Problems problems_;
  std::set<std::string, std::less<>> ids_;
};

void Reader::check_fields(Json const& object,
                          std::string const& pointer,
                          std::span<std::string_view const> known) {
  for (auto const& member : *object.as_object()) {
    if (std::ranges::find(known, member.name) == known.end())
      note(pointer + "/" + member.name + "#key",
           "unknown field " + engine::quoted(member.name) + engine::suggestion(member.name, known));
  }
  for (std::string_view const field : {"name", "reason", "owner"}) {
    auto const* const text = object.find(field);
    if (text != nullptr && text->as_string() == nullptr)
      note(pointer + "/" + std::string(field), engine::quoted(field) + " must be a string");
  }
}

template <class Each>
void Reader::read_list(Json const& rule,
                       std::string const& pointer,
                       std::string_view field,
                       std::string_view wanted,
                       Each each) {
  auto const* const value = rule.find(field);
  if (value == nullptr) return;
  auto const at = pointer + "/" + std::string(field);
  if (value->as_array() == nullptr || value->as_array()->empty()) {
    note(at, engine::quoted(field) + " must be a list of at least one entry");
    return;
  }
  std::size_t index = 0;
  for (auto const& item : *value->as_array()) {
    auto const item_at = at + "/" + std::to_string(index++);
    auto const text = item.as_string() != nullptr ? *item.as_string() : to_string(item);
    bool const is_readable = item.as_string() != nullptr || item.as_integer() != nullptr;
    if (!is_readable || !each(text, item_at))
      note(item_at, engine::quoted(text) + " is not " + std::string(wanted));
  }
}

void Reader::read_networks(Json const& rule, std::string const& pointer, EgressRule& out) {
  auto const each = [&](std::string const& text, std::string const& at) {
    auto const network = parse_network(text);
    if (!network) return false;
    if (network->prefix < (network->first.is_v6() ? min_prefix_v6 : min_prefix_v4))
      note(at, engine::quoted(text) + " is too wide: name the networks that are meant");
    out.addresses.push_back(*network);
    return true;
  };
  read_list(rule,
            pointer,
            "addresses",
            "an address or a network such as \"10.1.0.0/16\" without bits beyond its prefix",
            each);
}

EgressRule Reader::read_rule(Json const& value, std::string const& pointer) {
  EgressRule rule;
  if (value.as_object() == nullptr) {
    note(pointer, "a rule must be an object");
    return rule;
  }
  check_fields(value, pointer, rule_fields);
  rule.id = value.text("id");
  if (!is_rule_id(rule.id))
    note(pointer, "a rule needs an \"id\" of 1 to 64 characters of a-z 0-9 _ . -");
  else if (!ids_.insert(rule.id).second)
    note(pointer + "/id", "there is another rule " + engine::quoted(rule.id));
  read_list(value,
            pointer,
            "hosts",
            "a name, \"*.\" and a name, \"*\", or an address",
            [&](std::string const& text, std::string const&) {
              auto host = parse_host(text);
              if (host) rule.hosts.push_back(std::move(*host));
              return host.has_value();
            });
  read_networks(value, pointer, rule);
  read_list(value,
            pointer,
            "ports",
            "a port from 1 to 65535, or a range such as \"8000-8080\"",
            [&](std::string const& text, std::string const&) {
              auto const range = parse_ports(text);
              if (range) rule.ports.push_back(*range);
              return range.has_value();
            });
  if (value.find("schemes") != nullptr) rule.https = false;
  read_list(value,
            pointer,
            "schemes",
            "\"http\" or \"https\"",
            [&](std::string const& text, std::string const&) {
              rule.http = rule.http || text == "http";
              rule.https = rule.https || text == "https";
              return text == "http" || text == "https";
            });
  if (rule.hosts.empty() && rule.addresses.empty() && value.find("hosts") == nullptr &&
      value.find("addresses") == nullptr)
    note(pointer, "a rule needs \"hosts\" or \"addresses\"");
  return rule;
}

std::vector<EgressRule> Reader::read() {
  std::vector<EgressRule> rules;
  auto const& root = document_.value;
  if (root.as_object() == nullptr) {
    note("", "an egress document must be an object");
    return rules;
  }
  auto const* const version = root.find("dalsegno_egress");
  if (version == nullptr || version->as_integer() == nullptr || *version->as_integer() != 1) {
    note(version == nullptr ? "" : "/dalsegno_egress",
         "an egress document needs \"dalsegno_egress\": 1, the version of its format");
    return rules;
  }
  check_fields(root, "", document_fields);
  auto const* const list = root.find("rules");
  if (list == nullptr || list->as_array() == nullptr) {
    note(list == nullptr ? "" : "/rules", "\"rules\" must be a list of rules");
    return rules;
  }
  std::size_t index = 0;
  for (auto const& rule : *list->as_array())
    rules.push_back(read_rule(rule, "/rules/" + std::to_string(index++)));
  return rules;
}

}  // namespace

Result<std::vector<EgressRule>> parse_egress_document(std::string_view json,
                                                      std::string_view file) {
  if (json.size() > max_document_bytes)
    return Error(Errc::invalid, std::string(file) + ": an egress document of more than 4 MiB");
  auto const document = parse_located_json(json);
  if (!document) {
    engine::Problems problems;
    auto [place, what] = engine::placed(document.error());
    problems.note(place, std::move(what));
    return problems.error(file);
  }
  Reader reader(*document);
  auto rules = reader.read();
  if (!reader.problems().empty()) return reader.problems().error(file);
  return rules;
}

}  // namespace dalsegno::http
