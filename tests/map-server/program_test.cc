// Starts the real warp-map on loopback, with ports that the kernel chooses, and nodes that talk to it through real
// sockets. The tests wait for events, with a time limit that only a hang reaches.
#include <fcntl.h>
#include <gmock/gmock.h>
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
#include "tests/status_page.h"

extern char** environ;

namespace warp::map {
namespace {

using namespace std::chrono_literals;  // NOLINT: for 100ms

constexpr wire::Duration kHang = 60s;

Instant Now() {
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

void WriteFile(const std::string& path, const std::string& text, mode_t mode = 0600) {
  std::ofstream(path) << text;
  chmod(path.c_str(), mode);
}

// A process that runs warp-map. With wrong arguments it only prints an error.
class Program {
 public:
  explicit Program(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), WARP_MAP_PROGRAM);
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
    EXPECT_EQ(posix_spawn(&pid_, WARP_MAP_PROGRAM, &actions, nullptr, raw.data(), environ), 0);
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
  std::vector<std::string> UntilReady() {
    std::string text;
    char c;
    while (!absl::EndsWith(text, "ready\n") && read(out_, &c, 1) == 1) text += c;
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

class ProgramTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(wire::InitCrypto().ok());
    WriteFile(directory_ / "key", key_.ToBase64() + "\n");
  }
  std::vector<std::string> Arguments(const std::vector<std::string>& listen) {
    std::vector<std::string> arguments = {"--private-key-file", directory_ / "key",
                                          "--control-socket", directory_ / "map.sock"};
    for (const std::string& address : listen)
      arguments.insert(arguments.end(), {"--listen", address});
    return arguments;
  }
  void Start(const std::vector<std::string>& listen = {"127.0.0.1:0", "[::1]:0"}) {
    program_ = std::make_unique<Program>(Arguments(listen));
    const std::vector<std::string> lines = program_->UntilReady();
    ASSERT_EQ(lines.size(), 2 + listen.size());
    EXPECT_EQ(lines[0], "public key: " + key_.Public().ToBase64());
    EXPECT_EQ(lines.back(), "warp-map: ready");
    at_.clear();
    for (size_t i = 1; i + 1 < lines.size(); ++i)
      at_.push_back(At(lines[i].substr(strlen("listening on "))));
  }
  nlohmann::json Status() { return Ask("status\n"); }
  nlohmann::json Ask(const std::string& request) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    strncpy(address.sun_path, (directory_ / "map.sock").c_str(), sizeof(address.sun_path) - 1);
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
  // Returns the one sentence that a program prints which must not start.
  std::string Refusal(const std::vector<std::string>& arguments) {
    Program program(arguments);
    const std::string text = program.Errors();
    EXPECT_EQ(program.Wait(), 1);
    EXPECT_TRUE(absl::StartsWith(text, "warp-map: ")) << text;
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
    return text;
  }

  const Directory directory_;
  const wire::SecretKey key_ = wire::SecretKey::Generate();
  std::unique_ptr<Program> program_;
  std::vector<Endpoint> at_;
};

TEST_F(ProgramTest, NodesFindEachOtherThroughIt) {
  Start();
  LiveNode alice(1, key_.Public(), at_);
  LiveNode bob(2, key_.Public(), at_);
  alice.node.SetPeers(Now(), {bob.node.key()});
  bob.node.SetPeers(Now(), {alice.node.key()});
  ASSERT_TRUE(LiveNode::RunUntil({&alice, &bob}, [&] {
    return alice.node.found(bob.node.key()).size() == 2 &&
           bob.node.found(alice.node.key()).size() == 2;
  }));
  EXPECT_THAT(alice.node.found(bob.node.key()),
              ::testing::UnorderedElementsAre(bob.local(0), bob.local(1)));
  EXPECT_THAT(bob.node.found(alice.node.key()),
              ::testing::UnorderedElementsAre(alice.local(0), alice.local(1)));

  const nlohmann::json status = Status();
  EXPECT_EQ(status["map"]["public_key"], key_.Public().ToBase64());
  EXPECT_EQ(status["map"]["registrations"], 4);
  EXPECT_EQ(status["map"]["sessions"], 2);
  // Each was told by the answer to its question, or by a push before it asked.
  EXPECT_GE(status["map"]["lookups"].get<int>() + status["map"]["pushes"].get<int>(), 2);
  EXPECT_EQ(status["map"]["listen"].size(), 2u);
}

// The nodes' sockets are connected, so an answer from another address than the one that they sent to does not arrive.
TEST_F(ProgramTest, AnswersLeaveFromTheAddressTheRequestCameTo) {
  Start({"0.0.0.0:0"});
  LiveNode node(1, key_.Public(), {{Ip("127.0.0.99"), at_.at(0).port}});
  EXPECT_TRUE(LiveNode::RunUntil({&node}, [&] { return node.node.registered(); }));
}

TEST_F(ProgramTest, RegistrationsComeBackAfterAKill) {
  Start();
  LiveNode alice(1, key_.Public(), at_);
  ASSERT_TRUE(
      LiveNode::RunUntil({&alice}, [&] { return alice.node.status().registrations.size() == 2; }));
  EXPECT_EQ(program_->Kill(SIGKILL), 128 + SIGKILL);
  // The new program uses the same addresses, and replaces the socket file that the killed one left behind.
  Start({at_[0].ToString(), at_[1].ToString()});
  ASSERT_TRUE(LiveNode::RunUntil({&alice}, [&] { return Status()["map"]["registrations"] == 2; }));
}

TEST_F(ProgramTest, StopsOnSigtermAndLeavesNothingBehind) {
  Start();
  LiveNode alice(1, key_.Public(), at_);
  ASSERT_TRUE(LiveNode::RunUntil({&alice}, [&] { return alice.node.registered(); }));
  EXPECT_EQ(program_->Kill(SIGTERM), 0);
  EXPECT_EQ(program_->Errors(), "");
  EXPECT_FALSE(std::filesystem::exists(directory_ / "map.sock"));
  EXPECT_TRUE(LiveNode::RunUntil({&alice}, [&] {
    return alice.node.status().state == "connecting";
  })) << "the node was not told";
}

TEST_F(ProgramTest, SignalsThatMeanNoEndEndNothing) {
  Start();
  const std::vector<int> stray = {SIGHUP,    SIGUSR1, SIGUSR2, SIGPIPE,  SIGALRM,
                                  SIGVTALRM, SIGPROF, SIGIO,   SIGRTMIN, SIGRTMAX};
  for (const int signal : stray) program_->Send(signal);
  EXPECT_EQ(Status()["map"]["sessions"], 0);
  EXPECT_EQ(program_->Kill(SIGTERM), 0);
  const std::string errors = program_->Errors();
  EXPECT_THAT(errors, ::testing::HasSubstr(
                          "warp-map: SIGHUP: warp-map was started without --config, so there is no "
                          "file to follow\n"));
  EXPECT_THAT(errors,
              ::testing::HasSubstr("warp-map: SIGUSR1 is ignored: it has no meaning here\n"));
  EXPECT_THAT(errors, ::testing::Not(::testing::HasSubstr("SIGPIPE")));
}

TEST_F(ProgramTest, BadInputIsCountedByNameAndChangesNothing) {
  Start();
  LiveNode alice(1, key_.Public(), at_);
  ASSERT_TRUE(LiveNode::RunUntil({&alice}, [&] { return alice.node.registered(); }));

  LiveSocket mallory(Ip("127.0.0.1"));
  std::vector<uint8_t> sealed(100, 0);
  sealed[0] = 1;
  std::vector<uint8_t> initiation(148, 0);
  initiation[0] = 2;
  for (int i = 0; i < 10; ++i) {
    mallory.Send(at_[0], {});
    mallory.Send(at_[0], {1, 0, 0, 0, 5});
    mallory.Send(at_[0], std::vector<uint8_t>(1400, 0xaa));
    mallory.Send(at_[0], sealed);
    mallory.Send(at_[0], initiation);
    mallory.Send(at_[0], std::vector<uint8_t>(9000, 1));
  }
  const auto count = [&](const nlohmann::json& status, const char* name) {
    return status["drops"].value(name, uint64_t{0});
  };
  ASSERT_TRUE(LiveNode::RunUntil({&alice}, [&] { return count(Status(), "too_large") == 10; }));
  const nlohmann::json status = Status();
  EXPECT_EQ(count(status, "truncated"), 20u);
  EXPECT_EQ(count(status, "unknown_type"), 10u);
  EXPECT_EQ(count(status, "unknown_session"), 10u);
  EXPECT_EQ(count(status, "bad_mac") + count(status, "handshake_failed"), 10u);
  EXPECT_EQ(mallory.Receive(), std::nullopt) << "answered";
  EXPECT_EQ(status["map"]["sessions"], 1);
  EXPECT_TRUE(alice.node.registered());
}

TEST_F(ProgramTest, EveryFieldOfItsStatusIsExplained) {
  Start();
  LiveSocket mallory(Ip("127.0.0.1"));
  mallory.Send(at_[0], {});
  ASSERT_TRUE(LiveNode::RunUntil({}, [&] { return !Status()["drops"].empty(); }));
  ExpectDocumented(Status(), WARP_STATUS_PAGE, "warp-map");
}

TEST_F(ProgramTest, StatusClientsThatHangKeepNobodyOut) {
  Start();
  std::vector<int> hung;
  for (int i = 0; i < 100; ++i) {
    hung.push_back(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    strncpy(address.sun_path, (directory_ / "map.sock").c_str(), sizeof(address.sun_path) - 1);
    (void)!connect(hung.back(), reinterpret_cast<sockaddr*>(&address), sizeof(address));
  }
  EXPECT_EQ(Status()["map"]["sessions"], 0);
  for (const int fd : hung) close(fd);
  EXPECT_EQ(Ask("tunnel show\n")["error"], "a map takes the requests status, map and reload");
}

TEST_F(ProgramTest, SaysInOneSentenceWhyItDoesNotStart) {
  Start();
  const std::string taken = at_[0].ToString();
  std::vector<std::string> arguments = {"--private-key-file", directory_ / "key",
                                        "--control-socket", directory_ / "other.sock", "--listen"};
  const auto with = [&](const std::string& listen) {
    std::vector<std::string> all = arguments;
    all.push_back(listen);
    return Refusal(all);
  };
  EXPECT_THAT(with(taken), ::testing::HasSubstr("cannot listen on " + taken));
  EXPECT_THAT(with("192.0.2.1:13116"), ::testing::HasSubstr("cannot listen on 192.0.2.1:13116"));
  EXPECT_THAT(with("nonsense"), ::testing::HasSubstr("nonsense"));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "other.sock"));

  EXPECT_THAT(Refusal(Arguments({"127.0.0.1:0"})),
              ::testing::HasSubstr("another program is listening"));
  EXPECT_THAT(Refusal({"--listen", "127.0.0.1:0"}), ::testing::HasSubstr("key"));
  EXPECT_THAT(Refusal({"--config", directory_ / "missing.yaml"}),
              ::testing::HasSubstr("missing.yaml"));
  EXPECT_THAT(Refusal({"--nonsense"}), ::testing::HasSubstr("nonsense"));

  arguments[1] = directory_ / "open";
  WriteFile(directory_ / "open", key_.ToBase64(), 0644);
  EXPECT_THAT(with("127.0.0.1:0"), ::testing::HasSubstr(directory_ / "open"));
  arguments[1] = directory_ / "bad";
  WriteFile(directory_ / "bad", "this is no key");
  EXPECT_THAT(with("127.0.0.1:0"), ::testing::HasSubstr(directory_ / "bad"));
  arguments[1] = directory_ / "absent";
  EXPECT_THAT(with("127.0.0.1:0"), ::testing::HasSubstr(directory_ / "absent"));
}

TEST_F(ProgramTest, IsConfiguredByYaml) {
  const std::string free = [] { return LiveSocket(Ip("127.0.0.1")).local().ToString(); }();
  WriteFile(directory_ / "map.yaml", "listen: [\"" + free +
                                         "\"]\nprivate_key_file: " + (directory_ / "key") +
                                         "\ncontrol_socket: " + (directory_ / "map.sock") +
                                         "\nlifetime: 30s\nmax_registrations: 1000\n");
  // The flag overrides the file.
  Program program({"--config", directory_ / "map.yaml", "--listen", "127.0.0.1:0"});
  ASSERT_EQ(program.UntilReady().back(), "warp-map: ready");
  EXPECT_EQ(Status()["map"]["public_key"], key_.Public().ToBase64());
  EXPECT_NE(Status()["map"]["listen"][0], free);
  EXPECT_EQ(program.Kill(SIGINT), 0);
}

}  // namespace
}  // namespace warp::map
