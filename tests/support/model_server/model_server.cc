#include "tests/support/model_server/model_server.h"

#include "tests/support/model_server/web.h"

#include <array>
#include <csignal>
#include <stdexcept>

#include <sys/wait.h>
#include <unistd.h>

namespace dalsegno::test {

ModelServer::ModelServer(std::size_t cache_bytes) {
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0) throw std::runtime_error("pipe");
  auto size = std::to_string(cache_bytes);
  std::string program = MODEL_SERVER;
  std::array<char*, 3> arguments = {program.data(), size.data(), nullptr};
  process_ = ::fork();
  if (process_ < 0) throw std::runtime_error("fork");
  if (process_ == 0) {
    ::dup2(pipe[1], STDOUT_FILENO);
    ::close(pipe[0]);
    ::close(pipe[1]);
    ::execv(program.c_str(), arguments.data());
    ::_exit(127);
  }
  ::close(pipe[1]);
  std::string line;
  char byte = 0;
  while (::read(pipe[0], &byte, 1) == 1 && byte != '\n') line += byte;
  ::close(pipe[0]);
  if (line.empty()) throw std::runtime_error("the model server does not start: " + program);
  port_ = static_cast<std::uint16_t>(std::stoul(line));
}

ModelServer::~ModelServer() { kill(); }

void ModelServer::kill() {
  if (process_ <= 0) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
  process_ = -1;
}

std::string ModelServer::url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1"; }

std::string ModelServer::ask(std::string const& method,
                             std::string const& path,
                             std::string const& body) const {
  auto const socket = connect_to(port_);
  socket.write(method + " " + path + " HTTP/1.1\r\nHost: here\r\nContent-Length: " +
               std::to_string(body.size()) + "\r\n\r\n" + body);
  std::string buffer;
  auto const answer = read_message(socket, buffer);
  if (!answer || !answer->start.contains(" 200 "))
    throw std::runtime_error(path + ": " + (answer ? answer->start : "no answer"));
  return answer->body;
}

void ModelServer::script(std::string const& orders) const { (void)ask("POST", "/script", orders); }

std::vector<ModelServer::Request> ModelServer::requests() const {
  std::vector<Request> all;
  auto const list = parse_json(ask("GET", "/requests"));
  for (auto const& entry : *list->as_array())
    all.push_back(
        {std::string(entry.text("path")), *entry.find("headers"), std::string(entry.text("body"))});
  return all;
}

void ModelServer::wait_for_requests(std::size_t count) const {
  (void)ask("GET", "/wait/" + std::to_string(count));
}

void ModelServer::open_gate(std::string const& name) const { (void)ask("GET", "/open/" + name); }

}  // namespace dalsegno::test
