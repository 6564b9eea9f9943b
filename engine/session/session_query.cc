// Queries: a look at the workflow's variables. No event, no command, nothing moves.

#include "dalsegno/errors.h"
#include "engine/policy/nearest.h"
#include "engine/session/session.h"
#include "storage/event/codec.h"

#include <exception>
#include <string_view>
#include <utility>

namespace dalsegno::engine {

void Session::refuse_in_query() const {
  if (querying_) throw WorkflowError("a query handler only looks: it may issue no command");
}

detail::QueryId Session::add_query(std::string name, detail::Query query) {
  refuse_in_query();
  if (stopped_) throw Stop{};
  auto const id = static_cast<detail::QueryId>(last_handler_ + 1);
  auto const [place, added] = queries_.try_emplace(std::move(name), Handler{id, std::move(query)});
  if (!added)
    throw WorkflowError("there is a handler of the query \"" + place->first + "\" already");
  ++last_handler_;
  return id;
}

void Session::remove_query(detail::QueryId id) noexcept {
  std::erase_if(queries_, [id](auto const& entry) { return entry.second.id == id; });
}

Result<std::string> Session::query(std::string const& name, std::string const& arguments) {
  auto const session = "session " + to_string(state_.session);
  if (state_.status == storage::SessionStatus::held)
    return Error{Errc::held, session + " is held: it answers nothing until it is released"};
  if (state_.status != storage::SessionStatus::open)
    return Error{Errc::ended, session + " has ended and answers nothing"};
  auto const found = queries_.find(name);
  if (found == queries_.end()) {
    std::vector<std::string_view> known;
    known.reserve(queries_.size());
    for (auto const& [other, handler] : queries_) known.emplace_back(other);
    auto const meant = nearest(name, known);
    return Error{Errc::not_found,
                 session + " answers no query \"" + name + "\" now" +
                     (meant ? "; did you mean \"" + std::string(*meant) + "\"?" : std::string())};
  }
  auto const refused = [&](std::string const& what) {
    return Error{Errc::invalid, session + ", query \"" + name + "\": " + what};
  };
  try {
    Raised const querying(querying_);
    auto answer = found->second.query(arguments);
    if (answer.size() > storage::max_artifact_bytes)
      return Error{Errc::too_large,
                   session + ", query \"" + name + "\": the answer has " +
                       std::to_string(answer.size()) + " bytes; at most " +
                       std::to_string(storage::max_artifact_bytes) + " are allowed"};
    return answer;
  } catch (Failure const& failure) {
    return refused(failure.type() + ": " + failure.what());
  } catch (std::exception const& error) {
    return refused(error.what());
  }
}

}  // namespace dalsegno::engine
