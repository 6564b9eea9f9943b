#include "activities/tool/schema/schema.h"

#include "activities/tool/schema/check.h"
#include "activities/tool/schema/document.h"
#include "dalsegno/try.h"

#include <stdexcept>
#include <utility>

namespace dalsegno::schema {

std::string to_string(Problem const& problem) {
  return "at " + (problem.path.empty() ? std::string("/") : problem.path) + ": " + problem.what;
}

std::string to_string(Verdict const& verdict) {
  std::string text;
  for (auto const& problem : verdict.problems) {
    if (!text.empty()) text += '\n';
    text += to_string(problem);
  }
  return text;
}

Result<Schema> Schema::read(Json schema) { return read(std::move(schema), Draft::draft2020_12); }

Result<Schema> Schema::read(Json schema, Draft draft) {
  try {
    TRY(auto document, Document::read(std::move(schema), draft));
    return Schema(std::move(document));
  } catch (std::invalid_argument const& error) {  // a text that is no UTF-8, in a message
    return Error{Errc::invalid, error.what()};
  }
}

Verdict Schema::check(Json const& value, CheckLimits const& limits) const {
  return Check(*document_, limits).run(value);
}

std::vector<std::string> const& Schema::unchecked() const { return document_->unchecked(); }

}  // namespace dalsegno::schema
