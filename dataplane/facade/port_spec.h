// What a port is made of, as configuration says it, and what became of it.
#ifndef WARP_DATAPLANE_FACADE_PORT_SPEC_H_
#define WARP_DATAPLANE_FACADE_PORT_SPEC_H_

#include <cstdint>
#include <optional>
#include <string>

#include "dataplane/facade/snapshot.h"
#include "dataplane/wire/frame/frame.h"

namespace warp::lcore {

enum class PortDriver : uint8_t { kAfPacket, kAfXdp, kPci, kDevargs };

struct PortSpec {
  std::string name;  // the operator's: "wan0"
  PortDriver driver = PortDriver::kAfPacket;
  std::string device;   // af_packet, af_xdp: the kernel interface; pci: "0000:3b:00.0"; devargs:
                        // "net_memif0,role=…"
  uint16_t mtu = 1500;  // of IP packets: the kernel interface's, or the companion's
  uint16_t listen_port = 0;  // the UDP port that is ours, for the filters of kernel interfaces
};

struct PortInfo {
  wire::MacAddress mac;
  uint16_t mtu = 0;  // largest IP packet that fits its buffers
  WorkerId worker = 0;
  bool kernel_sees_frames =
      false;  // a kernel interface: the kernel handles what is not ours. Else a companion must.
  bool multi_segment_tx = false;
};

struct PortCounters {
  uint64_t rx_packets = 0, rx_bytes = 0, rx_missed = 0;
  uint64_t tx_packets = 0, tx_bytes = 0, tx_dropped = 0;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_FACADE_PORT_SPEC_H_
