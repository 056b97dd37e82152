// VLANs of a kernel interface by packet sockets: each has a socket of its own, and the kernel parts them.
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/lcore/port/vlan/vlan_tag.h"
#include "dataplane/os/unique_fd.h"
#include "tests/dataplane/lcore/port/port_kernel_fixture.h"

namespace warp::lcore {
namespace {

class VlanAfPacketTest : public PortKernelTest {
 protected:
  // The VLAN of w<end>, under that id.
  std::unique_ptr<Port> OpenVlan(PortId end, uint16_t vlan, bool of_kernel = true) {
    auto port = TryOpen({.device = KernelDevice{absl::StrCat("w", end), KernelDriver::kAfPacket},
                         .vlan = {.id = vlan, .of_kernel = of_kernel}},
                        end);
    EXPECT_TRUE(port.ok()) << port.status();
    return port.ok() ? *std::move(port) : nullptr;
  }
  uint16_t SendBurst(Port& from, Port& to, uint32_t first, uint16_t count, uint16_t size,
                     bool v6 = false) {
    std::vector<rte_mbuf*> frames;
    for (uint16_t i = 0; i < count; ++i)
      frames.push_back(Frame(from, to, first + i, size, kTestPort, v6));
    const uint16_t sent = from.TxBurst(frames.data(), count);
    for (uint16_t i = sent; i < count; ++i) rte_pktmbuf_free(frames[i]);
    return sent;
  }
  // Waits until frames pass from w0 to w1: the kernel may report the carrier late.
  void AwaitCarrier(Port& from, Port& to) {
    for (int ms = 0; Send(from, to, 0, 1, 8) == 0 && ms < 3000; ++ms) usleep(1000);
    Receive(to, 1, 8);
  }

  // Sees what arrives at an interface, with its tag, as any other program would.
  class Observer {
   public:
    explicit Observer(const char* interface)
        : fd_(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
      const int on = 1;
      EXPECT_EQ(setsockopt(fd_.get(), SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)), 0);
      sockaddr_ll address{};
      address.sll_family = AF_PACKET;
      address.sll_protocol = htons(ETH_P_ALL);
      address.sll_ifindex = static_cast<int>(if_nametoindex(interface));
      EXPECT_EQ(bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    }
    struct Seen {
      int tag = -1;  // 16 bits; -1: none
      size_t size = 0;
    };
    std::vector<Seen> All() {
      std::vector<Seen> all;
      std::vector<uint8_t> frame(70000);
      alignas(cmsghdr) std::array<char, 256> control;
      while (true) {
        iovec vector = {frame.data(), frame.size()};
        msghdr message{};
        message.msg_iov = &vector;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        const ssize_t size = recvmsg(fd_.get(), &message, 0);
        if (size <= 0) return all;
        Seen seen{.size = static_cast<size_t>(size)};
        for (cmsghdr* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
          if (part->cmsg_type != PACKET_AUXDATA) continue;
          tpacket_auxdata aux;
          std::memcpy(&aux, CMSG_DATA(part), sizeof(aux));
          if ((aux.tp_status & TP_STATUS_VLAN_VALID) != 0) seen.tag = aux.tp_vlan_tci;
        }
        all.push_back(seen);
      }
    }

   private:
    const os::UniqueFd fd_;
  };
};
INSTANTIATE_TEST_SUITE_P(Drivers, VlanAfPacketTest, testing::Values(KernelDriver::kAfPacket));

TEST_P(VlanAfPacketTest, FramesTravelWithATagOnly) {
  auto a = OpenVlan(0, 10), b = OpenVlan(1, 10);
  ASSERT_TRUE(a != nullptr && b != nullptr);
  AwaitCarrier(*a, *b);
  Observer there("w1");
  uint32_t number = 0;
  for (const uint16_t size : {8, 100, 1471, 1472}) {  // 1472: as large as the MTU lets a packet be
    ASSERT_EQ(Send(*a, *b, number, 5, size), 5u);
    EXPECT_EQ(Receive(*b, 5, size), Numbers(number, 5)) << size;
    number += 5;
  }
  ASSERT_EQ(Send(*a, *b, 0, 5, 1452, kTestPort, /*v6=*/true), 5u);
  EXPECT_EQ(Receive(*b, 5, 1452), Numbers(0, 5));
  const std::vector<Observer::Seen> seen = there.All();
  EXPECT_EQ(seen.size(), 25u);
  for (const Observer::Seen& frame : seen) EXPECT_EQ(frame.tag, 10);
}

// The largest of them would not fit the interface's MTU one by one, were it a packet.
TEST_P(VlanAfPacketTest, BurstsLeaveJoinedWithATag) {
  auto a = OpenVlan(0, 10), b = OpenVlan(1, 10);
  ASSERT_TRUE(a != nullptr && b != nullptr);
  AwaitCarrier(*a, *b);
  if (!a->segmentation()) GTEST_SKIP() << "the interface joins no frames here";
  for (const bool v6 : {false, true}) {
    Observer there("w1");
    ASSERT_EQ(SendBurst(*a, *b, 0, 20, 1400, v6), 20);
    EXPECT_EQ(Receive(*b, 20, 1400), Numbers(0, 20));
    const std::vector<Observer::Seen> seen = there.All();
    ASSERT_FALSE(seen.empty());
    EXPECT_LT(seen.size(), 20u);
    for (const Observer::Seen& frame : seen) EXPECT_EQ(frame.tag, 10);
  }
}

// The sockets of three ports are open at one interface.
TEST_P(VlanAfPacketTest, EachPortHasItsVlanAlone) {
  auto a = OpenVlan(0, 10), ten = OpenVlan(1, 10);
  ASSERT_TRUE(a != nullptr && ten != nullptr);
  auto twenty = OpenVlan(1, 20), untagged = OpenEnd(1), plain = OpenEnd(0);
  ASSERT_TRUE(twenty != nullptr && untagged != nullptr && plain != nullptr);
  AwaitCarrier(*a, *ten);
  ASSERT_EQ(Send(*a, *ten, 1, 3), 3u);
  EXPECT_EQ(Receive(*ten, 3), Numbers(1, 3));
  ASSERT_EQ(Send(*plain, *untagged, 7, 3), 3u);
  EXPECT_EQ(Receive(*untagged, 3), Numbers(7, 3));
  for (Port* port : {ten.get(), twenty.get(), untagged.get()}) {
    rte_mbuf* frame = nullptr;
    EXPECT_EQ(port->RxBurst(&frame, 1), 0);
  }
}

// Switches put such tags on what has a priority. Behind it there may be a tag of somebody's VLAN.
TEST_P(VlanAfPacketTest, ATagWithAPriorityAloneIsOfNoVlan) {
  auto plain = OpenEnd(0), untagged = OpenEnd(1), ten = OpenVlan(1, 10);
  ASSERT_TRUE(plain != nullptr && untagged != nullptr && ten != nullptr);
  AwaitCarrier(*plain, *untagged);
  const auto send = [&](uint32_t number, std::vector<uint16_t> tags) {
    rte_mbuf* frame = Frame(*plain, *untagged, number);
    for (const uint16_t tag : tags) PutTagOn(frame, tag);
    ASSERT_EQ(plain->TxBurst(&frame, 1), 1);
  };
  send(1, {10, 0xe000});
  send(2, {0xe000 | 10});
  send(3, {0xe000});
  EXPECT_EQ(Receive(*untagged, 1), Numbers(3, 1));
  EXPECT_EQ(Receive(*ten, 1), Numbers(2, 1));
  rte_mbuf* frame = nullptr;
  EXPECT_EQ(untagged->RxBurst(&frame, 1) + ten->RxBurst(&frame, 1), 0);
}

// The kernel has no interface for the VLAN, so that what is not ours comes, too, for the companion.
TEST_P(VlanAfPacketTest, OfAVlanThatTheKernelHasNotEverythingComes) {
  auto a = OpenVlan(0, 10, /*of_kernel=*/false), b = OpenVlan(1, 10, /*of_kernel=*/false);
  auto kernels = OpenVlan(1, 10);
  ASSERT_TRUE(a != nullptr && b != nullptr && kernels != nullptr);
  EXPECT_FALSE(b->kernel_sees_frames());
  EXPECT_TRUE(kernels->kernel_sees_frames());
  AwaitCarrier(*a, *b);
  Receive(*kernels, 1, 8);
  ASSERT_EQ(Send(*a, *b, 1, 2, 100, 5000), 2u);  // to another UDP port
  EXPECT_EQ(Receive(*b, 2), Numbers(1, 2));
  rte_mbuf* arp = Frame(*a, *b, 3);
  auto* const bytes = rte_pktmbuf_mtod(arp, uint8_t*);
  std::memset(bytes, 0xff, 6);
  bytes[12] = 0x08, bytes[13] = 0x06;
  ASSERT_EQ(a->TxBurst(&arp, 1), 1);
  rte_mbuf* got = nullptr;
  for (int ms = 0; b->RxBurst(&got, 1) == 0 && ms < 2000; ++ms) usleep(1000);
  ASSERT_NE(got, nullptr);
  EXPECT_EQ(rte_pktmbuf_mtod(got, uint8_t*)[13], 0x06);
  rte_pktmbuf_free(got);
  EXPECT_EQ(kernels->RxBurst(&got, 1), 0);
}

// Adapters leave out VLANs that the kernel has not, unless they hear all frames.
TEST_P(VlanAfPacketTest, TheInterfaceHearsAllFramesWhileItsVlanNeedsThat) {
  const auto promiscuous = [] {
    return std::system("ip -d link show w0 | grep -q 'promiscuity 1'") == 0;
  };
  auto kernels = OpenVlan(0, 10);
  EXPECT_FALSE(promiscuous());
  auto own = OpenVlan(0, 20, /*of_kernel=*/false);
  EXPECT_TRUE(promiscuous());
  own.reset();
  EXPECT_FALSE(promiscuous());
}

}  // namespace
}  // namespace warp::lcore
