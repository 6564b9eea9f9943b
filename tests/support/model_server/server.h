#pragma once

#include "dalsegno/json.h"
#include "tests/support/model_server/prefix_cache.h"
#include "tests/support/model_server/web.h"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace dalsegno::test {

/// Serves POST /v1/chat/completions, /v1/messages and /v1/embeddings, and to who steers it:
///
///   POST /script    a list of answers, for the next calls in their order; without, witless ones
///   GET  /requests  what was asked so far: [{"path", "headers", "body"}]
///   GET  /wait/N    waits until so many calls have come
///   GET  /open/G    opens the gate G, at which answers with {"gate": "G"} wait
///
/// An answer is one of chat_writer.h (embeddings: embeddings_writer.h), or has a "fault": see
/// `Server::misbehave`.
class Server {
 public:
  explicit Server(std::size_t cache_bytes) : cache_(cache_bytes) {}

  /// Each on a thread of its own. Does not end.
  void serve(Socket const& listener);

 private:
  void converse(Socket socket);
  /// False: the connection is to be closed.
  bool answer(Socket const& socket, WebMessage const& request);
  bool answer_call(Socket const& socket, WebMessage const& request, bool is_chat);
  bool answer_embeddings(Socket const& socket, WebMessage const& request);
  bool misbehave(Socket const& socket,
                 Json const& order,
                 std::vector<std::string> const& events,
                 bool streams);
  /// What is ordered for the next call; null: nothing.
  Json next_order(WebMessage const& request);

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  PrefixCache cache_;
  std::deque<Json> orders_;
  Json::Array requests_;
  std::set<std::string> open_gates_;
};

}  // namespace dalsegno::test
