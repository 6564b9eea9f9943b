#pragma once

#include "dalsegno/json.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

namespace dalsegno::test {

/// A scripted model server in a process of its own (server.h says what it understands). It ends
/// with this object.
class ModelServer {
 public:
  explicit ModelServer(std::size_t cache_bytes = 1U << 30U);
  ~ModelServer();
  ModelServer(ModelServer const&) = delete;
  ModelServer& operator=(ModelServer const&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// "http://127.0.0.1:PORT/v1".
  [[nodiscard]] std::string url() const;

  /// Orders for the next calls: a JSON list.
  void script(std::string const& orders) const;
  struct Request {
    std::string path;
    Json headers;
    std::string body;
  };
  [[nodiscard]] std::vector<Request> requests() const;
  void wait_for_requests(std::size_t count) const;
  void open_gate(std::string const& name) const;
  void kill();

 private:
  [[nodiscard]] std::string ask(std::string const& method,
                                std::string const& path,
                                std::string const& body = "") const;

  pid_t process_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace dalsegno::test
