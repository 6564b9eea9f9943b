#pragma once

#include "activities/model/client/conversation_log.h"
#include "dalsegno/activity.h"
#include "dalsegno/model.h"
#include "storage/log/event_log.h"
#include "storage/vault/redactor.h"

#include <string_view>

namespace dalsegno::activities {

/// The conversation that a call's input stands for. Throws ActivityError where the log does not
/// hold it.
[[nodiscard]] Conversation conversation_of(ConversationLog& log,
                                           ActivityContext const& context,
                                           std::string_view input);

/// As `model::add_model`, for who has the log itself. `redactor` is that of deltas; null: they get
/// one whose tokens have other digits than the log's. Both outlive the registry's use.
[[nodiscard]] Result<> add_model(Registry& registry,
                                 storage::EventLog const& log,
                                 model::Options const& options,
                                 vault::Redactor const* redactor = nullptr);

}  // namespace dalsegno::activities
