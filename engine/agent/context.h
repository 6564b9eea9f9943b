#pragma once

#include "dalsegno/agent.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::agent {

/// What a summarizer is told, as the user's message after the conversation. Its version is that of
/// ContextCheckpoint.
[[nodiscard]] std::string_view summary_instruction();

/// A message's size as prompts are measured.
[[nodiscard]] std::uint64_t bytes_of(Message const& message);

/// Whether the turns so far are to give way to a summary now, between two turns: the prompt is
/// larger than it may be, or enough turns have come since the last one and the summary pays. At
/// least one turn must be new.
[[nodiscard]] bool is_summary_due(ContextState const& context,
                                  std::optional<std::string> const& system);

/// Notes the turn that has just ended; `messages` are all of it, the user's first.
void note_turn(ContextState& context,
               std::uint64_t number,
               Sequence event,
               std::vector<Message> messages);

/// The turns since the last summary, put together without a model; after the old summary.
[[nodiscard]] std::string structural_summary(ContextState const& context);

/// How a conversation goes on after a checkpoint: one system message (the old one, the summary, and
/// what the user said in the turns that are not kept), then the newest turns as they were, as far
/// as a quarter of `max_bytes` holds them.
[[nodiscard]] std::vector<Message> compose_context(ContextState const& context,
                                                   std::optional<std::string> const& system,
                                                   std::string_view summary);

/// A summary is cut to this many bytes.
[[nodiscard]] std::uint64_t summary_bytes(ContextOptions const& options);
[[nodiscard]] std::string cut_summary(std::string text, ContextOptions const& options);

}  // namespace dalsegno::agent
