#include "dataplane/wire/port_device.h"

#include <gtest/gtest.h>

#include "dataplane/wire/polling.h"

namespace warp::wire {
namespace {

TEST(PortDevice, TellsItsDriverAndItsName) {
  const PortDevice chosen = KernelDevice{"eth0"};
  EXPECT_EQ(DriverWord(chosen), "auto");
  EXPECT_EQ(DeviceText(chosen), "eth0");
  EXPECT_EQ(DriverWord(KernelDevice{"eth0", KernelDriver::kAfPacket}), "af_packet");
  EXPECT_EQ(DriverWord(KernelDevice{"wwan0", KernelDriver::kUdp}), "udp");
  const PortDevice xdp = KernelDevice{"eth1", KernelDriver::kAfXdp};
  EXPECT_EQ(DriverWord(xdp), "af_xdp");
  EXPECT_EQ(DeviceText(xdp), "eth1");
  const PortDevice pci = PciDevice{"0000:3b:00.0"};
  EXPECT_EQ(DriverWord(pci), "pci");
  EXPECT_EQ(DeviceText(pci), "0000:3b:00.0");
  const PortDevice lab = VirtualDevice{"net_memif0,role=server"};
  EXPECT_EQ(DriverWord(lab), "devargs");
  EXPECT_EQ(DeviceText(lab), "net_memif0,role=server");
}

// Every combination of facts: a packet socket only where all three speak for it, and a reason that names what does not.
TEST(ChooseDriver, TakesAPacketSocketOnlyWhereItIsPossibleAndFaster) {
  const struct {
    DriverFacts facts;
    KernelDriver driver;
    const char* reason;
  } cases[] = {
      {{.ethernet = true, .packet_sockets_allowed = true, .packet_sockets_join = true},
       KernelDriver::kAfPacket,
       "auto: wan0 is Ethernet, and packet sockets join frames"},
      {{.ethernet = true, .packet_sockets_allowed = true, .packet_sockets_join = false},
       KernelDriver::kUdp,
       "auto: packet sockets join no frames before Linux 6.2"},
      {{.ethernet = true, .packet_sockets_allowed = false, .packet_sockets_join = true},
       KernelDriver::kUdp,
       "auto: a packet socket needs CAP_NET_RAW and CAP_NET_ADMIN"},
      {{.ethernet = true, .packet_sockets_allowed = false, .packet_sockets_join = false},
       KernelDriver::kUdp,
       "auto: a packet socket needs CAP_NET_RAW and CAP_NET_ADMIN"},
      {{.ethernet = false, .packet_sockets_allowed = true, .packet_sockets_join = true},
       KernelDriver::kUdp,
       "auto: wan0 has no Ethernet header"},
      {{.ethernet = false, .packet_sockets_allowed = true, .packet_sockets_join = false},
       KernelDriver::kUdp,
       "auto: wan0 has no Ethernet header"},
      {{.ethernet = false, .packet_sockets_allowed = false, .packet_sockets_join = true},
       KernelDriver::kUdp,
       "auto: wan0 has no Ethernet header"},
      {{.ethernet = false, .packet_sockets_allowed = false, .packet_sockets_join = false},
       KernelDriver::kUdp,
       "auto: wan0 has no Ethernet header"},
  };
  for (const auto& one : cases) {
    const DriverChoice choice = ChooseDriver("wan0", one.facts);
    EXPECT_EQ(choice.driver, one.driver);
    EXPECT_EQ(choice.reason, one.reason);
  }
}

TEST(Words, ATableGivesEachValueItsWord) {
  EXPECT_EQ(WordOf(kPollingWords, Polling::kBusy), "busy");
  EXPECT_EQ(WordOf(kPollingWords, Polling::kAdaptive), "adaptive");
  EXPECT_EQ(WordOf(kPollingWords, Polling::kInterrupt), "interrupt");
  EXPECT_EQ(WordOf(kPollingWords, static_cast<Polling>(3)), "");
}

}  // namespace
}  // namespace warp::wire
