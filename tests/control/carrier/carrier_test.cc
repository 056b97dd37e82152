// The carrier of a port, between a socket that stands for the port and a server of TLS on loopback. The tests wait for
// events, with a time limit that only a hang reaches.
#include "control/carrier/carrier.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/stream/tls_context.h"
#include "control/stream/tls_stream.h"
#include "dataplane/facade/carrier_message.h"
#include "dataplane/os/boot_clock.h"
#include "dataplane/os/signals.h"
#include "dataplane/os/socket_address.h"

namespace warp::control {
namespace {

using lcore::CarrierHeader;
using stream::TlsStream;
using wire::Endpoint;

constexpr auto kHang = std::chrono::seconds(60);
const wire::IpAddress kLoopback = *wire::IpAddress::Parse("127.0.0.1");

bool Until(const std::function<bool()>& done) {
  const wire::Instant end = os::Now() + kHang;
  while (!done()) {
    if (os::Now() > end) return false;
    poll(nullptr, 0, 2);
  }
  return true;
}

// A map's end, that does what the test says.
class Server {
 public:
  Server() {
    fd_ = os::UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    Listen({kLoopback, 0});
  }
  const Endpoint& at() const { return at_; }
  // Waits for a connection. Without TLS it is a bare socket.
  bool Accept() {
    return Until([&] {
      connection_ =
          os::UniqueFd(accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      return static_cast<bool>(connection_);
    });
  }
  // Whether somebody has connected by now.
  bool Comes() {
    pollfd fd = {fd_.get(), POLLIN, 0};
    return poll(&fd, 1, 0) == 1;
  }
  bool Welcome() {
    if (!Accept()) return false;
    tls_ = std::make_unique<TlsStream>(*context_, std::move(connection_), size_t{256} << 10);
    return Until([&] {
      Turn();
      return tls_->open();
    });
  }
  void Turn() {
    if (!reads_) return;
    tls_->Receive(1000, [&](const wire::StreamFrame& frame) {
      heard_.push_back({frame.udp_port, {frame.datagram.begin(), frame.datagram.end()}});
      return true;
    });
    tls_->Flush();
  }
  void StopReading() { reads_ = false; }
  void ReadAgain() { reads_ = true; }
  void Cut() { tls_.reset(); }
  os::UniqueFd& bare() { return connection_; }
  TlsStream& tls() { return *tls_; }
  std::vector<std::pair<uint16_t, std::vector<uint8_t>>>& heard() { return heard_; }

 private:
  void Listen(const Endpoint& at) {
    os::SocketAddress address(at);
    socklen_t size = address.size();
    ASSERT_EQ(bind(fd_.get(), address.get(), size), 0);
    ASSERT_EQ(listen(fd_.get(), 16), 0);
    ASSERT_EQ(getsockname(fd_.get(), address.get(), &size), 0);
    at_ = *address.ToEndpoint();
  }
  const std::unique_ptr<stream::TlsContext> context_ = *stream::TlsContext::Server("", "");
  os::UniqueFd fd_;
  Endpoint at_;
  os::UniqueFd connection_;
  std::unique_ptr<TlsStream> tls_;
  bool reads_ = true;
  std::vector<std::pair<uint16_t, std::vector<uint8_t>>> heard_;
};

class CarrierTest : public ::testing::Test {
 protected:
  void SetUp() override {
    os::BlockSignals(os::SignalSet({SIGPIPE}));
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    port_ = os::UniqueFd(ends[0]);
    const int room = 64 * 1024;
    setsockopt(port_.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    auto carrier =
        Carrier::Start(os::UniqueFd(ends[1]), {.interface = interface_,
                                               .retry = std::chrono::milliseconds(10),
                                               .retry_max = std::chrono::milliseconds(50),
                                               .patience = std::chrono::milliseconds(500),
                                               .silence = silence_});
    ASSERT_TRUE(carrier.ok()) << carrier.status();
    carrier_ = *std::move(carrier);
  }
  bool Reaches(Carrier::State state) {
    return Until([&] { return carrier_->TakeStatus().state == state; });
  }
  void Connect() {
    carrier_->Aim({{server_.at(), "map.example"}});
    ASSERT_TRUE(server_.Welcome());
    ASSERT_TRUE(Reaches(Carrier::State::kOpen));
  }
  // False: the socket takes nothing now.
  bool PortSends(const Endpoint& to, const std::vector<uint8_t>& datagram) {
    const CarrierHeader header = CarrierHeader::Of(kLoopback, to);
    std::vector<uint8_t> message(sizeof(header));
    std::memcpy(message.data(), &header, sizeof(header));
    message.insert(message.end(), datagram.begin(), datagram.end());
    return send(port_.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL) ==
           static_cast<ssize_t>(message.size());
  }
  std::optional<std::pair<CarrierHeader, std::vector<uint8_t>>> PortReceives() {
    std::vector<uint8_t> message(4096);
    const ssize_t size = recv(port_.get(), message.data(), message.size(), MSG_DONTWAIT);
    if (size < static_cast<ssize_t>(sizeof(CarrierHeader))) return std::nullopt;
    CarrierHeader header;
    std::memcpy(&header, message.data(), sizeof(header));
    return {{header, {message.begin() + sizeof(header), message.begin() + size}}};
  }
  Endpoint MapPort(uint16_t port = 13116) const { return {server_.at().address, port}; }

  std::string interface_ = "lo";
  wire::Duration silence_ = kHang;
  Server server_;
  os::UniqueFd port_;
  std::unique_ptr<Carrier> carrier_;
};

TEST_F(CarrierTest, DatagramsGoBothWays) {
  Connect();
  EXPECT_EQ(carrier_->TakeStatus().local, kLoopback);
  ASSERT_TRUE(PortSends(MapPort(), std::vector<uint8_t>(100, 1)));
  ASSERT_TRUE(PortSends(MapPort(40000), std::vector<uint8_t>(1472, 2)));
  ASSERT_TRUE(Until([&] {
    server_.Turn();
    return server_.heard().size() == 2;
  }));
  EXPECT_EQ(server_.heard()[0], std::pair(uint16_t{13116}, std::vector<uint8_t>(100, 1)));
  EXPECT_EQ(server_.heard()[1], std::pair(uint16_t{40000}, std::vector<uint8_t>(1472, 2)));
  ASSERT_TRUE(server_.tls().Send(40000, std::vector<uint8_t>(300, 3)));
  server_.Turn();
  ASSERT_TRUE(Until([&] {
    const auto message = PortReceives();
    if (!message.has_value()) return false;
    EXPECT_EQ(message->first.remote_endpoint(), MapPort(40000));
    EXPECT_EQ(message->first.local_address(), kLoopback);
    EXPECT_EQ(message->second, std::vector<uint8_t>(300, 3));
    return true;
  }));
}

TEST_F(CarrierTest, WhatIsNotForItsMapGoesNowhere) {
  Connect();
  ASSERT_TRUE(
      PortSends({*wire::IpAddress::Parse("192.0.2.1"), 13116}, std::vector<uint8_t>(100, 1)));
  ASSERT_TRUE(PortSends(MapPort(), std::vector<uint8_t>(31, 1)));
  ASSERT_TRUE(PortSends(MapPort(), std::vector<uint8_t>(100, 7)));
  ASSERT_TRUE(Until([&] {
    server_.Turn();
    return !server_.heard().empty();
  }));
  EXPECT_EQ(server_.heard()[0].second, std::vector<uint8_t>(100, 7));
  // The status follows the next change.
  carrier_->Aim({});
  ASSERT_TRUE(Reaches(Carrier::State::kIdle));
  EXPECT_EQ(carrier_->TakeStatus().astray, 2u);
}

// TCP is behind: the port is refused before much waits, nothing is lost on the way, and the order stays.
TEST_F(CarrierTest, AMapThatDoesNotReadMakesThePortRefuse) {
  Connect();
  server_.StopReading();
  uint32_t sent = 0;
  const wire::Instant end = os::Now() + kHang;
  for (int refused = 0; refused < 100;) {
    std::vector<uint8_t> datagram(1400, 0);
    std::memcpy(datagram.data(), &sent, sizeof(sent));
    ASSERT_LT(os::Now(), end);
    if (PortSends(MapPort(), datagram)) {
      ++sent;
      refused = 0;
    } else {
      ++refused;
      poll(nullptr, 0, 2);
    }
  }
  // What TCP of both ends holds on loopback, and little beside it.
  EXPECT_LT(sent, 20000u);
  server_.ReadAgain();
  ASSERT_TRUE(Until([&] {
    server_.Turn();
    return server_.heard().size() == sent;
  }));
  for (uint32_t i = 0; i < sent; ++i) {
    uint32_t number;
    std::memcpy(&number, server_.heard()[i].second.data(), sizeof(number));
    ASSERT_EQ(number, i);
  }
}

TEST_F(CarrierTest, AConnectionThatIsLostIsMadeAgain) {
  Connect();
  server_.Cut();
  ASSERT_TRUE(Until([&] {
    const Carrier::Status& status = carrier_->TakeStatus();
    return status.attempts > 1 && status.state != Carrier::State::kOpen;
  }));
  EXPECT_NE(carrier_->TakeStatus().reason, "");
  ASSERT_TRUE(server_.Welcome());
  ASSERT_TRUE(Reaches(Carrier::State::kOpen));
  EXPECT_EQ(carrier_->TakeStatus().connections, 2u);
}

TEST_F(CarrierTest, ItTriesOneMapAfterTheOther) {
  // Nobody listens at the first.
  const Endpoint nobody{*wire::IpAddress::Parse("127.0.0.77"), server_.at().port};
  carrier_->Aim({{nobody, ""}, {server_.at(), ""}});
  ASSERT_TRUE(server_.Welcome());
  ASSERT_TRUE(Reaches(Carrier::State::kOpen));
  EXPECT_EQ(carrier_->TakeStatus().at, server_.at());
}

TEST_F(CarrierTest, AServerThatSaysNothingIsGivenUp) {
  carrier_->Aim({{server_.at(), ""}});
  ASSERT_TRUE(server_.Accept());
  ASSERT_TRUE(Until([&] { return carrier_->TakeStatus().reason == "it did not answer in time"; }));
  ASSERT_TRUE(server_.Welcome());
  EXPECT_TRUE(Reaches(Carrier::State::kOpen));
}

TEST_F(CarrierTest, WhatIsNoTlsIsGivenUp) {
  carrier_->Aim({{server_.at(), ""}});
  ASSERT_TRUE(server_.Accept());
  const std::string page = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  ASSERT_EQ(send(server_.bare().get(), page.data(), page.size(), 0),
            static_cast<ssize_t>(page.size()));
  EXPECT_TRUE(Until([&] {
    return carrier_->TakeStatus().reason.find("TLS failed") != std::string::npos;
  })) << carrier_->TakeStatus().reason;
}

// What the interface carries is counted with TCP's headers, over all connections, and never taken back.
TEST_F(CarrierTest, CountsWhatItsConnectionsCost) {
  Connect();
  const auto send = [&](size_t count) {
    server_.heard().clear();
    for (size_t i = 0; i < count; ++i) {
      ASSERT_TRUE(Until([&] { return PortSends(MapPort(), std::vector<uint8_t>(1400, 1)); }));
      server_.Turn();
    }
    ASSERT_TRUE(Until([&] {
      server_.Turn();
      return server_.heard().size() == count;
    }));
  };
  const auto bytes = [&] {
    carrier_->Aim({{server_.at(), "map.example"}});  // as the owner does each second
    return carrier_->TakeStatus().bytes;
  };
  send(100);
  ASSERT_TRUE(Until([&] { return bytes() > 140'000; }));
  EXPECT_LT(bytes(), 190'000u);
  server_.Cut();
  ASSERT_TRUE(server_.Welcome());
  ASSERT_TRUE(Until([&] { return carrier_->TakeStatus().connections == 2; }));
  EXPECT_GT(bytes(), 140'000u);
  send(100);
  ASSERT_TRUE(Until([&] { return bytes() > 280'000; }));
  EXPECT_LT(bytes(), 380'000u);
}

class HomelessCarrierTest : public CarrierTest {
 protected:
  HomelessCarrierTest() { interface_ = "no-such0"; }
};

// The interface is gone, or has another name: its connection leaves by no other one, which may be somebody else's to
// pay for.
TEST_F(HomelessCarrierTest, AnInterfaceThatIsGoneIsNotReplacedByAnother) {
  carrier_->Aim({{server_.at(), ""}});
  ASSERT_TRUE(Until([&] { return carrier_->TakeStatus().attempts >= 3; }));
  EXPECT_THAT(carrier_->TakeStatus().reason, ::testing::HasSubstr("cannot be bound"));
  EXPECT_FALSE(server_.Comes());
}

class SilentCarrierTest : public CarrierTest {
 protected:
  SilentCarrierTest() { silence_ = std::chrono::milliseconds(300); }
};

// A box in the network takes TLS connections itself, or a web server has the port, and no map is behind it.
TEST_F(SilentCarrierTest, AConnectionThatLeadsToNoMapIsGivenUpForTheNext) {
  Server other;
  carrier_->Aim({{other.at(), ""}, {server_.at(), ""}});
  ASSERT_TRUE(other.Welcome());
  ASSERT_TRUE(Reaches(Carrier::State::kOpen));
  ASSERT_TRUE(PortSends({other.at().address, 13116}, std::vector<uint8_t>(100, 1)));
  ASSERT_TRUE(server_.Welcome());
  ASSERT_TRUE(Reaches(Carrier::State::kOpen));
  EXPECT_EQ(carrier_->TakeStatus().at, server_.at());
}

// Where nothing is asked, nothing need come; and whoever answers is heard.
TEST_F(SilentCarrierTest, AConnectionThatAnswersStays) {
  Connect();
  poll(nullptr, 0, 700);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(PortSends(MapPort(), std::vector<uint8_t>(100, 1)));
    ASSERT_TRUE(Until([&] {
      server_.Turn();
      return server_.heard().size() == static_cast<size_t>(i) + 1;
    }));
    ASSERT_TRUE(server_.tls().Send(13116, std::vector<uint8_t>(100, 1)));
    server_.Turn();
    ASSERT_TRUE(Until([&] { return PortReceives().has_value(); }));
  }
  EXPECT_EQ(carrier_->TakeStatus().connections, 1u);
}

TEST_F(CarrierTest, AimedAtNothingItCloses) {
  Connect();
  carrier_->Aim({});
  ASSERT_TRUE(Reaches(Carrier::State::kIdle));
  EXPECT_TRUE(Until([&] {
    server_.Turn();
    return server_.tls().end() != stream::End::kNone;
  }));
  // What the port still sends is lost, and holds nobody up.
  for (int i = 0; i < 200; ++i) {
    EXPECT_TRUE(Until([&] { return PortSends(MapPort(), std::vector<uint8_t>(1400, 1)); }));
  }
}

TEST_F(CarrierTest, AConnectionThatIsNotToBeTrustedIsMadeAnew) {
  Connect();
  carrier_->Aim({{server_.at(), "map.example"}}, /*anew=*/true);
  server_.Cut();
  ASSERT_TRUE(server_.Welcome());
  EXPECT_TRUE(Until([&] { return carrier_->TakeStatus().connections == 2; }));
}

TEST_F(CarrierTest, ItEndsWithItsOwnerWhateverItDoes) {
  carrier_->Aim({{server_.at(), ""}});
  ASSERT_TRUE(server_.Accept());
  carrier_.reset();
  // The connection ends with the thread.
  pollfd fd = {server_.bare().get(), POLLRDHUP, 0};
  EXPECT_EQ(poll(&fd, 1, 60'000), 1);
}

}  // namespace
}  // namespace warp::control
