// The map's streams on a loop of the test's own, with clients that stop reading, flood, or hold one of many keys.
#include "map-server/stream/streams.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>
#include <vector>

#include "dataplane/os/boot_clock.h"
#include "dataplane/os/signals.h"
#include "dataplane/os/socket_address.h"

namespace warp::map {
namespace {

using stream::End;
using stream::TlsStream;
using wire::Endpoint;

constexpr auto kHang = std::chrono::seconds(60);
constexpr uint16_t kPort = 13116;

wire::IpAddress Ip(const std::string& text) { return *wire::IpAddress::Parse(text); }

class Client {
 public:
  Client(const stream::TlsContext& context, const Endpoint& to, const std::string& from) {
    os::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    os::SocketAddress own(Endpoint{Ip(from), 0}), address(to);
    const int small = 4096;
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    EXPECT_EQ(bind(fd.get(), own.get(), own.size()), 0);
    EXPECT_TRUE(connect(fd.get(), address.get(), address.size()) == 0 || errno == EINPROGRESS);
    tls_ = std::make_unique<TlsStream>(context, std::move(fd), size_t{64} << 10);
  }
  void Turn() {
    tls_->Receive(64, [&](const wire::StreamFrame&) { return ++heard_, true; });
    tls_->Flush();
  }
  // A frame in the name of a key.
  void Say(uint8_t key) { tls_->Send(kPort, std::vector<uint8_t>(100, key)); }
  TlsStream& tls() { return *tls_; }
  int heard() const { return heard_; }

 private:
  std::unique_ptr<TlsStream> tls_;
  int heard_ = 0;
};

class StreamsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    os::BlockSignals(os::SignalSet({SIGPIPE}));
    Serve({});
  }
  void Serve(const StreamBook::Limits& limits) {
    streams_ = std::make_unique<Streams>(
        *loop_, *server_,
        [this](wire::Instant, const wire::Arrival& arrival, uint16_t, wire::MutableBytes datagram) {
          last_ = arrival;
          std::array<uint8_t, wire::kKeySize> bytes{};
          bytes[0] = datagram[0];
          key_ = wire::PublicKey::FromBytes(bytes);
          return datagram[0] == 0 ? nullptr : &key_;
        },
        limits, std::chrono::milliseconds(50));
    ASSERT_TRUE(streams_->Listen({{Ip("127.0.0.1"), 0}}).ok());
    at_ = streams_->listening().front();
  }
  Client& Connect(const std::string& from = "127.0.0.1") {
    clients_.push_back(std::make_unique<Client>(*client_, at_, from));
    return *clients_.back();
  }
  bool Until(const std::function<bool()>& done) {
    const wire::Instant end = os::Now() + kHang;
    while (!done()) {
      if (os::Now() > end) return false;
      for (const auto& client : clients_) {
        if (client.get() != lazy_) client->Turn();
      }
      while (loop_->RunOnce(64) > 0) continue;
      loop_->Wait(std::chrono::milliseconds(2));
    }
    return true;
  }
  void Prove(Client& client, uint8_t key) {
    ASSERT_TRUE(Until([&] { return client.tls().open(); }));
    const uint64_t before = streams_->counts().proven;
    client.Say(key);
    ASSERT_TRUE(Until([&] { return streams_->counts().proven > before; }));
  }
  uint64_t Ended(Streams::Ended why) const {
    return streams_->counts().ended[static_cast<size_t>(why)];
  }

  const std::unique_ptr<control::Loop> loop_ = *control::Loop::Open();
  const std::unique_ptr<stream::TlsContext> server_ = *stream::TlsContext::Server("", "");
  const std::unique_ptr<stream::TlsContext> client_ = *stream::TlsContext::Client();
  std::unique_ptr<Streams> streams_;
  std::vector<std::unique_ptr<Client>> clients_;
  Client* lazy_ = nullptr;
  Endpoint at_;
  wire::Arrival last_;
  wire::PublicKey key_;
};

// What waits for it is bounded, the rest is refused, others are served, and it ends.
TEST_F(StreamsTest, WhoNeverReadsStallsAndEnds) {
  Client& lazy = Connect();
  Prove(lazy, 1);
  const wire::Arrival to_lazy = last_;
  Client& other = Connect();
  Prove(other, 2);
  const wire::Arrival to_other = last_;
  lazy_ = &lazy;
  const std::vector<uint8_t> datagram(1400, 5);
  // In turns, so that the system takes what it will.
  size_t taken = 0;
  for (int turn = 0; turn < 50; ++turn) {
    while (streams_->Send(to_lazy.port, to_lazy.from, datagram)) ++taken;
    streams_->Flush();
    ASSERT_TRUE(Until([] { return true; }));
  }
  EXPECT_LT(taken * datagram.size(), 16 * kStreamQueue);
  // The other one hears at once.
  ASSERT_TRUE(streams_->Send(to_other.port, to_other.from, datagram));
  streams_->Flush();
  ASSERT_TRUE(Until([&] { return other.heard() == 1; }));
  ASSERT_TRUE(Until([&] { return Ended(Streams::Ended::kStalled) == 1; }));
  EXPECT_EQ(streams_->counts().open, 1u);
  EXPECT_FALSE(streams_->Send(to_lazy.port, to_lazy.from, datagram));
  // Nothing of it is left in the system either: it ends by a reset.
  ASSERT_TRUE(Until([&] {
    lazy.tls().Receive(64, [](const wire::StreamFrame&) { return true; });
    return lazy.tls().end() != End::kNone;
  }));
}

TEST_F(StreamsTest, WhoReadsSlowlyStays) {
  Client& slow = Connect();
  Prove(slow, 1);
  const wire::Arrival to_slow = last_;
  for (int i = 0; i < 20; ++i) {
    streams_->Send(to_slow.port, to_slow.from, std::vector<uint8_t>(1400, 5));
    streams_->Flush();
    const wire::Instant then = os::Now() + std::chrono::milliseconds(20);
    ASSERT_TRUE(Until([&] { return os::Now() > then; }));
  }
  EXPECT_EQ(Ended(Streams::Ended::kStalled), 0u);
  EXPECT_EQ(slow.heard(), 20);
}

// A thousand connections of one network that say nothing come all the time, and one of another is served meanwhile.
TEST_F(StreamsTest, AFloodOfOneNetworkKeepsNobodyOut) {
  // So few handshakes that the flood has used all of them.
  Serve({.unproven = 32, .burst = 4, .per_second = 20});
  const os::SocketAddress address(at_);
  std::vector<os::UniqueFd> crowd(200);
  size_t came = 0;
  const auto flood = [&] {
    for (int i = 0; i < 4; ++i) {
      os::SocketAddress own(Endpoint{Ip("127.0.9." + std::to_string(1 + came % 200)), 0});
      os::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      bind(fd.get(), own.get(), own.size());
      connect(fd.get(), address.get(), address.size());
      // A handshake that begins, and never ends.
      const uint8_t hello[] = {0x16, 0x03, 0x01, 0x02, 0x00, 0x01};
      (void)!write(fd.get(), hello, sizeof(hello));
      crowd[came++ % crowd.size()] = std::move(fd);
    }
    return came > 400;
  };
  ASSERT_TRUE(Until(flood));
  Client& node = Connect("127.0.0.1");
  ASSERT_TRUE(Until([&] { return flood(), node.tls().open() || node.tls().end() != End::kNone; }));
  ASSERT_TRUE(node.tls().open()) << node.tls().reason();
  // It had its turn, while those of the flood waited for theirs.
  EXPECT_LT(came, 4000u);
  node.Say(1);
  EXPECT_TRUE(Until([&] { return flood(), streams_->counts().proven == 1; }));
  EXPECT_GT(streams_->counts().refused.evicted, 0u);
}

TEST_F(StreamsTest, AKeyHasAFewStreams) {
  Serve({.of_key = 2});
  for (int i = 0; i < 3; ++i) {
    Client& client = Connect("127.0." + std::to_string(i) + ".1");
    ASSERT_TRUE(Until([&] { return client.tls().open(); }));
    client.Say(9);
    ASSERT_TRUE(Until([&] {
      return streams_->counts().proven == std::min<size_t>(i + 1, 2) &&
             streams_->counts().refused.key == (i == 2 ? 1u : 0u);
    }));
  }
  EXPECT_TRUE(Until([&] { return clients_[0]->tls().end() != End::kNone; }));
  EXPECT_TRUE(clients_[2]->tls().open());
}

// The room of nodes is taken by one network: another one has its share, and the former's newest ends in the midst.
TEST_F(StreamsTest, NodesOfOneNetworkMakeRoomForAnother) {
  Serve({.streams = 6, .unproven = 2});
  for (int i = 0; i < 4; ++i) {
    Client& client = Connect("127.0.1." + std::to_string(i + 1));
    Prove(client, static_cast<uint8_t>(i + 1));
  }
  Client& more = Connect("127.0.1.9");
  ASSERT_TRUE(Until([&] { return more.tls().open(); }));
  more.Say(7);
  more.Say(7);
  ASSERT_TRUE(Until([&] { return streams_->counts().refused.full == 1; }));
  ASSERT_TRUE(Until([&] { return more.tls().end() != End::kNone; }));
  Client& other = Connect("127.0.2.1");
  ASSERT_TRUE(Until([&] { return other.tls().open(); }));
  other.Say(8);
  ASSERT_TRUE(Until([&] { return clients_[3]->tls().end() != End::kNone; }));
  EXPECT_EQ(streams_->counts().proven, 4u);
  EXPECT_TRUE(other.tls().open());
  EXPECT_TRUE(clients_[0]->tls().open());
}

}  // namespace
}  // namespace warp::map
