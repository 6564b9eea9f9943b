#include "tools/dalsegno/forensics/finding.h"

#include <utility>

namespace dalsegno::forensics {

std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::failure:
      return "failure";
    case Severity::warning:
      return "warning";
    case Severity::undecidable:
      return "undecidable";
  }
  return "unknown";
}

void Findings::add(Finding finding) {
  constexpr std::size_t most_kept = 10'000;
  switch (finding.severity) {
    case Severity::failure:
      ++failures_;
      break;
    case Severity::warning:
      ++warnings_;
      break;
    case Severity::undecidable:
      ++undecidable_;
      break;
  }
  if (list_.size() < most_kept) list_.push_back(std::move(finding));
}

}  // namespace dalsegno::forensics
