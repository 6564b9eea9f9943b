#pragma once

#include "activities/model/dialect.h"
#include "storage/vault/redactor.h"
#include "storage/vault/stream_redactor.h"

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <utility>

namespace dalsegno::activities {

/// Lets the parts of one answer through to whoever listens, without the secrets in them: a secret
/// that comes in pieces is held back until it is known as one.
/// Thread: one at a time.
class DeltaRedaction {
 public:
  /// Both outlive this.
  DeltaRedaction(vault::Redactor const& redactor, DeltaSink const& sink)
      : redactor_(redactor), sink_(sink) {}

  void take(AnswerDelta delta);
  /// The answer is complete: what was held back may go.
  void finish();

 private:
  /// A text of its own: the answer's, its reasoning, the arguments of one call.
  using Lane = std::pair<AnswerDelta::Kind, std::size_t>;
  struct Text {
    vault::StreamRedactor redactor;
    std::string tool;
  };

  vault::Redactor const& redactor_;
  DeltaSink const& sink_;
  std::map<Lane, Text> texts_;
};

}  // namespace dalsegno::activities
