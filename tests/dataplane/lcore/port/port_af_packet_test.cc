// Bursts through the packet sockets of driver_af_packet.h. Neighbouring frames of one flow and size travel joined,
// which neither end may notice.
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "dataplane/lcore/port/packet_socket/offload_header.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/wire/frame/segments.h"
#include "tests/dataplane/lcore/port/port_kernel_fixture.h"

namespace warp::lcore {
namespace {

class PortAfPacketTest : public PortKernelTest {
 protected:
  void SetUp() override {
    PortKernelTest::SetUp();
    if (!IsSkipped()) OpenBoth();
  }

  struct Item {
    uint16_t size = 100;
    uint16_t udp_port = kTestPort;
    bool v6 = false;
  };
  // Sends frames numbered from 0 in one burst. Returns how many the port took, and frees the others.
  uint16_t SendBurst(const std::vector<Item>& items) {
    std::vector<rte_mbuf*> frames;
    for (const Item& item : items) {
      frames.push_back(
          Frame(*a_, *b_, static_cast<uint32_t>(frames.size()), item.size, item.udp_port, item.v6));
    }
    const uint16_t sent = a_->TxBurst(frames.data(), static_cast<uint16_t>(frames.size()));
    for (size_t i = sent; i < frames.size(); ++i) rte_pktmbuf_free(frames[i]);
    return sent;
  }
  // Sends until the port takes a frame. After a change of the interface, the kernel may report the carrier only a
  // second later.
  void WaitForCarrier() {
    for (int ms = 0; SendBurst({{8}}) == 0 && ms < 3000; ++ms) usleep(1000);
    ExpectReceived({{8}});
  }
  // Expects exactly these frames to arrive, in any portions.
  void ExpectReceived(const std::vector<Item>& items, uint16_t portion = 32) {
    for (size_t i = 0; i < items.size();) {
      std::vector<rte_mbuf*> burst(portion);
      uint16_t got = 0;
      for (int ms = 0; got == 0 && ms < 2000; ++ms) {
        if ((got = b_->RxBurst(burst.data(), portion)) == 0) usleep(1000);
      }
      ASSERT_GT(got, 0) << "after " << i;
      for (uint16_t k = 0; k < got; ++k, ++i) {
        ASSERT_LT(i, items.size());
        EXPECT_EQ(NumberOf(burst[k], items[i].size), i) << i;
        rte_pktmbuf_free(burst[k]);
      }
    }
    rte_mbuf* more = nullptr;
    EXPECT_EQ(b_->RxBurst(&more, 1), 0);
  }

  // Sees what arrives at w1, as any other program would.
  class Observer {
   public:
    Observer() : fd_(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
      sockaddr_ll address{};
      address.sll_family = AF_PACKET;
      address.sll_protocol = htons(ETH_P_ALL);
      address.sll_ifindex = static_cast<int>(if_nametoindex("w1"));
      EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    }
    ~Observer() { close(fd_); }
    // Returns the sizes of the UDP frames that arrived.
    std::vector<size_t> Sizes() {
      std::vector<size_t> sizes;
      std::vector<uint8_t> frame(70000);
      for (ssize_t size; (size = recv(fd_, frame.data(), frame.size(), 0)) > 0;) {
        if (wire::JoinableHeaderSize({frame.data(), static_cast<size_t>(size)}) > 0) {
          sizes.push_back(static_cast<size_t>(size));
        }
      }
      return sizes;
    }

   private:
    const int fd_;
  };

  // Puts a frame into w0 that the test made, behind an offload header that the test made.
  bool Inject(const OffloadHeader& offload, const std::vector<uint8_t>& frame) {
    const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    const int on = 1;
    EXPECT_EQ(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_protocol = htons(ETH_P_IP);
    to.sll_ifindex = static_cast<int>(if_nametoindex("w0"));
    iovec parts[] = {{const_cast<OffloadHeader*>(&offload), sizeof(offload)},
                     {const_cast<uint8_t*>(frame.data()), frame.size()}};
    msghdr message{};
    message.msg_name = &to;
    message.msg_namelen = sizeof(to);
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    const bool sent = sendmsg(fd, &message, 0) > 0;
    close(fd);
    return sent;
  }
  std::vector<uint8_t> Joined(size_t payload) {
    rte_mbuf* one = Frame(*a_, *b_, 0, 8);
    std::vector<uint8_t> frame(wire::kFrameHeaderSizeV4 + payload, 0x5a);
    wire::WriteSegmentHeaders(rte_pktmbuf_mtod(one, const uint8_t*), wire::kFrameHeaderSizeV4,
                              payload, frame.data());
    rte_pktmbuf_free(one);
    return frame;
  }
  static OffloadHeader Segments(uint16_t size) {
    return {.flags = OffloadHeader::kNeedsChecksum,
            .kind = OffloadHeader::kUdpSegments,
            .headers_size = wire::kFrameHeaderSizeV4,
            .segment_size = size,
            .checksum_start = 34,
            .checksum_offset = 6};
  }
};
INSTANTIATE_TEST_SUITE_P(, PortAfPacketTest, testing::Values(KernelDriver::kAfPacket));

TEST_P(PortAfPacketTest, ABurstOfOneFlowIsOneFrameOnTheWire) {
  for (const bool v6 : {false, true}) {
    Observer observer;
    const std::vector<Item> items(32, Item{.size = 1400, .v6 = v6});
    EXPECT_EQ(SendBurst(items), 32);
    ExpectReceived(items);
    const size_t header = v6 ? wire::kFrameHeaderSizeV6 : wire::kFrameHeaderSizeV4;
    EXPECT_EQ(observer.Sizes(), std::vector<size_t>({header + 32 * 1400}));
  }
  EXPECT_EQ(a_->Counters().tx_packets, 64u);
  EXPECT_EQ(b_->Counters().rx_packets, 64u);
  EXPECT_EQ(a_->Counters().tx_bytes, b_->Counters().rx_bytes);
}

TEST_P(PortAfPacketTest, OnlyEqualNeighboursAreJoined) {
  Observer observer;
  const std::vector<Item> items = {
      {300}, {300}, {200}, {300}, {400}, {400, kTestPort, true}, {400, kTestPort, true}, {8}};
  EXPECT_EQ(SendBurst(items), items.size());
  ExpectReceived(items);
  const size_t v4 = wire::kFrameHeaderSizeV4, v6 = wire::kFrameHeaderSizeV6;
  // A shorter frame ends a joined one, and a longer frame begins the next.
  EXPECT_EQ(observer.Sizes(),
            std::vector<size_t>({v4 + 800, v4 + 300, v4 + 400, v6 + 800, v4 + 8}));
}

TEST_P(PortAfPacketTest, MoreThanAFrameHoldsIsSeveral) {
  const std::vector<Item> items(64, Item{.size = 1472});
  Observer observer;
  EXPECT_EQ(SendBurst(items), 64);
  for (const size_t size : observer.Sizes()) EXPECT_LT(size, 65536u);
  ExpectReceived(items);
}

TEST_P(PortAfPacketTest, IsReceivedInPortionsOfAnySize) {
  const std::vector<Item> items(30, Item{.size = 1000});
  for (const uint16_t portion : {1, 7, 31}) {
    EXPECT_EQ(SendBurst(items), 30);
    ExpectReceived(items, portion);
  }
}

// How many frames w0 has thrown away, by /proc/net/dev.
uint64_t DroppedByInterface() {
  std::ifstream devices("/proc/thread-self/net/dev");
  for (std::string line; std::getline(devices, line);) {
    const size_t colon = line.find("w0:");
    if (colon == std::string::npos) continue;
    std::istringstream fields(line.substr(colon + 3));
    uint64_t value = 0;
    for (int i = 0; i < 12; ++i)
      fields >> value;  // 8 of receiving, then bytes, packets, errors, drops
    return value;
  }
  return UINT64_MAX;
}

bool SwitchSegmentation(const char* feature, bool on) {
  return std::system(
             absl::StrCat("ethtool -K w0 ", feature, on ? " on" : " off", " >/dev/null 2>&1")
                 .c_str()) == 0;
}

// An interface that does not cut joined frames gets none: it would count each among its losses.
TEST_P(PortAfPacketTest, AnInterfaceThatCutsNothingGetsNothingJoined) {
  EXPECT_TRUE(a_->segmentation());
  const std::vector<Item> items(32, Item{.size = 1400});
  for (const char* feature : {"tx-udp-segmentation", "tx-checksum-ip-generic"}) {
    if (!SwitchSegmentation(feature, false)) GTEST_SKIP() << "no ethtool";
    for (int ms = 0; a_->segmentation() && ms < 5000; ++ms) usleep(1000);
    ASSERT_FALSE(a_->segmentation()) << feature;
    WaitForCarrier();
    const uint64_t before = DroppedByInterface();
    Observer observer;
    for (int burst = 0; burst < 20; ++burst) {
      EXPECT_EQ(SendBurst(items), 32);
      ExpectReceived(items);
    }
    EXPECT_EQ(DroppedByInterface(), before);
    for (const size_t size : observer.Sizes()) EXPECT_EQ(size, wire::kFrameHeaderSizeV4 + 1400);
    ASSERT_TRUE(SwitchSegmentation(feature, true));
    for (int ms = 0; !a_->segmentation() && ms < 5000; ++ms) usleep(1000);
    ASSERT_TRUE(a_->segmentation()) << feature;
    WaitForCarrier();
    Observer joined;
    EXPECT_EQ(SendBurst(items), 32);
    ExpectReceived(items);
    EXPECT_EQ(joined.Sizes().size(), 1u);
  }
}

// Before the port hears of it, a joined frame may be refused. Its pieces leave one by one.
TEST_P(PortAfPacketTest, AChangeInMidStreamLosesNothing) {
  const std::vector<Item> items(32, Item{.size = 1400});
  const uint64_t before = DroppedByInterface();
  for (int change = 0; change < 10; ++change) {
    if (!SwitchSegmentation("tx-udp-segmentation", change % 2 == 1)) GTEST_SKIP() << "no ethtool";
    for (int burst = 0; burst < 20; ++burst) {
      EXPECT_EQ(SendBurst(items), 32);
      ExpectReceived(items);
    }
  }
  EXPECT_LE(DroppedByInterface() - before, 5u * 3) << "a few at each change";
}

// The interface's own limits count, too. The kernel has no news when they change, so that the port takes them as they
// are when it opens.
TEST_P(PortAfPacketTest, JoinedFramesAreNoLargerThanTheInterfaceTakes) {
  const std::vector<Item> items(32, Item{.size = 1400});
  for (const char* limit : {"gso_max_size 10000", "gso_max_size 65536 gso_max_segs 5"}) {
    a_.reset();
    Ip(absl::StrCat("link set w0 ", limit));
    a_ = OpenEnd(0);
    const uint64_t before = DroppedByInterface();
    Observer observer;
    for (int burst = 0; burst < 20; ++burst) {
      EXPECT_EQ(SendBurst(items), 32);
      ExpectReceived(items);
    }
    const size_t largest = std::ranges::max(observer.Sizes());
    EXPECT_GT(largest, 5000u) << limit;
    EXPECT_LT(largest, 10000u) << limit;
    EXPECT_EQ(DroppedByInterface(), before);
  }
}

// The kernel verifies checksums. What it accepts shows that the frames cut from a joined one carry the right ones.
TEST_P(PortAfPacketTest, OthersReceiveWhatWasSent) {
  Ip("address add fd09::2/64 dev w1 nodad");
  const os::UniqueFd socket(::socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  any.sin6_port = htons(5000);
  ASSERT_EQ(bind(socket.get(), reinterpret_cast<const sockaddr*>(&any), sizeof(any)), 0);
  for (const bool v6 : {false, true}) {
    // The kernel may see the carrier of a new interface a second later, and takes no IPv6 from it before that.
    for (int attempt = 0; attempt < 10; ++attempt) {
      EXPECT_EQ(SendBurst(std::vector<Item>(20, Item{.size = 700, .udp_port = 5000, .v6 = v6})),
                20);
      if (IsReadable(socket.get(), 500)) break;
    }
    for (uint32_t i = 0; i < 20; ++i) {
      ASSERT_TRUE(IsReadable(socket.get(), 2000)) << v6 << i;
      uint8_t datagram[2000];
      EXPECT_EQ(recv(socket.get(), datagram, sizeof(datagram), 0), 700);
      uint32_t number = 0;
      std::memcpy(&number, datagram, sizeof(number));
      EXPECT_EQ(number, i);
    }
  }
}

// The replicator makes chains: a header before a payload that several copies share.
TEST_P(PortAfPacketTest, ChainsLeaveAndTheirPayloadIsReleased) {
  std::vector<rte_mbuf*> frames;
  std::vector<rte_mbuf*> payloads;
  for (uint32_t i = 0; i < 10; ++i) {
    rte_mbuf* payload = Frame(*a_, *b_, i, 900);
    rte_mbuf* header = rte_pktmbuf_alloc(a_->rx_pool());
    std::memcpy(rte_pktmbuf_append(header, wire::kFrameHeaderSizeV4),
                rte_pktmbuf_mtod(payload, const void*), wire::kFrameHeaderSizeV4);
    rte_pktmbuf_adj(payload, wire::kFrameHeaderSizeV4);
    rte_mbuf_refcnt_set(payload, 2);
    ASSERT_EQ(rte_pktmbuf_chain(header, payload), 0);
    frames.push_back(header);
    payloads.push_back(payload);
  }
  EXPECT_EQ(a_->TxBurst(frames.data(), 10), 10);
  ExpectReceived(std::vector<Item>(10, Item{.size = 900}));
  for (rte_mbuf* payload : payloads) {
    EXPECT_EQ(rte_mbuf_refcnt_read(payload), 1);
    rte_pktmbuf_free(payload);
  }
}

TEST_P(PortAfPacketTest, RefusesWhileTheInterfaceIsDown) {
  Ip("link set w0 down");
  EXPECT_EQ(SendBurst(std::vector<Item>(3)), 0);
  Ip("link set w0 up");
  WaitForCarrier();
}

TEST_P(PortAfPacketTest, WhatIsTooLargeIsRefusedAndDelaysNobody) {
  Ip("link set w0 mtu 1400");
  rte_mbuf* frames[] = {Frame(*a_, *b_, 0, 100), Frame(*a_, *b_, 1, 1450), Frame(*a_, *b_, 1, 100)};
  rte_mbuf* pieces = frames[2];
  for (int i = 0; i < 6; ++i) rte_pktmbuf_chain(pieces, rte_pktmbuf_alloc(a_->rx_pool()));
  rte_mbuf* burst[] = {frames[0], frames[1], pieces, Frame(*a_, *b_, 1, 100)};
  EXPECT_EQ(a_->TxBurst(burst, 4), 1);
  EXPECT_EQ(a_->refusal().reason, wire::Drop::kTooLarge);
  rte_pktmbuf_free(burst[1]);
  EXPECT_EQ(a_->TxBurst(burst + 2, 2), 0);
  EXPECT_EQ(a_->refusal().reason, wire::Drop::kTooLarge);
  rte_pktmbuf_free(burst[2]);
  EXPECT_EQ(a_->TxBurst(burst + 3, 1), 1);
  EXPECT_EQ(a_->refusal().frames, 0);
  ExpectReceived({{100}, {100}});
  EXPECT_EQ(a_->Counters().tx_dropped, 0u);
  EXPECT_EQ(a_->Counters().tx_packets, 2u);
}

// The kernel would send joined frames whatever their size.
TEST_P(PortAfPacketTest, FramesLargerThanTheInterfacesMtuAreNotJoined) {
  Ip("link set w0 mtu 1400");
  a_->SetInterfaceMtu(1400);
  EXPECT_EQ(SendBurst(std::vector<Item>(3, {1450})), 0);
  EXPECT_EQ(a_->refusal().reason, wire::Drop::kTooLarge);
  const std::vector<Item> items(5, {1372});
  EXPECT_EQ(SendBurst(items), 5);
  ExpectReceived(items);
}

TEST_P(PortAfPacketTest, WhatCannotBeCutIsCounted) {
  // Segments are larger than a buffer where the far end's MTU is larger than ours.
  ASSERT_TRUE(Inject(Segments(3000), Joined(6000)));
  // This single frame is larger than a buffer.
  Ip("link set w0 mtu 9000");
  Ip("link set w1 mtu 9000");
  ASSERT_TRUE(Inject({}, Joined(5000)));
  EXPECT_TRUE(Receive(*b_, 1).empty());
  EXPECT_EQ(b_->Counters().rx_missed, 2u);

  const std::vector<Item> items(5);
  EXPECT_EQ(SendBurst(items), 5);
  ExpectReceived(items);
  a_.reset();
  b_.reset();
  EXPECT_EQ(Held(), 0u);
}

// An interface whose other end is the test. The test reads and writes the offload headers, too.
class Tap {
 public:
  explicit Tap(const char* name) : fd_(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)) {
    ifreq request{};
    std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    EXPECT_EQ(ioctl(fd_, TUNSETIFF, &request), 0) << std::strerror(errno);
  }
  ~Tap() { close(fd_); }
  bool Write(const OffloadHeader& offload, wire::Bytes frame) const {
    const iovec parts[] = {{const_cast<OffloadHeader*>(&offload), sizeof(offload)},
                           {const_cast<uint8_t*>(frame.data()), frame.size()}};
    return writev(fd_, parts, 2) > 0;
  }
  // Returns whether a frame of that size came out. The kernel sends frames of its own, which are skipped.
  bool Has(size_t size) const {
    std::array<uint8_t, 2000> bytes;
    for (ssize_t got; (got = read(fd_, bytes.data(), bytes.size())) > 0;) {
      if (static_cast<size_t>(got) == sizeof(OffloadHeader) + size) return true;
    }
    return false;
  }

 private:
  const int fd_;
};

class PortTapTest : public PortAfPacketTest {
 protected:
  void SetUp() override {
    PortAfPacketTest::SetUp();
    if (IsSkipped()) return;
    tap_ = std::make_unique<Tap>("t0");
    Ip("link set t0 up");
    port_ = Open(KernelDevice{"t0", GetParam()}, 2);
    ASSERT_NE(port_, nullptr);
  }
  bool WriteJoined(const OffloadHeader& offload, size_t payload) {
    std::vector<uint8_t> frame = Joined(payload);
    std::copy_n(port_->mac().bytes.begin(), 6, frame.begin());
    return tap_->Write(offload, frame);
  }

  std::unique_ptr<Tap> tap_;
  std::unique_ptr<Port> port_;
};
INSTANTIATE_TEST_SUITE_P(, PortTapTest, testing::Values(KernelDriver::kAfPacket));

// A message that would be cut into 16,000 frames of one byte would delay everybody else, so it must not be cut.
TEST_P(PortTapTest, WhatWouldBeCutIntoTooManyIsCounted) {
  // Kernels differ in how many segments they accept.
  if (WriteJoined(Segments(1), 128)) {
    EXPECT_EQ(Receive(*port_, 128, 1).size(), 128u);
  }
  const bool let_in = WriteJoined(Segments(1), 129);
  EXPECT_TRUE(Receive(*port_, 1).empty());
  EXPECT_EQ(port_->Counters().rx_missed, let_in ? 1u : 0u);
}

// The kernel cannot describe some frames by an offload header, such as the UFO frames that a guest on a bridge may
// send, so it fails the receive. It reports that error to the next call on the socket, which may be a send.
TEST_P(PortTapTest, AnErrorLeftByAReceiveCostsNoFrame) {
  OffloadHeader ufo = Segments(500);
  ufo.kind = 3;
  rte_mbuf* one = Frame(*a_, *port_, 0);
  ASSERT_TRUE(tap_->Write({}, {rte_pktmbuf_mtod(one, const uint8_t*), rte_pktmbuf_data_len(one)}));
  rte_pktmbuf_free(one);
  ASSERT_TRUE(WriteJoined(ufo, 1000));

  rte_mbuf* burst[32];
  uint16_t got = 0;
  for (int ms = 0; got == 0 && ms < 2000; ++ms) {
    usleep(1000);
    got = port_->RxBurst(burst, 32);
  }
  ASSERT_EQ(got, 1);
  rte_pktmbuf_free(burst[0]);
  rte_mbuf* answer = Frame(*port_, *a_, 1);
  const size_t size = rte_pktmbuf_pkt_len(answer);
  EXPECT_EQ(port_->TxBurst(&answer, 1), 1);
  EXPECT_EQ(port_->Counters().tx_dropped, 0u);
  EXPECT_TRUE(tap_->Has(size));

  ASSERT_TRUE(WriteJoined(ufo, 1000));
  EXPECT_TRUE(Receive(*port_, 1).empty());
  EXPECT_EQ(port_->Counters().rx_missed, 1u);
}

TEST_P(PortAfPacketTest, WithoutBuffersFramesAreCounted) {
  std::vector<rte_mbuf*> all;
  for (rte_mbuf* one; (one = rte_pktmbuf_alloc(b_->rx_pool())) != nullptr;) all.push_back(one);
  EXPECT_EQ(SendBurst(std::vector<Item>(10)), 10);
  rte_mbuf* frame = nullptr;
  EXPECT_EQ(b_->RxBurst(&frame, 1), 0) << "not even one to receive into: it stays with the kernel";
  for (int i = 0; i < 3; ++i) {
    rte_pktmbuf_free(all.back());
    all.pop_back();
  }
  EXPECT_EQ(b_->RxBurst(&frame, 1), 1) << "and one to cut into";
  EXPECT_EQ(NumberOf(frame, 100), 0u);
  rte_pktmbuf_free(frame);
  rte_mbuf* rest[32];
  EXPECT_EQ(b_->RxBurst(rest, 32), 0);
  EXPECT_EQ(b_->TakeLosses().unbuffered, 9u);
  EXPECT_EQ(b_->TakeLosses().unbuffered, 0u);
  EXPECT_EQ(b_->Counters().rx_missed, 0u);
  rte_pktmbuf_free_bulk(all.data(), static_cast<unsigned>(all.size()));
  EXPECT_EQ(SendBurst(std::vector<Item>(10)), 10);
  ExpectReceived(std::vector<Item>(10));
}

// The kernel joins frames that an adapter received one by one, if a socket of the UDP port asks for it. The guard of
// warpd has such a socket.
TEST_P(PortAfPacketTest, ReceivesWhatTheKernelJoined) {
  if (std::system("ethtool -K w1 gro on >/dev/null 2>&1 && ethtool -K w0 tx-udp-segmentation off "
                  ">/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "this kernel's veth joins nothing";
  }
  const int guard = KernelSocket(kTestPort);
  const int on = 1;
  ASSERT_EQ(setsockopt(guard, SOL_UDP, UDP_GRO, &on, sizeof(on)), 0);
  WaitForCarrier();
  const std::vector<Item> items(32, Item{.size = 1200});
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(SendBurst(items), 32);
    ExpectReceived(items);
  }
  close(guard);
}

}  // namespace
}  // namespace warp::lcore
