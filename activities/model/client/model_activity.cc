#include "activities/model/client/model_activity.h"

#include "activities/model/client/served_model.h"
#include "dalsegno/errors.h"
#include "dalsegno/model.h"
#include "dalsegno/payload.h"
#include "dalsegno/try.h"

#include <memory>
#include <utility>

namespace dalsegno::activities {

Conversation conversation_of(ConversationLog& log,
                             ActivityContext const& context,
                             std::string_view input) {
  auto const request = from_json<agent::ModelRequest>(input);
  if (!request)
    throw ActivityError("input_mismatch", request.error().detail, ActivityError::Retry::forbidden);
  auto found = log.prompt(context.session, context.run, context.operation, *request);
  if (found) return std::move(*found);
  bool const is_lasting = found.error().code == Errc::not_found;
  throw ActivityError(is_lasting ? "prompt_not_recorded" : "log_unreadable",
                      found.error().detail,
                      is_lasting ? ActivityError::Retry::forbidden : ActivityError::Retry::allowed);
}

Result<> add_model(Registry& registry,
                   storage::EventLog const& log,
                   model::Options const& options,
                   vault::Redactor const* redactor) {
  TRY(auto served, ServedModel::make(options, redactor));
  // Shared: a handler is copied with its registry.
  registry.add_model(options.name,
                     [model = std::move(served), log = std::make_shared<ConversationLog>(log)](
                         ActivityContext const& context, std::string_view input) {
                       return model->perform(context,
                                             conversation_of(*log, context, input).messages);
                     },
                     {.honours_route = true});
  return {};
}

}  // namespace dalsegno::activities

namespace dalsegno::model {

Result<> add_model(Registry& registry, Store const& store, Options const& options) {
  return activities::add_model(registry, store.log(), options, nullptr);
}

}  // namespace dalsegno::model
