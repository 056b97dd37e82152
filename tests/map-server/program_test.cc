// Starts the real warp-map on loopback, with ports that the kernel chooses, and nodes that talk to it through real
// sockets. The tests wait for events, with a time limit that only a hang reaches.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/map-server/live_map.h"
#include "tests/status_page.h"

namespace warp::map {
namespace {

// Nobody else uses it, unless somebody takes it just now.
uint16_t FreeTcpPort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(at);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&at), size), 0);
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size), 0);
  close(fd);
  return ntohs(at.sin_port);
}

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
    arguments.insert(arguments.end(), more_.begin(), more_.end());
    return arguments;
  }
  void Start(const std::vector<std::string>& listen = {"127.0.0.1:0", "[::1]:0"}) {
    program_ = std::make_unique<Program>(Arguments(listen));
    const std::vector<std::string> lines = program_->UntilReady();
    ASSERT_GE(lines.size(), 2 + listen.size());
    EXPECT_EQ(lines[0], "public key: " + key_.Public().ToBase64());
    EXPECT_EQ(lines.back(), "warp-map: ready");
    at_.clear();
    for (size_t i = 1; i < 1 + listen.size(); ++i)
      at_.push_back(At(lines[i].substr(strlen("listening on "))));
  }
  nlohmann::json Status() { return Ask("status\n"); }
  nlohmann::json Ask(const std::string& request) {
    return AskMap(directory_ / "map.sock", request);
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

  std::vector<std::string> more_;  // arguments
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
  WriteFile(directory_ / "map.yaml",
            absl::StrCat("private_key_file: key\nstream: {listen: [\"127.0.0.1:", FreeTcpPort(),
                         "\"]}\n"));
  more_ = {"--config", directory_ / "map.yaml"};
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
