#pragma once

#include "dalsegno/ids.h"
#include "dalsegno/model.h"
#include "storage/event/event.h"
#include "tools/dalsegno/globals.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>

namespace dalsegno::command {

/// What is shown of a conversation while it goes on: answers as they come on stdout; calls of
/// tools with what policy says of them, choices of models and failures on stderr. Thread: any.
class TalkScreen {
 public:
  /// `is_answering`: a turn waits for its answer, by a call that may be under way.
  TalkScreen(Globals const& globals, bool is_answering)
      : globals_(globals), is_answering_(is_answering), is_shown_(is_answering) {}

  /// What a model says that was asked between an answer and the next turn (a summary) is not shown.
  void take(model::Delta const& delta);
  /// Events of the conversation's session, as they are recorded.
  void tell(std::span<storage::Event const> events);
  /// The answer as it was recorded; what was shown of it is not shown again.
  void finish(std::uint64_t turn, std::string const& answer);

 private:
  void tell_of(OperationId operation, storage::PolicyDecided const& decided);
  void tell_of(storage::ModelCompleted const& completed);
  void break_off();
  void note(std::string const& text);

  Globals const& globals_;
  std::mutex mutex_;
  // Guarded by mutex_.
  bool is_answering_;
  bool is_shown_;      // what the model says that was asked last
  std::string shown_;  // of the answer that is coming
  OperationId operation_ = OperationId::none;
  std::uint32_t attempt_ = 0;
  std::map<OperationId, std::string> asked_;  // calls of tools that nothing was decided about yet
};

}  // namespace dalsegno::command
