// Updates: what somebody outside asks the workflow to do, refused or taken in, and answered.

#include "dalsegno/errors.h"
#include "engine/policy/nearest.h"
#include "engine/session/session.h"
#include "storage/event/codec.h"

#include <algorithm>
#include <exception>
#include <string_view>
#include <utility>

namespace dalsegno::engine {

detail::UpdateId Session::add_update(std::string name, detail::Update update) {
  refuse_in_query();
  if (stopped_) throw Stop{};
  auto const id = static_cast<detail::UpdateId>(last_handler_ + 1);
  auto const [place, added] =
      update_handlers_.try_emplace(std::move(name), UpdateHandler{id, std::move(update)});
  if (!added)
    throw WorkflowError("there is a handler of the update \"" + place->first + "\" already");
  ++last_handler_;
  return id;
}

void Session::remove_update(detail::UpdateId id) noexcept {
  std::erase_if(update_handlers_, [id](auto const& entry) { return entry.second.id == id; });
}

/// Whether the update is taken in: nothing has been recorded, and nothing is if not.
Result<> Session::validate_update(SignalInput const& update) {
  auto const session = "session " + to_string(state_.session);
  if (stands_still(state_))
    return Error{Errc::held, session + " is paused: it takes no update until it is resumed"};
  auto const found = update_handlers_.find(update.signal);
  if (found == update_handlers_.end()) {
    std::vector<std::string_view> known;
    known.reserve(update_handlers_.size());
    for (auto const& [other, handler] : update_handlers_) known.emplace_back(other);
    auto const meant = nearest(update.signal, known);
    return Error{Errc::not_found,
                 session + " takes no update \"" + update.signal + "\" now" +
                     (meant ? "; did you mean \"" + std::string(*meant) + "\"?" : std::string())};
  }
  if (state_.updates.size() >= max_open_updates) {
    return Error{Errc::overloaded,
                 session + " has " + std::to_string(max_open_updates) +
                     " updates under way; try again when some have ended"};
  }
  auto const refused = [&](std::string const& what) {
    return Error{Errc::invalid, session + ", update \"" + update.signal + "\": " + what};
  };
  try {
    Raised const looking(querying_);
    found->second.update.validate(update.payload);
  } catch (Failure const& failure) {
    return refused(failure.type() + ": " + failure.what());
  } catch (std::exception const& error) {
    return refused(error.what());
  }
  return {};
}

void Session::begin_update(storage::Event const& event, storage::InputReceived const& body) {
  auto const found = update_handlers_.find(body.signal);
  if (found == update_handlers_.end()) {  // in life it was there
    diverge(event, std::nullopt, {"update"});
    throw Stop{};
  }
  auto run = found->second.update.run(payload_text(body.payload));
  auto update = std::make_unique<OpenUpdate>(*this, event.sequence, std::move(run));
  update->body.handle().promise().on_end = update.get();
  update->task = begin_task(update->body.handle(), detail::Shield::no);
  open_updates_.emplace(event.sequence, std::move(update));
}

/// Tells how those have ended whose handler is done.
void Session::end_updates() {
  for (auto const sequence : std::exchange(ended_updates_, {})) {
    auto const update = std::move(open_updates_.extract(sequence).mapped());
    EndUpdate end;
    end.update = sequence;
    storage::UpdateEnded body;
    body.update = sequence;
    try {
      end.result = update->body.handle().promise().take();
    } catch (Stop const&) {
      stopped_ = true;
      return;
    } catch (Cancelled const& cancelled) {
      body.type = cancelled.type();
      body.message = cancelled.what();
    } catch (Failure const& failure) {
      body.type = failure.type();
      body.message = redacted_message(failure.what());
    } catch (std::exception const& error) {
      return blame_code("update handler: " + std::string(error.what()));
    } catch (...) {
      return blame_code("update handler: something that is no std::exception");
    }
    if (body.type.empty()) body.result = command_payload(end.result);
    end.type = body.type;
    end.message = body.message;
    command(OperationId::none, std::move(body));
    if (live()) effects_.emplace_back(std::move(end));
  }
}

void Session::OpenUpdate::done() {
  session.end_task(task);
  session.ended_updates_.push_back(sequence);
}

}  // namespace dalsegno::engine
