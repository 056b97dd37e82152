// Two maps of one key and a real redis-server on loopback, and nodes that talk to them by real sockets: what becomes of
// them when redis is killed, stopped or replaced, and when a map is killed. Times are printed, and the bounds are wide
// where machines are shared.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "map-server/redis/reply.h"
#include "tests/map-server/live_map.h"

namespace warp::map {
namespace {

uint16_t FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  close(fd);
  return ntohs(address.sin_port);
}

// Somebody else who may write to redis.
class Stranger {
 public:
  explicit Stranger(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Stranger() { close(fd_); }

  Reply Ask(const std::vector<absl::string_view>& command) {
    const std::string bytes = EncodeCommand(command);
    for (size_t sent = 0; sent < bytes.size();) {
      const ssize_t size = send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (size <= 0) return {};
      sent += static_cast<size_t>(size);
    }
    Reply reply;
    char room[4096];
    while (reader_.Take(&reply) == ReplyReader::Next::kMore) {
      const ssize_t size = recv(fd_, room, sizeof(room), 0);
      if (size <= 0) break;
      reader_.Feed({room, static_cast<size_t>(size)});
    }
    return reply;
  }

 private:
  const int fd_;
  ReplyReader reader_;
};

class SharedProgramTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(wire::InitCrypto().ok());
    WriteFile(directory_ / "key", key_.ToBase64() + "\n");
    port_ = FreePort();
  }

  std::unique_ptr<Program> StartRedis(uint16_t port, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"--bind",       "127.0.0.1", "--save", "",
                                          "--appendonly", "no",        "--dir",  directory_ / ""};
    if (std::find(more.begin(), more.end(), "--port") == more.end())
      arguments.insert(arguments.end(), {"--port", std::to_string(port)});
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto program = std::make_unique<Program>(arguments, WARP_REDIS_SERVER);
    const std::vector<std::string> lines = program->UntilReady("eady to accept connections");
    EXPECT_THAT(lines.back(), testing::HasSubstr("eady to accept connections"));
    return program;
  }
  void StartMap(size_t map, const std::string& more = "") {
    const std::string name = absl::StrCat("map", map);
    const std::string at = maps_.size() > map ? at_[map].ToString() : "127.0.0.1:0";
    WriteFile(directory_ / (name + ".yaml"),
              absl::StrCat("private_key_file: ", directory_ / "key",
                           "\ncontrol_socket: ", directory_ / (name + ".sock"), "\nstore:\n",
                           more.find("redis:") == std::string::npos
                               ? absl::StrCat("  redis: [\"127.0.0.1:", port_, "\"]\n")
                               : "",
                           more));
    auto program = std::make_unique<Program>(
        std::vector<std::string>{"--config", directory_ / (name + ".yaml"), "--listen", at});
    const std::vector<std::string> lines = program->UntilReady();
    ASSERT_EQ(lines.size(), 3u) << program->Errors();
    if (maps_.size() <= map) {
      maps_.resize(map + 1);
      at_.resize(map + 1);
    }
    maps_[map] = std::move(program);
    at_[map] = At(lines[1].substr(strlen("listening on ")));
  }
  nlohmann::json Store(size_t map) {
    return AskMap(directory_ / absl::StrCat("map", map, ".sock"), "status\n")["store"];
  }
  bool WaitForStore(size_t map, const std::string& state) {
    return LiveNode::RunUntil({}, [&] { return Store(map)["state"] == state; });
  }

  // Runs until `node` was told of `peer` once more because it asked, again and again. Returns how long that took.
  wire::Duration FindAgain(LiveNode& node, LiveNode& peer) {
    const Instant begin = Now();
    Instant asked{};
    const uint64_t before = node.node.times_found(peer.node.key());
    EXPECT_TRUE(LiveNode::RunUntil(all_, [&] {
      if (Now() - asked > 100ms) {
        asked = Now();
        node.node.LookUpAgain(asked, peer.node.key());
      }
      return node.node.times_found(peer.node.key()) > before;
    }));
    EXPECT_THAT(node.node.found(peer.node.key()), testing::Contains(peer.local(0)));
    return Now() - begin;
  }
  void Print(const char* what, wire::Duration time) {
    std::printf("%s: %.1f ms\n", what, static_cast<double>(time.count()) / 1e6);
    RecordProperty(what, std::to_string(time / 1ms));
  }
  // Two nodes that allow each other, one at each map.
  void StartNodes() {
    alice_ = std::make_unique<LiveNode>(1, key_.Public(), std::vector<Endpoint>{at_[0]});
    bob_ = std::make_unique<LiveNode>(2, key_.Public(), std::vector<Endpoint>{at_[1]});
    all_ = {alice_.get(), bob_.get()};
    alice_->node.SetPeers(Now(), {bob_->node.key()});
    bob_->node.SetPeers(Now(), {alice_->node.key()});
    ASSERT_TRUE(LiveNode::RunUntil(all_, [&] {
      return !alice_->node.found(bob_->node.key()).empty() &&
             !bob_->node.found(alice_->node.key()).empty();
    }));
  }

  const Directory directory_;
  const wire::SecretKey key_ = wire::SecretKey::Generate();
  uint16_t port_ = 0;
  std::unique_ptr<Program> redis_;
  std::vector<std::unique_ptr<Program>> maps_;
  std::vector<Endpoint> at_;
  std::unique_ptr<LiveNode> alice_, bob_;
  std::vector<LiveNode*> all_;
};

TEST_F(SharedProgramTest, ANodeAtOneMapIsFoundAndPushedAtTheOther) {
  redis_ = StartRedis(port_);
  StartMap(0);
  StartMap(1);
  StartNodes();
  EXPECT_THAT(alice_->node.found(bob_->node.key()), testing::Contains(bob_->local(0)));
  Print("a look-up at the other map", FindAgain(*alice_, *bob_));

  // Bob says that he has another address, and nobody asks for it. Who changes more often is told of more rarely
  // (changes.h).
  std::vector<wire::Duration> times;
  for (int i = 0; i < 3; ++i) {
    LiveNode::RunUntil(all_, [&, until = Now() + 400ms] { return Now() > until; });
    const auto own = wire::IpAddress::V4({44, 0, 0, static_cast<uint8_t>(i + 1)});
    const Instant changed = Now();
    bob_->node.SetPort(changed, 0, {.up = true, .addresses = {Ip("127.0.0.1"), own}});
    ASSERT_TRUE(LiveNode::RunUntil(all_, [&] {
      const std::vector<Endpoint> found = alice_->node.found(bob_->node.key());
      return std::any_of(found.begin(), found.end(),
                         [&](const Endpoint& endpoint) { return endpoint.address == own; });
    }));
    times.push_back(Now() - changed);
  }
  std::sort(times.begin(), times.end());
  Print("a push at the other map, median", times[times.size() / 2]);
  Print("a push at the other map, longest", times.back());
  EXPECT_LT(times[times.size() / 2], 1s);
  for (size_t map : {0u, 1u}) {
    EXPECT_EQ(Store(map)["values_foreign"], 0);
    EXPECT_EQ(Store(map)["writes_refused"], 0);
  }
}

TEST_F(SharedProgramTest, ARedisThatIsKilledComesBackEmptyAndAllIsFoundAgain) {
  redis_ = StartRedis(port_);
  StartMap(0);
  StartMap(1);
  StartNodes();
  redis_->Kill(SIGKILL);
  ASSERT_TRUE(WaitForStore(0, "away"));
  ASSERT_TRUE(WaitForStore(1, "away"));
  EXPECT_TRUE(alice_->node.registered());
  redis_ = StartRedis(port_);
  const wire::Duration time = FindAgain(*alice_, *bob_);
  Print("a look-up after a restart of redis", time);
  EXPECT_LT(time, 10s);
  EXPECT_TRUE(alice_->node.registered() && bob_->node.registered());
}

TEST_F(SharedProgramTest, AStoppedRedisTakesNothingFromRegisteredNodes) {
  redis_ = StartRedis(port_);
  StartMap(0);
  StartMap(1);
  StartNodes();
  redis_->Send(SIGSTOP);
  const Instant until = Now() + 5s;
  // They refresh, change and stay registered meanwhile.
  ASSERT_TRUE(LiveNode::RunUntil(all_, [&] {
    EXPECT_TRUE(alice_->node.registered() && bob_->node.registered());
    return Now() > until;
  }));
  EXPECT_FALSE(alice_->node.found(bob_->node.key()).empty());
  redis_->Send(SIGCONT);
  const wire::Duration time = FindAgain(*alice_, *bob_);
  Print("a look-up after a stop of redis", time);
  EXPECT_LT(time, 10s);
}

// Values and entries of three megabytes, which no map would read.
TEST_F(SharedProgramTest, GarbageOfAnySizeIsPassedOver) {
  redis_ = StartRedis(port_);
  StartMap(0);
  StartMap(1);
  StartNodes();
  Stranger stranger(port_);
  const std::string large(3 << 20, 'x');
  const Reply keys = stranger.Ask({"KEYS", "warp:r:*"});
  EXPECT_EQ(keys.elements.size(), 2u);
  for (const Reply& key : keys.elements) stranger.Ask({"HSET", key.text, "garbage", large});
  stranger.Ask({"XADD", "warp:changes", "*", "n", large, "m", large});
  ASSERT_TRUE(LiveNode::RunUntil(all_, [&] {
    return Store(0)["changes_missed"] >= 1 && Store(1)["changes_missed"] >= 1 &&
           Store(0)["state"] == "up" && Store(1)["state"] == "up";
  }));
  FindAgain(*alice_, *bob_);
  EXPECT_GE(Store(0)["values_foreign"], 1);
  EXPECT_TRUE(alice_->node.registered() && bob_->node.registered());
}

TEST_F(SharedProgramTest, AMapThatIsKilledTakesNothingFromTheOther) {
  redis_ = StartRedis(port_);
  StartMap(0);
  StartMap(1);
  StartNodes();
  maps_[1]->Kill(SIGKILL);
  Print("a look-up of a node whose map is dead", FindAgain(*alice_, *bob_));
  StartMap(1);
  ASSERT_TRUE(LiveNode::RunUntil(all_, [&] {
    return AskMap(directory_ / "map1.sock", "status\n")["map"]["registrations"] == 1;
  }));
  Print("a look-up at the restarted map", FindAgain(*bob_, *alice_));
}

TEST_F(SharedProgramTest, StartsAndServesWithoutRedis) {
  StartMap(0);
  LiveNode carol(3, key_.Public(), {at_[0]}), dave(4, key_.Public(), {at_[0]});
  all_ = {&carol, &dave};
  carol.node.SetPeers(Now(), {dave.node.key()});
  dave.node.SetPeers(Now(), {carol.node.key()});
  ASSERT_TRUE(LiveNode::RunUntil(all_, [&] {
    return !carol.node.found(dave.node.key()).empty() && !dave.node.found(carol.node.key()).empty();
  }));
  ASSERT_TRUE(LiveNode::RunUntil({}, [&] { return Store(0)["error"] == "Connection refused"; }));
  EXPECT_EQ(Store(0)["unsaved"], 2);
  redis_ = StartRedis(port_);
  ASSERT_TRUE(LiveNode::RunUntil(all_, [&] { return Store(0)["unsaved"] == 0; }));
}

TEST_F(SharedProgramTest, PasswordsOfAUserOfTheAcl) {
  WriteFile(directory_ / "acl",
            "user default off\n"
            "user warp-map on >right ~warp:* &* -@all +evalsha +script|load +info +xread +xrange "
            "+xrevrange +time +hget +hset +hdel +hlen +hgetall +hexists +exists +pttl +pexpire "
            "+xadd\n");
  redis_ = StartRedis(port_, {"--aclfile", directory_ / "acl"});
  WriteFile(directory_ / "password", "right\n");
  const std::string user = "  user: warp-map\n  password_file: " + (directory_ / "password") + "\n";
  StartMap(0, user);
  StartMap(1, user);
  StartNodes();
  EXPECT_EQ(Store(0)["writes_refused"], 0);

  WriteFile(directory_ / "password", "wrong\n");
  StartMap(2, user);
  ASSERT_TRUE(LiveNode::RunUntil({}, [&] { return Store(2)["error"] != ""; }));
  EXPECT_THAT(Store(2)["error"].get<std::string>(), testing::HasSubstr("WRONGPASS"));
  WriteFile(directory_ / "password", "right\n", 0644);
  Program open({"--config", directory_ / "map2.yaml"});
  EXPECT_EQ(open.Wait(), 1);
  EXPECT_THAT(open.Errors(), testing::HasSubstr("is open to group or others"));
}

TEST_F(SharedProgramTest, TlsIsVerified) {
  const auto shell = [&](const std::string& command) {
    ASSERT_EQ(
        std::system(("cd " + (directory_ / "") + " && { " + command + "; } 2>/dev/null").c_str()),
        0)
        << command;
  };
  for (const char* ca : {"ca", "other"}) {
    shell(
        absl::StrCat("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
                     "-subj /CN=",
                     ca, " -keyout ", ca, ".key -out ", ca, ".pem"));
  }
  for (const char* name : {"redis", "client"}) {
    shell(absl::StrCat(
        "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=", name,
        " -addext subjectAltName=DNS:", name, ".example,IP:127.0.0.1 -keyout ", name, ".key -out ",
        name, ".csr && openssl x509 -req -in ", name,
        ".csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -copy_extensions copy "
        "-out ",
        name, ".pem && chmod 600 ", name, ".key"));
  }
  redis_ = StartRedis(port_, {"--port", "0", "--tls-port", std::to_string(port_), "--tls-cert-file",
                              directory_ / "redis.pem", "--tls-key-file", directory_ / "redis.key",
                              "--tls-ca-cert-file", directory_ / "ca.pem"});
  const auto tls = [&](const std::string& ca, const std::string& more) {
    return absl::StrCat("  tls:\n    ca: ", directory_ / ca, "\n", more);
  };
  const std::string own = absl::StrCat("    cert: ", directory_ / "client.pem",
                                       "\n    key: ", directory_ / "client.key", "\n");
  StartMap(0, tls("ca.pem", own));
  StartMap(1, tls("ca.pem", own + "    name: redis.example\n"));
  StartNodes();

  StartMap(2, tls("other.pem", own));
  ASSERT_TRUE(LiveNode::RunUntil({}, [&] { return Store(2)["error"] != ""; }));
  EXPECT_THAT(Store(2)["error"].get<std::string>(),
              testing::HasSubstr("its certificate is refused"));
  StartMap(3, tls("ca.pem", own + "    name: elsewhere.example\n"));
  ASSERT_TRUE(LiveNode::RunUntil({}, [&] { return Store(3)["error"] != ""; }));
  EXPECT_THAT(Store(3)["error"].get<std::string>(), testing::HasSubstr("ostname mismatch"));
  StartMap(4, tls("ca.pem", ""));
  ASSERT_TRUE(LiveNode::RunUntil({}, [&] { return Store(4)["error"] != ""; }));
  EXPECT_NE(Store(4)["state"], "up") << "redis asks for a certificate";
  StartMap(5, "");
  ASSERT_TRUE(LiveNode::RunUntil({}, [&] { return Store(5)["error"] != ""; }));
  EXPECT_NE(Store(5)["state"], "up") << "not without TLS";
}

TEST_F(SharedProgramTest, FollowsSentinelToTheNewMaster) {
  redis_ = StartRedis(port_);
  const uint16_t second_port = FreePort(), sentinel_port = FreePort();
  const auto second = StartRedis(second_port, {"--replicaof", absl::StrCat("127.0.0.1 ", port_)});
  WriteFile(directory_ / "sentinel.conf",
            absl::StrCat("port ", sentinel_port, "\nbind 127.0.0.1\ndir ", directory_ / "",
                         "\nsentinel monitor warp 127.0.0.1 ", port_,
                         " 1\nsentinel down-after-milliseconds warp 500\n"
                         "sentinel failover-timeout warp 5000\n"));
  Program sentinel({directory_ / "sentinel.conf", "--sentinel"}, WARP_REDIS_SERVER);
  sentinel.UntilReady("+monitor master warp");
  const std::string store =
      absl::StrCat("  redis: [\"127.0.0.1:", sentinel_port, "\"]\n  sentinel: warp\n");
  StartMap(0, store);
  StartMap(1, store);
  StartNodes();
  EXPECT_EQ(Store(0)["server"], absl::StrCat("127.0.0.1:", port_));
  // Sentinel has to know of the replica before it may take over.
  sentinel.UntilReady("+slave slave");
  redis_->Kill(SIGKILL);
  const Instant killed = Now();
  ASSERT_TRUE(LiveNode::RunUntil(all_, [&] {
    return Store(0)["server"] == absl::StrCat("127.0.0.1:", second_port) &&
           Store(0)["state"] == "up" && Store(1)["state"] == "up";
  }));
  Print("a failover by Sentinel", Now() - killed);
  FindAgain(*alice_, *bob_);
  EXPECT_TRUE(alice_->node.registered() && bob_->node.registered());
}

}  // namespace
}  // namespace warp::map
