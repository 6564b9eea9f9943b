#include "tools/dalsegno/store.h"

#include "dalsegno/try.h"
#include "engine/session/state.h"
#include "storage/event/codec.h"
#include "storage/log/journal.h"
#include "storage/rocksdb/rocksdb_log.h"
#include "tools/dalsegno/printable.h"

#include <optional>

namespace dalsegno::command {

namespace {

/// A name and a run are meant by their beginnings; at least this many characters of a run's id.
constexpr std::size_t shortest_run_prefix = 4;

struct Wanted {
  std::optional<std::string> tenant;  ///< absent: any
  std::string text;
};

bool begins_so(Wanted const& wanted, SessionId const& id, storage::Head const& head) {
  if (id.name.starts_with(wanted.text) && (!wanted.tenant || *wanted.tenant == id.tenant))
    return true;
  // A run's id is unique over all tenants.
  return wanted.text.size() >= shortest_run_prefix && to_string(head.run).starts_with(wanted.text);
}

Error ambiguous(std::string_view text, std::vector<FoundSession> const& found) {
  std::string detail =
      std::to_string(found.size()) + " sessions begin with \"" + printable(text) + "\":";
  constexpr std::size_t shown = 5;
  for (std::size_t i = 0; i < found.size() && i < shown; ++i)
    detail += (i == 0 ? " " : ", ") + to_string(found[i].id);
  if (found.size() > shown) detail += " …";
  return {Errc::invalid, detail};
}

Result<std::optional<FoundSession>> exactly(storage::EventLog const& log, SessionId id) {
  if (!valid(id)) return std::optional<FoundSession>();
  TRY(auto head, log.head(id));
  if (!head) return std::optional<FoundSession>();
  return std::optional(FoundSession{std::move(id), std::move(*head)});
}

}  // namespace

Result<OpenStore> open_store(Globals const& globals) {
  OpenStore store;
  auto opened = storage::open_rocksdb_for_reading(globals.data, &store.loss);
  if (!opened) {
    auto const& error = opened.error();
    if (error.code == Errc::not_found)
      return Error{error.code,
                   "there is no store in " + globals.data.string() +
                       " (--data or DALSEGNO_DATA says where)"};
    return Error{error.code, globals.data.string() + ": " + error.detail};
  }
  store.log = std::move(*opened);
  if (!store.loss.empty()) say("acknowledged commits are missing: " + store.loss);
  return store;
}

Result<FoundSession> find_session(storage::EventLog const& log,
                                  std::string_view tenant,
                                  std::string_view text) {
  TRY(auto named, exactly(log, {std::string(tenant), std::string(text)}));
  if (named) return std::move(*named);
  Wanted wanted{std::string(tenant), std::string(text)};
  if (auto const slash = text.find('/'); slash != std::string_view::npos) {
    TRY(auto full,
        exactly(log, {std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))}));
    if (full) return std::move(*full);
  }
  std::vector<FoundSession> found;
  if (!text.empty()) {
    TRY_VOID(log.scan_heads([&](SessionId const& id, storage::Head const& head) {
      if (id != storage::journal_session() && begins_so(wanted, id, head))
        found.push_back({id, head});
      return true;
    }));
  }
  if (found.size() == 1) return std::move(found.front());
  if (found.empty())
    return Error{Errc::not_found,
                 "there is no session \"" + printable(text) + "\" of tenant " + printable(tenant)};
  return ambiguous(text, found);
}

Result<FoundSession> find_session(OpenStore const& store,
                                  Globals const& globals,
                                  std::string_view text) {
  auto found = find_session(*store.log, globals.tenant, text);
  if (!found && found.error().code == Errc::not_found && !store.loss.empty())
    return Error{Errc::data_loss, found.error().detail + "; it may have been in what is missing"};
  return found;
}

namespace {

/// What the run's own steps come to.
Result<storage::Head> head_of_run(storage::EventLog const& log,
                                  SessionId const& session,
                                  RunId const& run) {
  engine::SessionState state;
  state.session = session;
  state.run = run;
  Result<> readable;
  TRY_VOID(log.read_steps(session, run, 1, [&](std::string_view bytes) {
    auto const step = storage::decode(bytes, storage::Reading::show);
    if (!step) {
      readable = step.error();
      return false;
    }
    for (auto const& event : step->step.events)
      engine::apply(state, event, step->step.header.recorded_at);
    engine::apply_step_end(state, step->step.header, step->hash);
    return true;
  }));
  TRY_VOID(readable);
  return engine::head_of(state);
}

}  // namespace

Result<FoundSession> find_run(OpenStore const& store, FoundSession session, std::string_view text) {
  if (text.empty()) return session;
  TRY(auto const runs, store.log->runs(session.id));
  std::vector<RunId> found;
  for (auto const& run : runs)
    if (to_string(run).starts_with(text)) found.push_back(run);
  auto const name = "session " + printable(to_string(session.id));
  if (found.empty())
    return Error{Errc::not_found, name + " has no run \"" + printable(text) + "\""};
  if (found.size() > 1)
    return Error{Errc::invalid,
                 std::to_string(found.size()) + " runs of " + name + " begin with \"" +
                     printable(text) + "\": " + to_string(found[0]) + ", " + to_string(found[1]) +
                     (found.size() > 2 ? " …" : "")};
  if (found.front() == session.head.run) return session;
  TRY(session.head, head_of_run(*store.log, session.id, found.front()));
  return session;
}

Result<std::vector<FoundSession>> find_sessions(OpenStore const& store,
                                                Globals const& globals,
                                                std::vector<std::string> const& texts) {
  std::vector<FoundSession> found;
  for (auto const& text : texts) {
    TRY(auto session, find_session(store, globals, text));
    found.push_back(std::move(session));
  }
  if (!texts.empty()) return found;
  TRY_VOID(store.log->scan_heads([&](SessionId const& id, storage::Head const& head) {
    if (id != storage::journal_session()) found.push_back({id, head});
    return true;
  }));
  return found;
}

int say_verified(OpenStore const& store, std::uint64_t steps) {
  if (!store.loss.empty()) {
    say_not_verified("the end of the log is missing: " + store.loss);
    return exit_integrity;
  }
  say("verified: chain of " + std::to_string(steps) + (steps == 1 ? " step" : " steps") +
      " to commit " + std::to_string(store.log->info().last_commit) + " (not sealed)");
  return exit_fine;
}

int rests_on(OpenStore const& store, forensics::History const& history) {
  if (history.broken) {
    say_not_verified(history.broken->detail);
    return exit_code_for(history.broken->code);
  }
  return say_verified(store, history.steps);
}

void say_not_verified(std::string_view why) { say("NOT VERIFIED: " + std::string(why)); }

}  // namespace dalsegno::command
