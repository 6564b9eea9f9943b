#pragma once

#include "activities/tool/mcp/elicitation.h"
#include "activities/tool/mcp/fault.h"
#include "activities/tool/mcp/tool_headers.h"
#include "activities/tool/mcp/transport.h"
#include "dalsegno/json.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::mcp {

/// The revisions that we speak, the preferred ones first.
inline constexpr std::string_view stateless_version = "2026-07-28";
inline constexpr std::string_view session_version = "2025-11-25";

enum class Era : std::uint8_t {
  sessions,  ///< to 2025-11-25: initialize, then requests of that session
  stateless  ///< from 2026-07-28: each request stands for itself
};

/// A tool as the server describes it.
struct Tool {
  std::string name;
  Json definition;  ///< the whole, as it came
};

struct ToolList {
  std::vector<Tool> tools;
  /// Those that are left out, and why.
  std::vector<std::string> refused;
  /// How long the server vouches for it, where it says so.
  std::optional<std::chrono::milliseconds> fresh_for;
};

/// What a server reports of a request under way.
using ProgressSink = std::function<void(Json const& params)>;

struct ClientOptions {
  /// Which era the server is of; nothing: it is asked.
  std::optional<Era> era = {};
  std::chrono::milliseconds answer_time{60'000};  ///< and again after each sign of progress
  std::chrono::milliseconds longest_time{600'000};
  std::chrono::milliseconds discover_time{5'000};  ///< older servers may not answer at all
  ElicitationHandler on_elicitation = {};  ///< empty: declines, and does not say that it could
};

struct RequestOptions {
  ProgressSink on_progress = {};
  std::stop_token stop = {};
  Reach reach = {};
  Json meta = {};  ///< more members of "_meta"
  std::vector<http::Header> headers = {};
};

/// Talks MCP with one server, in whichever revision that speaks.
///
/// It connects with the first request, and anew where the connection was lost: then a request that
/// had not left is sent again, and no other ever is.
/// Thread: any; several requests at once.
class Client final : private Peer {
 public:
  /// Makes the transport; it is given the peer for what the server says unasked.
  using MakeTransport = std::function<std::unique_ptr<Transport>(Peer&)>;

  Client(MakeTransport const& make, ClientOptions options);
  ~Client() override;

  [[nodiscard]] OrFault<> connect(RequestOptions const& how = {});
  [[nodiscard]] OrFault<ToolList> list_tools(RequestOptions const& how = {});
  /// The result: of a tool that failed, too ("isError").
  [[nodiscard]] OrFault<Json> call_tool(std::string_view name,
                                        Json const& arguments,
                                        RequestOptions const& how = {});
  /// Any request, by its name and parameters.
  [[nodiscard]] OrFault<Json> request(std::string_view method,
                                      Json const& params,
                                      RequestOptions const& how = {});
  [[nodiscard]] OrFault<> ping(RequestOptions const& how = {});
  /// Ends the session; requests under way fail, and so do all later ones.
  void close();

  /// Counts what may have changed the list of tools: notifications, and new connections.
  [[nodiscard]] std::uint64_t list_version() const { return list_version_; }
  [[nodiscard]] std::optional<Era> era() const;
  [[nodiscard]] std::string version() const;
  [[nodiscard]] Json server() const;  ///< what it says of itself: name, version
  [[nodiscard]] Transport& transport() { return *transport_; }

 private:
  struct Progress;
  struct Spoken {
    Era era = Era::sessions;
    std::string version;
    Json server;
  };

  void notified(Message const& message) override;
  std::string asked(Message const& message) override;

  OrFault<> hand_shake(RequestOptions const& how);
  OrFault<> discover(RequestOptions const& how);
  OrFault<> initialize(RequestOptions const& how);
  OrFault<Json> exchange(std::string_view method,
                         Json params,
                         RequestOptions const& how,
                         std::optional<std::chrono::milliseconds> time = {});
  OrFault<Json> exchange_once(std::string_view method,
                              Json params,
                              RequestOptions const& how,
                              std::optional<std::chrono::milliseconds> time = {});
  [[nodiscard]] Json with_envelope(Json params,
                                   Json const& meta,
                                   std::uint64_t id,
                                   bool has_progress) const;
  [[nodiscard]] std::vector<http::Header> headers_of(std::string_view method,
                                                     Json const& params) const;
  [[nodiscard]] OrFault<Json> answers_to(Json const& questions) const;
  [[nodiscard]] Json capabilities() const;

  ClientOptions const options_;
  std::unique_ptr<Transport> transport_;
  std::atomic<std::uint64_t> next_id_ = 1;
  std::atomic<std::uint64_t> list_version_ = 0;
  std::mutex connect_mutex_;
  // Guarded by connect_mutex_.
  std::uint64_t connection_ = 0;  // with which the handshake was made
  std::optional<Era> known_era_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::optional<Spoken> spoken_;
  std::map<std::string, std::vector<HeaderParameter>, std::less<>> header_parameters_;
  std::map<std::uint64_t, std::shared_ptr<Progress>> progress_;
};

}  // namespace dalsegno::mcp
