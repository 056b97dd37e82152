// The real warp-map on loopback, and nodes that talk to it through real sockets. What waits has a time limit that only
// a hang reaches.
#ifndef WARP_TESTS_MAP_SERVER_LIVE_MAP_H_
#define WARP_TESTS_MAP_SERVER_LIVE_MAP_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "tests/map-server/map_node.h"

extern char** environ;

namespace warp::map {

using namespace std::chrono_literals;  // NOLINT: for 100ms

inline constexpr wire::Duration kHang = 60s;

inline Instant Now() {
  timespec time;
  clock_gettime(CLOCK_BOOTTIME, &time);
  return Instant(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

class Directory {
 public:
  Directory() {
    std::string name = ::testing::TempDir() + "warp-map-test-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline void WriteFile(const std::string& path, const std::string& text, mode_t mode = 0600) {
  std::ofstream(path) << text;
  chmod(path.c_str(), mode);
}

// A process that runs warp-map, or another program. With wrong arguments it only prints an error.
class Program {
 public:
  explicit Program(std::vector<std::string> arguments,
                   const std::string& program = WARP_MAP_PROGRAM) {
    arguments.insert(arguments.begin(), program);
    std::vector<char*> raw;
    for (std::string& argument : arguments) raw.push_back(argument.data());
    raw.push_back(nullptr);
    int out[2];
    int err[2];
    EXPECT_EQ(pipe2(out, O_CLOEXEC) | pipe2(err, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_adddup2(&actions, err[1], 2);
    EXPECT_EQ(posix_spawn(&pid_, program.c_str(), &actions, nullptr, raw.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    close(err[1]);
    out_ = out[0];
    err_ = err[0];
  }
  ~Program() {
    if (pid_ > 0) Kill(SIGKILL);
    close(out_);
    close(err_);
  }

  // Returns the lines of its output up to the one that says "ready", or up to its end.
  std::vector<std::string> UntilReady(const std::string& ready = "ready\n") {
    std::string text;
    char c;
    while (!absl::EndsWith(text, ready) && read(out_, &c, 1) == 1) text += c;
    return absl::StrSplit(text, '\n', absl::SkipEmpty());
  }
  void Send(int signal) { kill(pid_, signal); }
  // Returns the exit status, or 128 plus the signal.
  int Kill(int signal) {
    kill(pid_, signal);
    return Wait();
  }
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  std::string Errors() {
    std::string text;
    char c;
    while (read(err_, &c, 1) == 1) text += c;
    return text;
  }

 private:
  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
};

class LiveSocket {
 public:
  explicit LiveSocket(const wire::IpAddress& address) : v6_(!address.is_v4()) {
    fd_ = socket(v6_ ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    auto [storage, size] = Raw({address, 0});
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&storage), size), 0);
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&storage), &size), 0);
    local_ = {address, ntohs(v6_ ? reinterpret_cast<sockaddr_in6&>(storage).sin6_port
                                 : reinterpret_cast<sockaddr_in&>(storage).sin_port)};
  }
  ~LiveSocket() { close(fd_); }
  LiveSocket(const LiveSocket&) = delete;

  int fd() const { return fd_; }
  bool v6() const { return v6_; }
  const Endpoint& local() const { return local_; }
  void Send(const Endpoint& to, const std::vector<uint8_t>& bytes) {
    const auto [storage, size] = Raw(to);
    (void)!sendto(fd_, bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&storage),
                  size);
  }
  // Connects the socket, which then receives only what comes from `to`.
  void Connect(const Endpoint& to) {
    const auto [storage, size] = Raw(to);
    EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&storage), size), 0);
  }
  std::optional<std::vector<uint8_t>> Receive() {
    std::vector<uint8_t> bytes(2048);
    const ssize_t size = recv(fd_, bytes.data(), bytes.size(), 0);
    if (size < 0) return std::nullopt;
    bytes.resize(static_cast<size_t>(size));
    return bytes;
  }

 private:
  static std::pair<sockaddr_storage, socklen_t> Raw(const Endpoint& endpoint) {
    sockaddr_storage storage{};
    if (endpoint.address.is_v4()) {
      auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
      v4.sin_family = AF_INET;
      v4.sin_port = htons(endpoint.port);
      memcpy(&v4.sin_addr, endpoint.address.v4_bytes().data(), 4);
      return {storage, sizeof(v4)};
    }
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(endpoint.port);
    memcpy(&v6.sin6_addr, endpoint.address.bytes().data(), 16);
    return {storage, sizeof(v6)};
  }
  const bool v6_;
  int fd_ = -1;
  Endpoint local_;
};

// A MapNode whose ports are sockets on loopback. Port 0 uses IPv4 and port 1 IPv6.
class LiveNode {
 public:
  LiveNode(uint64_t seed, const wire::PublicKey& map, const std::vector<Endpoint>& at)
      : node(seed) {
    node.AddMap({.public_key = map, .endpoints = at});
    for (const Endpoint& endpoint : at) {
      const auto port = static_cast<uint16_t>(sockets_.size());
      const wire::IpAddress own = endpoint.address.is_v4() ? Ip("127.0.0.1") : Ip("::1");
      sockets_.push_back(std::make_unique<LiveSocket>(own));
      sockets_.back()->Connect(endpoint);
      remotes_.push_back(endpoint);
      node.SetPort(Now(), port, {.up = true, .addresses = {own}});
    }
  }

  Endpoint local(size_t port) const { return sockets_.at(port)->local(); }

  // Turns `nodes` until `done`. Returns false after a time that only a hang reaches.
  static bool RunUntil(std::vector<LiveNode*> nodes, const std::function<bool()>& done) {
    const Instant end = Now() + kHang;
    while (!done()) {
      if (Now() > end) return false;
      std::vector<pollfd> fds;
      for (LiveNode* live : nodes) {
        live->Turn();
        for (auto& socket : live->sockets_) fds.push_back({socket->fd(), POLLIN, 0});
      }
      poll(fds.data(), fds.size(), 10);
    }
    return true;
  }

  MapNode node;

 private:
  void Turn() {
    for (size_t port = 0; port < sockets_.size(); ++port) {
      while (auto bytes = sockets_[port]->Receive()) {
        node.Receive(Now(), {static_cast<uint16_t>(port), remotes_[port], {}}, std::move(*bytes));
      }
    }
    if (node.NextTimeout() <= Now()) node.HandleTimeout(Now());
    while (auto out = node.NextTransmit()) {
      ASSERT_EQ(out->to, remotes_.at(out->port));
      sockets_[out->port]->Send(out->to, out->datagram);
    }
  }

  std::vector<std::unique_ptr<LiveSocket>> sockets_;
  std::vector<Endpoint> remotes_;
};

// What a map answers at its control socket.
inline nlohmann::json AskMap(const std::string& path, const std::string& request) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(write(fd, request.data(), request.size()), static_cast<ssize_t>(request.size()));
  std::string text;
  std::array<char, 4096> part;
  for (ssize_t size; (size = read(fd, part.data(), part.size())) > 0;) {
    text.append(part.data(), static_cast<size_t>(size));
  }
  close(fd);
  return nlohmann::json::parse(text);
}

}  // namespace warp::map

#endif  // WARP_TESTS_MAP_SERVER_LIVE_MAP_H_
