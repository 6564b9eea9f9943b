#pragma once

#include "activities/model/script.h"
#include "dalsegno/activity.h"
#include "dalsegno/registry.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::activities {

/// The model's and the tools' sides of recorded conversations: gives what was recorded to a session
/// that asks for what was recorded.
///
/// It keeps no state between calls; a request says which place of the conversation it is about. So
/// a session that another process began is served like any other. Thread: any.
class RecordedFarSide {
 public:
  /// Sessions are found by name, in any tenant. Where two scripts have the same, the first serves.
  explicit RecordedFarSide(std::vector<Script>&& scripts);

  /// nullptr when there is none.
  [[nodiscard]] Script const* find(std::string_view session) const;

  /// Answers an agent::ModelRequest: its place is `prompt.messages`, and what it appends must be
  /// what stands before that place in the recording. Throws ActivityError, never to be retried:
  /// "transcript_mismatch" when the session asks for something else or goes on after the end (the
  /// message is a diff for people, with file and line), "not_recorded" when there is no such
  /// session, "input_mismatch" when this is no such request.
  [[nodiscard]] ActivityReply model(ActivityContext const& context, std::string_view input) const;

  /// Answers an agent::ToolRequest: the call of that number in that message must have been recorded
  /// with this name, id and these arguments. The result that ends the recording, or a call without
  /// one, ends the session. Throws as `model`.
  [[nodiscard]] ActivityReply tool(ActivityContext const& context, std::string_view input) const;

  /// Serves all models and tools of `registry`. This object must outlive it.
  void serve(Registry& registry) const;

 private:
  [[nodiscard]] Script const& script_of(ActivityContext const& context) const;

  std::map<std::string, Script, std::less<>> scripts_;
};

/// The type of the error above.
inline constexpr std::string_view transcript_mismatch = "transcript_mismatch";

}  // namespace dalsegno::activities
