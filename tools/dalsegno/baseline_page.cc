#include "tools/dalsegno/baseline_page.h"

#include "tools/dalsegno/forensics/percentile.h"
#include "tools/dalsegno/printable.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>
#include <vector>

namespace dalsegno::command {

namespace {

using forensics::Baseline;
using forensics::WorkflowBaseline;
using Durations = std::vector<std::chrono::microseconds>;

constexpr std::array<std::pair<double, char const*>, 3> shown_percentiles{
    {{0.5, "p50"}, {0.95, "p95"}, {0.99, "p99"}}};
// Of a workflow's tools and activities, the slowest have bars; the table has all.
constexpr std::size_t most_bars = 12;

constexpr std::string_view page_head = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Dalsegno baseline</title><style>
:root{color-scheme:light dark;--ink:#1d2330;--faint:#5d6678;--paper:#fff;--line:#d9dde5;
--a:#2f6fb3;--b:#7aa9d8;--c:#c3d9ef;--bad:#b3392f}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--faint:#9aa3b5;--paper:#14171d;
--line:#343a46;--a:#7db3ea;--b:#4779ab;--c:#2b4a6b;--bad:#ee8077}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);
max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.2rem;border-top:1px solid var(--line);padding-top:1rem}
h3{font-size:1rem;margin-bottom:.3rem}p,figcaption{color:var(--faint)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{padding:.25rem .6rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}th{color:var(--faint);font-weight:600}
.bad{color:var(--bad);font-weight:600}figure{margin:1rem 0}svg{width:100%;height:auto}
text{font:12px system-ui,sans-serif;fill:var(--ink)}.a{fill:var(--a)}.b{fill:var(--b)}.c{fill:var(--c)}
.t{fill:var(--faint)}</style></head><body>
)";

std::string format(char const* how, double value) {
  char text[64];
  std::snprintf(text, sizeof text, how, value);
  return text;
}

std::string percent(double share) { return format("%.1f%%", 100 * share); }

std::string duration(std::chrono::microseconds value) {
  auto const seconds = static_cast<double>(value.count()) / 1e6;
  if (seconds < 1) return format("%.1f ms", 1e3 * seconds);
  if (seconds < 600) return format("%.2f s", seconds);
  return format("%.1f min", seconds / 60);
}

std::string duration(Durations const& sorted, double share) {
  return sorted.empty() ? "–" : duration(forensics::percentile(sorted, share));
}

std::string cell(std::string const& text) { return "<td>" + text + "</td>"; }
std::string cell(std::uint64_t count) { return cell(std::to_string(count)); }

std::string table(std::vector<std::string> const& titles, std::string const& rows) {
  std::string out = "<div class=\"scroll\"><table><thead><tr>";
  for (auto const& title : titles) out += "<th>" + title + "</th>";
  return out + "</tr></thead><tbody>" + rows + "</tbody></table></div>\n";
}

// ---- charts ----

/// Something with durations, one group of bars.
struct Bars {
  std::string name;
  Durations const* sorted = nullptr;
};

std::string bar(double width, int y, char const* style, std::string const& title) {
  return "<rect x=\"180\" y=\"" + std::to_string(y) + "\" width=\"" + format("%.1f", width) +
         "\" height=\"12\" class=\"" + style + "\"><title>" + title + "</title></rect>";
}

std::string bar_label(double width, int y, std::string const& text) {
  return "<text x=\"" + format("%.1f", 186 + width) + "\" y=\"" + std::to_string(y + 10) +
         "\" class=\"t\">" + text + "</text>";
}

/// Percentiles side by side, all to one scale.
std::string duration_chart(std::string const& caption, std::vector<Bars> const& groups) {
  double longest = 0;
  for (auto const& group : groups)
    longest =
        std::max(longest, static_cast<double>(forensics::percentile(*group.sorted, 0.99).count()));
  if (longest <= 0) return {};
  constexpr double widest = 420;
  constexpr std::array<char const*, 3> styles{"a", "b", "c"};
  std::string bars;
  int y = 6;
  for (auto const& group : groups) {
    bars += "<text x=\"172\" y=\"" + std::to_string(y + 26) + "\" text-anchor=\"end\">" +
            html(shortened(group.name, 24)) + "</text>";
    for (std::size_t i = 0; i < shown_percentiles.size(); ++i, y += 14) {
      auto const& [share, name] = shown_percentiles[i];
      auto const value = forensics::percentile(*group.sorted, share);
      auto const width = widest * static_cast<double>(value.count()) / longest;
      bars += bar(width, y, styles[i], html(group.name) + " " + name);
      bars += bar_label(width, y, std::string(name) + " " + duration(value));
    }
    y += 10;
  }
  return "<figure><svg viewBox=\"0 0 720 " + std::to_string(y) + "\" role=\"img\" aria-label=\"" +
         caption + "\">" + bars + "</svg><figcaption>" + caption + "</figcaption></figure>\n";
}

struct Part {
  std::string name;
  double value = 0;
  std::string text;
};

/// What a whole is made of, as one bar.
std::string part_chart(std::string const& caption, std::vector<Part> const& parts) {
  double whole = 0;
  for (auto const& part : parts) whole += part.value;
  if (whole <= 0) return {};
  constexpr std::array<char const*, 3> styles{"a", "b", "c"};
  std::string bars;
  std::string legend;
  double x = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    auto const width = 720 * parts[i].value / whole;
    bars += "<rect x=\"" + format("%.1f", x) + "\" y=\"0\" width=\"" + format("%.1f", width) +
            "\" height=\"24\" class=\"" + styles[i % styles.size()] + "\"/>";
    x += width;
    auto const at = std::to_string(240 * i);
    legend += "<rect x=\"" + at + "\" y=\"36\" width=\"12\" height=\"12\" class=\"" +
              styles[i % styles.size()] + "\"/><text x=\"" + std::to_string(240 * i + 18) +
              "\" y=\"46\">" + parts[i].name + " " + parts[i].text + "</text>";
  }
  return "<figure><svg viewBox=\"0 0 720 54\" role=\"img\" aria-label=\"" + caption + "\">" + bars +
         legend + "</svg><figcaption>" + caption + "</figcaption></figure>\n";
}

// ---- parts of the page ----

std::string models_part(WorkflowBaseline const& workflow) {
  auto const& group = workflow.models;
  auto const figures = forensics::together(workflow, "model");
  if (figures.requested == 0) return {};
  auto const errors = forensics::share_of(figures.errors + figures.failed, figures.requested);
  auto rows = "<tr>" + cell(figures.requested) + cell(group.calls) + cell(percent(errors)) +
              cell(figures.attempts) + cell(figures.retries) + cell(figures.failed_attempts) +
              cell(figures.orphaned) + cell(figures.denied) + "</tr>";
  auto out =
      "<h3>Model calls</h3>" +
      table({"Calls", "Answered", "Errors", "Attempts", "Retries", "Failed", "Orphaned", "Denied"},
            rows);
  std::vector<Bars> bars;
  if (!group.latency.empty()) bars.push_back({"whole answer", &group.latency});
  if (!group.first_token.empty()) bars.push_back({"first token", &group.first_token});
  out += duration_chart("Time of the attempts that brought an answer", bars);
  auto const uncached = group.usage.input - std::min(group.usage.input, group.usage.cached);
  out += part_chart(
      "Tokens of " + std::to_string(group.calls - group.without_usage) + " answers; " +
          std::to_string(group.without_usage) + " say nothing",
      {{"input", static_cast<double>(uncached), std::to_string(uncached)},
       {"cached input",
        static_cast<double>(group.usage.cached),
        std::to_string(group.usage.cached)},
       {"output", static_cast<double>(group.usage.output), std::to_string(group.usage.output)}});
  auto const unpriced = group.without_cost + group.summaries_without_cost;
  out += part_chart("Cost in USD; of " + std::to_string(unpriced) + " answers it is not known",
                    {{"answers", group.cost.usd(), group.cost.text()},
                     {"failed attempts", group.failed_cost.usd(), group.failed_cost.text()},
                     {"summaries", group.summary_cost.usd(), group.summary_cost.text()}});
  if (workflow.failures.empty()) return out;
  rows.clear();
  for (auto const& [type, count] : workflow.failures)
    rows += "<tr>" + cell(html(type)) + cell(count) + "</tr>";
  return out + table({"Failure", "Attempts"}, rows);
}

std::string tools_part(WorkflowBaseline const& workflow) {
  std::string rows;
  std::vector<Bars> bars;
  for (auto const& [name, figures] : workflow.calls) {
    if (name.starts_with("model ")) continue;
    auto const errors = forensics::share_of(figures.errors + figures.failed, figures.requested);
    rows += "<tr>" + cell(html(name)) + cell(figures.requested) + cell(percent(errors)) +
            cell(figures.retries) + cell(figures.denied);
    for (auto const& [share, title] : shown_percentiles)
      rows += cell(duration(figures.latencies, share));
    rows += "</tr>";
    if (!figures.latencies.empty()) bars.push_back({name, &figures.latencies});
  }
  if (rows.empty()) return {};
  std::ranges::sort(bars, [](Bars const& a, Bars const& b) {
    auto const slow = [](Bars const& one) { return forensics::percentile(*one.sorted, 0.95); };
    return slow(a) != slow(b) ? slow(a) > slow(b) : a.name < b.name;
  });
  if (bars.size() > most_bars) bars.resize(most_bars);
  return "<h3>Tools and activities</h3>" +
         table({"Call", "Calls", "Errors", "Retries", "Denied", "p50", "p95", "p99"}, rows) +
         duration_chart("Time of the attempts that brought a result, the slowest first", bars);
}

std::string sessions_part(WorkflowBaseline const& workflow) {
  std::string rows;
  for (auto const& [status, count] : workflow.sessions)
    rows += "<tr>" + cell(html(status)) + cell(count) + "</tr>";
  auto out = "<h3>Sessions</h3>" + table({"Status", "Sessions"}, rows);
  if (workflow.durations.empty()) return out;
  return out + duration_chart("From the first event to the last, of sessions that have ended",
                              {{"session", &workflow.durations}});
}

}  // namespace

std::string html(std::string_view text) {
  std::string out;
  for (char const letter : printable(text)) {
    switch (letter) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += letter;
    }
  }
  return out;
}

std::string baseline_page(Baseline const& baseline, std::string_view rests_on) {
  std::string out(page_head);
  out += "<h1>Baseline</h1><p>" + std::to_string(baseline.sessions) + " sessions";
  if (baseline.first && baseline.last)
    out += ", recorded from " + to_string(*baseline.first) + " to " + to_string(*baseline.last);
  out += ".</p>\n<p" + std::string(baseline.broken.empty() ? "" : " class=\"bad\"") + ">" +
         html(rests_on) + "</p>\n";
  for (auto const& [name, workflow] : baseline.workflows)
    out += "<section><h2>" + html(name.empty() ? "–" : name) + "</h2>" + sessions_part(workflow) +
           models_part(workflow) + tools_part(workflow) + "</section>\n";
  return out + "</body></html>\n";
}

}  // namespace dalsegno::command
