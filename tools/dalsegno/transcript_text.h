#pragma once

#include "storage/event/event.h"
#include "tools/dalsegno/output.h"

#include <map>
#include <optional>
#include <string>

namespace dalsegno::command {

/// One line of a transcript.
struct TranscriptLine {
  std::string text;
  Style style = Style::plain;
};

/// "operator.erase default/one by ann, with bob, BREAK-GLASS: reason"
[[nodiscard]] TranscriptLine told(storage::OperatorActed const& acted);

/// Tells a session's events to people, one after the other, in the words of its workflow where it
/// is the built-in agent's, else in those of operations.
class Transcript {
 public:
  /// Nothing when the event says nothing that its neighbours do not.
  [[nodiscard]] std::optional<TranscriptLine> tell(storage::Event const& event);

 private:
  struct Operation {
    storage::OperationKind kind = storage::OperationKind::sleep;
    std::string name;
  };
  [[nodiscard]] std::string called(OperationId id) const;

  std::map<OperationId, Operation> operations_;
  bool waits_are_plain_ = false;  // the workflow always waits for its next signal: not worth a line
};

}  // namespace dalsegno::command
