#pragma once

// What a model sees of a tool's answer: one normal form, shorter than most tools write, and the
// same bytes for equal answers, so that prompts stay cacheable (docs/tool-answers.md).
//
//   registry.add_tool("search", ds::tool::with_normal_answers(search));

#include "dalsegno/registry.h"

#include <cstddef>
#include <string>
#include <vector>

namespace dalsegno::tool {

struct AnswerOptions {
  /// Names of members that say nothing about the answer (a request's id, how long it took): they
  /// are left out of every object.
  std::vector<std::string> volatile_members = {};
  /// The model sees only the beginning of an answer whose normal form is longer, and how long it
  /// is. 0: it sees all of it.
  std::size_t preview_beyond_bytes = 0;
};

/// `handler`, whose replies are agent::ToolReply, with their content in the normal form.
///
/// The reply has two members more: "raw", the content as it was, where that differs; and
/// "normal_form" {"rules", "raw_bytes", "bytes"}. They are in the log with it, not in the
/// conversation. A reply of another shape is left as it is.
[[nodiscard]] ActivityHandler with_normal_answers(ActivityHandler handler,
                                                  AnswerOptions options = {});

}  // namespace dalsegno::tool
