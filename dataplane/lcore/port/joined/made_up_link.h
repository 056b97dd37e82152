// The Ethernet header of a frame that has none on its link. The pipeline writes and reads frames alone, so a port
// without such headers takes them off what it sends, and makes them up for what it receives.
#ifndef WARP_DATAPLANE_LCORE_PORT_JOINED_MADE_UP_LINK_H_
#define WARP_DATAPLANE_LCORE_PORT_JOINED_MADE_UP_LINK_H_

#include <cstdint>
#include <cstring>

#include "dataplane/wire/byte_order.h"
#include "dataplane/wire/mac_address.h"

namespace warp::lcore {

// Both ends are locally administered (IEEE 802, section 8.4).
inline constexpr wire::MacAddress kSocketMac = {{0x02, 0, 0, 0, 0, 0x01}};
inline constexpr wire::MacAddress kRemoteMac = {{0x02, 0, 0, 0, 0, 0x02}};

// Writes the header of a frame that was received, of kEthernetHeaderSize bytes.
inline void WriteMadeUpHeader(bool v6, uint8_t* out) {
  std::memcpy(out, kSocketMac.bytes.data(), 6);
  std::memcpy(out + 6, kRemoteMac.bytes.data(), 6);
  wire::WriteAs(wire::Be16(v6 ? 0x86dd : 0x0800), out + 12);
}

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_JOINED_MADE_UP_LINK_H_
