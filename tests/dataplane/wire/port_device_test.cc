#include "dataplane/wire/port_device.h"

#include <gtest/gtest.h>

#include "dataplane/wire/polling.h"

namespace warp::wire {
namespace {

TEST(PortDevice, TellsItsDriverAndItsName) {
  const PortDevice packets = KernelDevice{"eth0"};
  EXPECT_EQ(DriverWord(packets), "af_packet");
  EXPECT_EQ(DeviceText(packets), "eth0");
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

TEST(Words, ATableGivesEachValueItsWord) {
  EXPECT_EQ(WordOf(kPollingWords, Polling::kBusy), "busy");
  EXPECT_EQ(WordOf(kPollingWords, Polling::kAdaptive), "adaptive");
  EXPECT_EQ(WordOf(kPollingWords, Polling::kInterrupt), "interrupt");
  EXPECT_EQ(WordOf(kPollingWords, static_cast<Polling>(3)), "");
}

}  // namespace
}  // namespace warp::wire
