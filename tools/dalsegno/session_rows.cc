#include "tools/dalsegno/session_rows.h"

#include "dalsegno/try.h"
#include "engine/replay/fold_session.h"
#include "storage/log/journal.h"

#include <utility>

namespace dalsegno::command {

Result<std::map<std::string, Json, std::less<>>> attributes_of(storage::EventLog const& log,
                                                               SessionId const& session) {
  TRY(auto const state, engine::fold_session(log, session));
  std::map<std::string, Json, std::less<>> attributes;
  for (auto const& [name, payload] : state.attributes) {
    TRY(auto const text, engine::text_of(log, session, payload));
    TRY(auto value, parse_json(text));
    attributes.emplace(name, std::move(value));
  }
  return attributes;
}

Result<std::vector<SessionRow>> find_rows(storage::EventLog const& log,
                                          std::string const& tenant,
                                          SessionFilter const& filter,
                                          bool with_attributes) {
  std::vector<SessionRow> rows;
  TRY_VOID(log.scan_heads([&](SessionId const& id, storage::Head const& head) {
    if (id == storage::journal_session() || (!tenant.empty() && id.tenant != tenant)) return true;
    SessionRow row{id, head, {}};
    if (filter.asks_for_attributes() || filter.matches(row)) rows.push_back(std::move(row));
    return true;
  }));
  if (with_attributes || filter.asks_for_attributes()) {
    for (auto& row : rows) {
      TRY(row.attributes, attributes_of(log, row.id));
    }
    std::erase_if(rows, [&](SessionRow const& row) { return !filter.matches(row); });
  }
  filter.arrange(rows);
  return rows;
}

}  // namespace dalsegno::command
