// A packet socket as a port on an interface whose frames begin with the IP header: a tun interface, whose other end is
// the test.
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/lcore/port/packet_socket/offload_header.h"
#include "dataplane/wire/frame/segments.h"
#include "tests/dataplane/lcore/port/port_fixture.h"

namespace warp::lcore {
namespace {

constexpr size_t kLink = wire::kEthernetHeaderSize;

class Tun {
 public:
  explicit Tun(const char* name) : fd_(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)) {
    ifreq request{};
    std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
    EXPECT_EQ(ioctl(fd_, TUNSETIFF, &request), 0) << std::strerror(errno);
  }
  ~Tun() { close(fd_); }
  // The interface takes joined datagrams from now on. False: this kernel's takes none.
  bool TakeJoined() const {
    constexpr unsigned long kChecksums = 0x01,
                            kJoinedUdp = 0x20 | 0x40;  // TUN_F_CSUM, TUN_F_USO4 and 6
    return ioctl(fd_, TUNSETOFFLOAD, kChecksums | kJoinedUdp) == 0;
  }
  bool Write(const OffloadHeader& offload, const std::string& packet) const {
    const iovec parts[] = {{const_cast<OffloadHeader*>(&offload), sizeof(offload)},
                           {const_cast<char*>(packet.data()), packet.size()}};
    return writev(fd_, parts, 2) > 0;
  }
  struct Packet {
    OffloadHeader offload;
    std::string bytes;
  };
  // The next packet that holds UDP from our port. The kernel sends packets of its own, which are skipped.
  Packet Read() const {
    for (int ms = 0; ms < 2000; ++ms) {
      Packet packet;
      std::string bytes(70000, 0);
      const iovec parts[] = {{&packet.offload, sizeof(packet.offload)},
                             {bytes.data(), bytes.size()}};
      const ssize_t got = readv(fd_, parts, 2);
      if (got <= 0) usleep(1000);
      if (got <= static_cast<ssize_t>(sizeof(packet.offload)) + 48) continue;
      packet.bytes = bytes.substr(0, static_cast<size_t>(got) - sizeof(packet.offload));
      const bool v6 = static_cast<uint8_t>(packet.bytes[0]) >> 4 == 6;
      const size_t udp = v6 ? 40 : 20;
      if (packet.bytes[v6 ? 6 : 9] == IPPROTO_UDP && packet.bytes.substr(udp, 2) == Port())
        return packet;
    }
    return {};
  }

 private:
  static std::string Port() {
    return {static_cast<char>(kTestPort >> 8), static_cast<char>(kTestPort & 0xff)};
  }
  const int fd_;
};

class PortPlainIpTest : public PortTest {
 protected:
  void SetUp() override {
    if (!private_network) GTEST_SKIP() << "needs the right to make a network namespace";
    if (access("/dev/net/tun", W_OK) != 0) GTEST_SKIP() << "needs /dev/net/tun";
    tun_ = std::make_unique<Tun>("n0");
    ASSERT_EQ(std::system("ip link set n0 up && ip address add 10.9.0.1/24 dev n0"), 0);
    port_ = Open(KernelDevice{"n0", KernelDriver::kAfPacket}, 0);
    ASSERT_NE(port_, nullptr);
  }
  // The bytes of a frame from the port to itself, which is freed.
  std::string BytesOf(uint32_t number, uint16_t size, bool v6, uint16_t udp_port = kTestPort) {
    rte_mbuf* const frame = Frame(*port_, *port_, number, size, udp_port, v6);
    std::string bytes(rte_pktmbuf_mtod(frame, const char*), rte_pktmbuf_data_len(frame));
    rte_pktmbuf_free(frame);
    return bytes;
  }
  static std::string Packet(const std::string& frame) { return frame.substr(kLink); }

  std::unique_ptr<Tun> tun_;
  std::unique_ptr<Port> port_;
};

TEST_F(PortPlainIpTest, HasNoLinkLayer) {
  EXPECT_FALSE(port_->has_link_layer());
  EXPECT_TRUE(port_->mac().is_station());
  EXPECT_TRUE(port_->kernel_sees_frames());
  EXPECT_TRUE(port_->kernel_keeps_frames());
}

TEST_F(PortPlainIpTest, WhatLeavesBeginsWithTheIpHeader) {
  for (const bool v6 : {false, true, false}) {
    const std::string frame = BytesOf(7, 300, v6);
    ASSERT_EQ(Send(*port_, *port_, 7, 1, 300, kTestPort, v6), 1u);
    EXPECT_EQ(tun_->Read().bytes, Packet(frame)) << v6;
  }
  EXPECT_EQ(port_->Counters().tx_packets, 3u);
  rte_mbuf* large = Frame(*port_, *port_, 0, 1473);
  EXPECT_EQ(port_->TxBurst(&large, 1), 0);
  EXPECT_EQ(port_->refusal().reason, wire::Drop::kTooLarge);
  rte_pktmbuf_free(large);
}

TEST_F(PortPlainIpTest, WhatArrivesHasAnEthernetHeader) {
  for (const bool v6 : {false, true, false}) {
    const std::string frame = BytesOf(7, 300, v6);
    std::string fragment = Packet(frame);
    fragment[v6 ? 6 : 7] = v6 ? IPPROTO_FRAGMENT : 1;
    ASSERT_TRUE(tun_->Write({}, fragment));
    ASSERT_TRUE(tun_->Write({}, Packet(BytesOf(8, 300, v6, 5000))));  // is another program's
    ASSERT_TRUE(tun_->Write({}, Packet(frame)));
    EXPECT_EQ(Receive(*port_, 2, 300), std::vector<uint32_t>{7}) << v6;
  }
  ASSERT_TRUE(tun_->Write({}, Packet(BytesOf(9, 300, true))));
  rte_mbuf* arrived = nullptr;
  for (int ms = 0; port_->RxBurst(&arrived, 1) == 0 && ms < 2000; ++ms) usleep(1000);
  ASSERT_NE(arrived, nullptr);
  wire::ParsedFrame parsed;
  EXPECT_EQ(
      wire::ParseFrame({rte_pktmbuf_mtod(arrived, const uint8_t*), rte_pktmbuf_data_len(arrived)},
                       &parsed),
      wire::FrameKind::kUdp);
  EXPECT_EQ(parsed.to_mac, port_->mac());
  rte_pktmbuf_free(arrived);
  EXPECT_EQ(port_->Counters().rx_missed, 0u);
}

TEST_F(PortPlainIpTest, JoinedDatagramsLeaveAndArriveAsSuch) {
  if (!tun_->TakeJoined()) GTEST_SKIP() << "this kernel's tun takes no joined datagrams";
  for (int ms = 0; !port_->segmentation() && ms < 2000; ++ms) usleep(1000);
  ASSERT_TRUE(port_->segmentation());
  for (const bool v6 : {false, true}) {
    std::vector<rte_mbuf*> frames;
    for (uint32_t i = 0; i < 5; ++i) frames.push_back(Frame(*port_, *port_, i, 300, kTestPort, v6));
    ASSERT_EQ(port_->TxBurst(frames.data(), 5), 5);
    const Tun::Packet joined = tun_->Read();
    EXPECT_EQ(joined.bytes.size(), (v6 ? 48u : 28u) + 5 * 300) << v6;
    EXPECT_EQ(joined.offload.kind, OffloadHeader::kUdpSegments);
    EXPECT_EQ(joined.offload.segment_size, 300);
    ASSERT_TRUE(tun_->Write(joined.offload, joined.bytes));
    EXPECT_EQ(Receive(*port_, 5, 300), (std::vector<uint32_t>{0, 1, 2, 3, 4})) << v6;
  }
  EXPECT_EQ(port_->Counters().rx_missed, 0u);
  port_.reset();
  EXPECT_EQ(Held(), 0u);
}

}  // namespace
}  // namespace warp::lcore
