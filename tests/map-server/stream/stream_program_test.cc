// The real warp-map and its TLS connections on loopback: nodes that have no UDP, and strangers who do what strangers
// do. The tests wait for events, with a time limit that only a hang reaches.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/stream/tls_context.h"
#include "control/stream/tls_stream.h"
#include "dataplane/os/signals.h"
#include "dataplane/os/socket_address.h"
#include "map-server/constants.h"
#include "tests/map-server/live_map.h"

namespace warp::map {
namespace {

using stream::End;
using stream::TlsStream;

os::UniqueFd Dial(const Endpoint& to) {
  const os::SocketAddress address(to);
  os::UniqueFd fd(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(connect(fd.get(), address.get(), address.size()), 0);
  fcntl(fd.get(), F_SETFL, O_NONBLOCK);
  return fd;
}

// A node whose only port is a TLS connection to the map.
class StreamNode {
 public:
  StreamNode(uint64_t seed, const wire::PublicKey& map, const Endpoint& udp, const Endpoint& tcp)
      : node(seed), udp_(udp), tcp_(tcp) {
    node.AddMap({.public_key = map, .endpoints = {udp}});
    node.SetPort(Now(), 0, {.up = true, .addresses = {Ip("127.0.0.1")}});
    Connect();
  }
  void Connect() { tls_ = std::make_unique<TlsStream>(*context_, Dial(tcp_), size_t{64} << 10); }
  void Cut() { tls_.reset(); }

  void Turn() {
    if (tls_ == nullptr) return;
    const auto take = [&](const wire::StreamFrame& frame) {
      EXPECT_EQ(frame.udp_port, udp_.port);
      node.Receive(Now(), {0, udp_, {}}, {frame.datagram.begin(), frame.datagram.end()});
      return true;
    };
    while (tls_->Receive(64, take)) continue;
    if (node.NextTimeout() <= Now()) node.HandleTimeout(Now());
    while (auto out = node.NextTransmit()) {
      EXPECT_EQ(out->to, udp_);
      tls_->Send(udp_.port, out->datagram);
    }
    tls_->Flush();
  }
  static bool RunUntil(const std::vector<StreamNode*>& nodes, const std::function<bool()>& done) {
    const Instant end = Now() + kHang;
    while (!done()) {
      if (Now() > end) return false;
      for (StreamNode* one : nodes) one->Turn();
      poll(nullptr, 0, 5);
    }
    return true;
  }
  TlsStream& tls() { return *tls_; }

  MapNode node;

 private:
  const std::unique_ptr<stream::TlsContext> context_ = *stream::TlsContext::Client();
  const Endpoint udp_;
  const Endpoint tcp_;
  std::unique_ptr<TlsStream> tls_;
};

class StreamProgramTest : public ::testing::Test {
 protected:
  void SetUp() override {
    os::BlockSignals(os::SignalSet({SIGPIPE}));
    ASSERT_TRUE(wire::InitCrypto().ok());
    WriteFile(directory_ / "key", key_.ToBase64() + "\n");
    Start();
  }
  // Ports are those that the kernel chose at first.
  // `limits`: of its process, as prlimit(1) has them.
  void Start(const std::vector<std::string>& limits = {}) {
    program_.reset();
    if (udp_.port == 0) {
      LiveSocket any(Ip("127.0.0.1"));
      udp_ = any.local();
      LiveSocket other(Ip("127.0.0.1"));
      tcp_ = other.local();
    }
    WriteFile(directory_ / "map.yaml",
              absl::StrCat("private_key_file: key\nlisten: [\"", udp_.ToString(),
                           "\"]\ncontrol_socket: map.sock\nstream:\n  listen: [\"", tcp_.ToString(),
                           "\"]\n", more_));
    std::vector<std::string> words = limits;
    if (!limits.empty()) words.push_back(WARP_MAP_PROGRAM);
    words.insert(words.end(), {"--config", directory_ / "map.yaml"});
    program_ =
        std::make_unique<Program>(words, limits.empty() ? WARP_MAP_PROGRAM : "/usr/bin/prlimit");
    const std::vector<std::string> lines = program_->UntilReady();
    ASSERT_EQ(lines.size(), 4u) << program_->Errors();
    EXPECT_EQ(lines[2], "listening for TLS on " + tcp_.ToString());
  }
  nlohmann::json Streams() { return AskMap(directory_ / "map.sock", "status\n")["streams"]; }
  uint64_t Ended(const std::string& why) { return Streams()["ended"][why].get<uint64_t>(); }
  bool Until(const std::function<bool()>& done) { return StreamNode::RunUntil({}, done); }
  // The map serves, whatever strangers do.
  void ExpectServes(uint64_t seed = 77) {
    StreamNode node(seed, key_.Public(), udp_, tcp_);
    EXPECT_TRUE(StreamNode::RunUntil({&node}, [&] { return node.node.registered(); }));
  }

  const Directory directory_;
  const wire::SecretKey key_ = wire::SecretKey::Generate();
  std::string more_;
  Endpoint udp_;
  Endpoint tcp_;
  std::unique_ptr<Program> program_;
};

TEST_F(StreamProgramTest, ANodeWithoutUdpRegistersLooksUpAndHearsPushes) {
  StreamNode alice(1, key_.Public(), udp_, tcp_);
  LiveNode bob(2, key_.Public(), {udp_});
  alice.node.SetPeers(Now(), {bob.node.key()});
  bob.node.SetPeers(Now(), {alice.node.key()});
  ASSERT_TRUE(LiveNode::RunUntil({&bob}, [&] {
    alice.Turn();
    return alice.node.registered() && bob.node.registered() &&
           alice.node.found(bob.node.key()) == std::vector<Endpoint>{bob.local(0)};
  }));
  EXPECT_EQ(Streams()["open"], 1);
  EXPECT_EQ(Streams()["proven"], 1);
  // It hears of a change that it did not ask for.
  const uint64_t times = alice.node.times_found(bob.node.key());
  bob.node.SetPort(Now(), 0, {.up = true, .addresses = {Ip("127.0.0.1"), Ip("192.0.2.7")}});
  ASSERT_TRUE(LiveNode::RunUntil({&bob}, [&] {
    alice.Turn();
    return alice.node.times_found(bob.node.key()) > times;
  }));
}

// Nobody reaches it by UDP at the address of its connection, so nobody hears of that.
TEST_F(StreamProgramTest, TheAddressOfAStreamIsHandedOutToNobody) {
  StreamNode alice(1, key_.Public(), udp_, tcp_);
  LiveNode bob(2, key_.Public(), {udp_});
  alice.node.SetPeers(Now(), {bob.node.key()});
  bob.node.SetPeers(Now(), {alice.node.key()});
  ASSERT_TRUE(LiveNode::RunUntil({&bob}, [&] {
    alice.Turn();
    return alice.node.registered() && !alice.node.found(bob.node.key()).empty();
  }));
  EXPECT_EQ(AskMap(directory_ / "map.sock", "status\n")["map"]["registrations"], 2);
  EXPECT_THAT(bob.node.found(alice.node.key()), ::testing::IsEmpty());
}

TEST_F(StreamProgramTest, ANodeThatComesBackIsServedAtOnce) {
  StreamNode alice(1, key_.Public(), udp_, tcp_);
  ASSERT_TRUE(StreamNode::RunUntil({&alice}, [&] { return alice.node.registered(); }));
  alice.Cut();
  ASSERT_TRUE(Until([&] { return Streams()["open"] == 0; }));
  alice.Connect();
  ASSERT_TRUE(StreamNode::RunUntil({&alice}, [&] { return Streams()["proven"] == 1; }));
  Start();
  ASSERT_TRUE(StreamNode::RunUntil({&alice}, [&] { return alice.tls().end() != End::kNone; }));
  alice.Connect();
  EXPECT_TRUE(StreamNode::RunUntil({&alice}, [&] { return Streams()["proven"] == 1; }));
}

TEST_F(StreamProgramTest, WhoSpeaksNoTlsIsTurnedAway) {
  const os::UniqueFd http = Dial(tcp_);
  const std::string request = "GET / HTTP/1.1\r\nHost: map\r\n\r\n";
  ASSERT_EQ(write(http.get(), request.data(), request.size()),
            static_cast<ssize_t>(request.size()));
  EXPECT_TRUE(Until([&] { return Ended("tls") == 1; }));
  ExpectServes();
}

TEST_F(StreamProgramTest, OlderTlsIsTurnedAway) {
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
  const os::UniqueFd fd = Dial(tcp_);
  SSL* const ssl = SSL_new(context);
  SSL_set_fd(ssl, fd.get());
  EXPECT_TRUE(Until([&] {
    SSL_connect(ssl);
    return Ended("tls") == 1;
  }));
  SSL_free(ssl);
  SSL_CTX_free(context);
  ExpectServes();
}

// Half a ClientHello, and nothing more: it ends with its time.
TEST_F(StreamProgramTest, WhoNeverEndsTheHandshakeEnds) {
  const os::UniqueFd silent = Dial(tcp_);
  const os::UniqueFd half = Dial(tcp_);
  const uint8_t hello[] = {0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00};
  ASSERT_EQ(write(half.get(), hello, sizeof(hello)), static_cast<ssize_t>(sizeof(hello)));
  ExpectServes();
  EXPECT_TRUE(Until([&] { return Ended("unproven") == 2; }));
}

class Stranger {
 public:
  explicit Stranger(const Endpoint& to) : tls_(*context_, Dial(to), size_t{64} << 10) {
    const Instant end = Now() + kHang;
    while (!tls_.open() && tls_.end() == End::kNone && Now() < end) {
      Turn();
      poll(nullptr, 0, 1);
    }
    EXPECT_TRUE(tls_.open()) << tls_.reason();
  }
  void Turn() {
    tls_.Receive(64, [](const wire::StreamFrame&) { return true; });
    tls_.Flush();
  }
  TlsStream& tls() { return tls_; }

 private:
  const std::unique_ptr<stream::TlsContext> context_ = *stream::TlsContext::Client();
  TlsStream tls_;
};

// Bytes within TLS that are no frames.
class RawTls {
 public:
  explicit RawTls(const Endpoint& to) : fd_(Dial(to)) {
    context_ = SSL_CTX_new(TLS_client_method());
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, fd_.get());
    const Instant end = Now() + kHang;
    while (SSL_connect(ssl_) != 1 && Now() < end) poll(nullptr, 0, 1);
    EXPECT_TRUE(SSL_is_init_finished(ssl_));
  }
  ~RawTls() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  void Say(const std::vector<uint8_t>& bytes) {
    EXPECT_EQ(SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())),
              static_cast<int>(bytes.size()));
  }
  void SayInClear(const std::vector<uint8_t>& bytes) {
    EXPECT_EQ(write(fd_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }

 private:
  os::UniqueFd fd_;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
};

TEST_F(StreamProgramTest, WhatIsNoFrameEndsTheConnection) {
  const std::vector<std::vector<uint8_t>> kWrong = {
      {0xff, 0xff, 0x3c, 0x33},        // too long
      {0x01, 0x00, 0x3c, 0x33, 0xaa},  // too short
      {0x20, 0x00, 0x00, 0x00},        // for no port
  };
  for (size_t i = 0; i < kWrong.size(); ++i) {
    RawTls stranger(tcp_);
    stranger.Say(kWrong[i]);
    EXPECT_TRUE(Until([&] { return Ended("malformed") == i + 1; }));
  }
  RawTls garbage(tcp_);
  garbage.SayInClear(std::vector<uint8_t>(4000, 0x5a));
  EXPECT_TRUE(Until([&] { return Ended("tls") == 1; }));
  ExpectServes();
}

TEST_F(StreamProgramTest, AConnectionThatIsCutWithinAFrameEnds) {
  {
    RawTls stranger(tcp_);
    stranger.Say({0x40, 0x00, 0x3c, 0x33, 0xaa});
    ASSERT_TRUE(Until([&] { return Streams()["open"] == 1; }));
  }
  EXPECT_TRUE(Until([&] { return Ended("cut") == 1; }));
  ExpectServes();
}

// A frame to another port than the map's goes nowhere, and frames that hold nothing prove nothing.
TEST_F(StreamProgramTest, NothingButTheMapIsReached) {
  const LiveSocket victim(Ip("127.0.0.1"));
  Stranger stranger(tcp_);
  const std::vector<uint8_t> datagram(200, 0x02);
  for (int i = 0; i < 100; ++i) {
    stranger.tls().Send(victim.local().port, datagram);
    stranger.tls().Send(udp_.port, datagram);
  }
  stranger.Turn();
  EXPECT_TRUE(Until([&] {
    const nlohmann::json drops = AskMap(directory_ / "map.sock", "status\n")["drops"];
    return drops.value("other_address", 0) == 100 && drops.value("unknown_type", 0) == 100;
  }));
  EXPECT_FALSE(const_cast<LiveSocket&>(victim).Receive().has_value());
  EXPECT_EQ(Streams()["proven"], 0);
  ExpectServes();
}

// From one address: its share and no more, and another address is served meanwhile.
TEST_F(StreamProgramTest, AThousandConnectionsTakeTheirShareAlone) {
  std::vector<os::UniqueFd> crowd;
  for (int i = 0; i < 1000; ++i) {
    const os::SocketAddress address(tcp_);
    os::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    os::SocketAddress own(Endpoint{Ip("127.0.0.9"), 0});
    ASSERT_EQ(bind(fd.get(), own.get(), own.size()), 0);
    connect(fd.get(), address.get(), address.size());
    crowd.push_back(std::move(fd));
  }
  ASSERT_TRUE(Until([&] { return Streams()["refused"]["evicted"].get<uint64_t>() > 0; }));
  EXPECT_LE(Streams()["open"].get<uint64_t>(), kMaxStreamsOfSource);
  ExpectServes();
}

// It has few descriptors, and streams leave it those that it needs itself: for those who ask how it is, for one.
TEST_F(StreamProgramTest, AThousandConnectionsLeaveDescriptorsForTheRest) {
  Start({"--nofile=128:128"});
  std::vector<os::UniqueFd> crowd;
  for (int i = 0; i < 1000; ++i) {
    const os::SocketAddress address(tcp_);
    os::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const os::SocketAddress own(Endpoint{Ip(absl::StrCat("127.0.", i % 100, ".", 2 + i / 100)), 0});
    ASSERT_EQ(bind(fd.get(), own.get(), own.size()), 0);
    connect(fd.get(), address.get(), address.size());
    crowd.push_back(std::move(fd));
  }
  ASSERT_TRUE(Until([&] { return Streams()["refused"]["evicted"].get<uint64_t>() > 100; }));
  EXPECT_LE(Streams()["open"].get<uint64_t>(), 64u);
  ExpectServes();
}

// It asks for answers and takes none: what waits for it is bounded, and others are served.
TEST_F(StreamProgramTest, WhoStopsReadingHoldsNobodyUp) {
  StreamNode lazy(1, key_.Public(), udp_, tcp_);
  ASSERT_TRUE(StreamNode::RunUntil({&lazy}, [&] { return lazy.node.registered(); }));
  const int small = 2048;
  setsockopt(lazy.tls().fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
  // A node whose peers are many asks for all of them, again and again, and never reads.
  for (int i = 0; i < 2000; ++i) {
    lazy.node.HandleTimeout(Now());
    while (auto out = lazy.node.NextTransmit()) lazy.tls().Send(udp_.port, out->datagram);
    lazy.tls().Flush();
  }
  ExpectServes();
}

// A certificate of this name, in tls.pem, and its key. False: there is no openssl.
bool Certify(const Directory& directory, const std::string& name, const std::string& days = "30") {
  Program openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                   "-subj", "/CN=" + name, "-days", days, "-keyout", directory / "tls.key", "-out",
                   directory / "tls.pem"},
                  "/usr/bin/openssl");
  if (openssl.Wait() != 0) return false;
  chmod((directory / "tls.key").c_str(), 0600);
  return true;
}

// Renewed while the map runs: a node's connection goes on, and the next one has the new certificate. Files that do not
// belong together change nothing.
TEST_F(StreamProgramTest, ACertificateIsRenewedWhileItRuns) {
  if (!Certify(directory_, "first.example")) GTEST_SKIP() << "there is no openssl";
  more_ = "  cert: tls.pem\n  key: tls.key\n";
  Start();
  StreamNode node(5, key_.Public(), udp_, tcp_);
  ASSERT_TRUE(StreamNode::RunUntil({&node}, [&] { return node.node.registered(); }));
  const auto name = [&] {
    SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
    const os::UniqueFd fd = Dial(tcp_);
    SSL* const ssl = SSL_new(context);
    SSL_set_fd(ssl, fd.get());
    EXPECT_TRUE(Until([&] { return SSL_connect(ssl) == 1; }));
    char text[256] = {};
    X509* const certificate = SSL_get1_peer_certificate(ssl);
    X509_NAME_oneline(X509_get_subject_name(certificate), text, sizeof(text));
    X509_free(certificate);
    SSL_free(ssl);
    SSL_CTX_free(context);
    return std::string(text);
  };
  const auto reload = [&] {
    AskMap(directory_ / "map.sock", "reload\n");
    nlohmann::json report;
    EXPECT_TRUE(Until([&] {
      report = AskMap(directory_ / "map.sock", "reload show\n");
      if (report.contains("reload")) report = report["reload"][0];
      return report["state"] == "applied" || report["state"] == "refused" ||
             report["state"] == "failed" || report["state"] == "rolled_back";
    }));
    return report;
  };
  EXPECT_EQ(name(), "/CN=first.example");
  ASSERT_TRUE(Certify(directory_, "second.example"));
  EXPECT_EQ(reload()["state"], "applied");
  EXPECT_EQ(name(), "/CN=second.example");
  // Its certificate alone is another one.
  std::filesystem::copy_file(directory_ / "tls.key", directory_ / "tls.old");
  ASSERT_TRUE(Certify(directory_, "third.example"));
  std::filesystem::rename(directory_ / "tls.old", directory_ / "tls.key");
  const nlohmann::json refused = reload();
  EXPECT_NE(refused["state"], "applied");
  EXPECT_THAT(refused.dump(), ::testing::HasSubstr("its key is not that of its certificate"));
  EXPECT_EQ(name(), "/CN=second.example");
  EXPECT_EQ(node.tls().end(), End::kNone);
  EXPECT_EQ(Streams()["proven"], 1);
}

TEST_F(StreamProgramTest, ItHasTheCertificateThatItIsGiven) {
  if (!Certify(directory_, "given.example")) GTEST_SKIP() << "there is no openssl";
  more_ = "  cert: tls.pem\n  key: tls.key\n";
  Start();
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  const os::UniqueFd fd = Dial(tcp_);
  SSL* const ssl = SSL_new(context);
  SSL_set_fd(ssl, fd.get());
  ASSERT_TRUE(Until([&] { return SSL_connect(ssl) == 1; }));
  char name[256] = {};
  X509* const certificate = SSL_get1_peer_certificate(ssl);
  X509_NAME_oneline(X509_get_subject_name(certificate), name, sizeof(name));
  EXPECT_STREQ(name, "/CN=given.example");
  EXPECT_STREQ(SSL_get_version(ssl), "TLSv1.3");
  X509_free(certificate);
  SSL_free(ssl);
  SSL_CTX_free(context);
  ExpectServes();
}

TEST_F(StreamProgramTest, AKeyOfAnotherCertificateIsAnErrorAtStart) {
  program_.reset();
  WriteFile(directory_ / "tls.key", "no key\n");
  WriteFile(directory_ / "tls.pem", "no certificate\n");
  WriteFile(directory_ / "map.yaml",
            absl::StrCat("private_key_file: key\nlisten: [\"", udp_.ToString(),
                         "\"]\ncontrol_socket: map.sock\nstream:\n  listen: [\"", tcp_.ToString(),
                         "\"]\n  cert: tls.pem\n  key: tls.key\n"));
  Program refused({"--config", directory_ / "map.yaml"});
  EXPECT_EQ(refused.Errors(), "warp-map: stream: its file holds no certificate in PEM\n");
  EXPECT_EQ(refused.Wait(), 1);
}

}  // namespace
}  // namespace warp::map
