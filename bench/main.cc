#include "bench/figure.h"
#include "dalsegno/json.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

namespace dalsegno::bench {

std::optional<double> ratio(Figure const& figure) {
  if (!figure.limit || *figure.limit == 0) return std::nullopt;
  return figure.value / *figure.limit;
}

double quantile(std::vector<double>& samples, double q) {
  std::ranges::sort(samples);
  auto const rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(samples.size())));
  return samples.at(std::clamp<std::size_t>(rank, 1, samples.size()) - 1);
}

namespace {

void print(Figure const& figure, bool as_json) {
  auto const by = ratio(figure);
  if (as_json) {
    Json line;
    line.set("name", figure.name).set("value", figure.value).set("unit", figure.unit);
    line.set("limit", figure.limit ? Json(*figure.limit) : Json())
        .set("ratio", by ? Json(*by) : Json());
    std::cout << to_string(line) << std::endl;
    return;
  }
  std::printf("%-34s %14.1f %-12s", figure.name.c_str(), figure.value, figure.unit.c_str());
  if (figure.limit) std::printf(" limit %14.1f  ratio %.2f", *figure.limit, *by);
  std::printf("\n");
  std::fflush(stdout);
}

int run(int argc, char** argv) {
  CLI::App app("Measures Dalsegno against what this machine itself can do.");
  bool as_json = false;
  std::string filter;
  std::string folder = std::filesystem::current_path().string();
  app.add_flag("--json", as_json, "one JSON object a line: {name, value, unit, limit, ratio}");
  app.add_option("--filter", filter, "only the benchmarks whose name contains this");
  app.add_option("--folder", folder, "where to make the stores: the file system that is measured");
  std::string die_in_store;
  std::uint64_t checkpoint_every = 0;
  app.add_option("--die-in", die_in_store)
      ->group("");  // for recovery_10k, which runs this program once more
  app.add_option("--checkpoint-every", checkpoint_every)->group("");
  CLI11_PARSE(app, argc, argv);
  if (!die_in_store.empty()) {
    die_in(die_in_store, checkpoint_every);
    return 1;
  }

  for (auto const& benchmark : {step_latency(),
                                step_throughput(),
                                workflow_3(),
                                replay(),
                                recovery_10k(),
                                bytes_per_step(),
                                sleepers_100k(),
                                sleepers_1m(),
                                timers_due_100k(),
                                noisy_tenant(),
                                signal_round_trip(),
                                redaction_speed(),
                                redaction_prompt(),
                                egress_decision(),
                                affinity(),
                                policy_decision(),
                                policy_replay(),
                                policed_sessions(),
                                streams()}) {
    if (!benchmark.name.contains(filter)) continue;
    auto pattern = folder + "/dalsegno-bench-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) {
      std::cerr << "bench: cannot make a folder in " << folder << '\n';
      return 2;
    }
    std::filesystem::path const scratch = pattern;
    for (auto const& figure : benchmark.run(scratch)) print(figure, as_json);
    std::filesystem::remove_all(scratch);
  }
  return 0;
}

}  // namespace
}  // namespace dalsegno::bench

int main(int argc, char** argv) {
  try {
    return dalsegno::bench::run(argc, argv);
  } catch (std::exception const& error) {
    std::cerr << "bench: " << error.what() << '\n';
    return 1;
  }
}
