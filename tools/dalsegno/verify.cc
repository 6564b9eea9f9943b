#include "tools/dalsegno/forensics/verify.h"

#include "dalsegno/try.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/store.h"
#include "tools/dalsegno/verbs.h"

#include <CLI/App.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::command {

namespace {

struct Options {
  std::vector<std::string> sessions;
  bool strict = false;
};

using forensics::Finding;
using forensics::Severity;
using forensics::VerifyReport;

Json finding_json(Globals const& globals, Finding const& finding) {
  Json line;
  line.set("severity", forensics::name_of(finding.severity)).set("check", finding.check);
  line.set("folder", globals.data.string());
  if (!finding.session.name.empty()) {
    line.set("tenant", finding.session.tenant).set("session", finding.session.name);
    line.set("run", to_string(finding.run));
  }
  if (finding.sequence != 0) line.set("sequence", finding.sequence);
  if (finding.commit != 0) line.set("commit", finding.commit);
  line.set("detail", finding.detail);
  return line;
}

void print_finding(Globals const& globals, Finding const& finding) {
  auto place = globals.data.string();
  if (!finding.session.name.empty()) place += ": " + to_string(finding.session);
  if (finding.sequence != 0) place += " @" + std::to_string(finding.sequence);
  if (finding.commit != 0) place += ": commit " + std::to_string(finding.commit);
  auto const style = finding.severity == Severity::failure ? Style::bad : Style::warning;
  print(styled(globals, style, forensics::name_of(finding.severity)) + " " + printable(place) +
        ": " + finding.check + ": " + printable(finding.detail));
}

Json report_json(VerifyReport const& report) {
  Json line;
  line.set("passed", report.passed()).set("sessions", report.sessions).set("runs", report.runs);
  line.set("steps", report.steps).set("events", report.events).set("commits", report.commits);
  line.set("failures", report.findings.failures()).set("warnings", report.findings.warnings());
  line.set("undecidable", report.findings.undecidable()).set("sealed", false);
  return line;
}

std::string summary(VerifyReport const& report) {
  return std::to_string(report.sessions) + " sessions, " + std::to_string(report.steps) +
         " steps, " + std::to_string(report.events) + " events, " + std::to_string(report.commits) +
         " commits: " + std::to_string(report.findings.failures()) + " failures, " +
         std::to_string(report.findings.warnings()) + " warnings, " +
         std::to_string(report.findings.undecidable()) + " undecidable";
}

Result<forensics::VerifyOptions> chosen(Globals const& globals,
                                        OpenStore const& store,
                                        Options const& options) {
  forensics::VerifyOptions chosen;
  if (options.sessions.empty()) return chosen;
  TRY(auto const sessions, find_sessions(store, globals, options.sessions));
  for (auto const& session : sessions) chosen.sessions.push_back(session.id);
  return chosen;
}

Result<int> verify(Globals const& globals, Options const& options) {
  TRY(auto const store, open_store(globals));
  TRY(auto const which, chosen(globals, store, options));
  TRY(auto report, forensics::verify_store(*store.log, which));
  if (!store.loss.empty())
    report.findings.add({Severity::failure, "watermark", {"", ""}, {}, 0, 0, store.loss});
  for (auto const& finding : report.findings.list()) {
    if (globals.json) {
      print_json("dalsegno.finding", finding_json(globals, finding));
    } else {
      print_finding(globals, finding);
    }
  }
  if (auto const left = report.findings.count() - report.findings.list().size(); left > 0)
    say(std::to_string(left) + " more findings are not shown");
  if (globals.json) {
    print_json("dalsegno.verification", report_json(report));
  } else {
    print(summary(report));
  }
  if (!report.passed()) {
    say_not_verified(std::to_string(report.findings.failures()) + " failures");
    return exit_integrity;
  }
  static_cast<void>(say_verified(store, report.steps));  // a loss is among the failures
  return options.strict && report.findings.count() > 0 ? exit_warnings : exit_fine;
}

}  // namespace

void add_verify(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb =
      app.add_subcommand("verify", "check that nothing was changed, lost or done without a permit");
  verb->add_option("SESSION", options->sessions, "only these [all, the journal and the commits]");
  verb->add_flag("--strict", options->strict, "end with 4 when there are warnings");
  verb->callback([options, &globals] { globals.exit_code = ended(verify(globals, *options)); });
}

}  // namespace dalsegno::command
