// What a port of a carrier exchanges with it (PortInfo::carrier_fd): one datagram in a message of a sequenced-packet
// socket (unix(7)), behind this header. Both ends are of one process. A message that is larger than kMaxCarried is
// none.
#ifndef WARP_DATAPLANE_FACADE_CARRIER_MESSAGE_H_
#define WARP_DATAPLANE_FACADE_CARRIER_MESSAGE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/wire/byte_order.h"
#include "dataplane/wire/endpoint.h"

namespace warp::lcore {

struct CarrierHeader {
  std::array<uint8_t, 16> local{};   // an address of the interface; its UDP port is the node's
  std::array<uint8_t, 16> remote{};  // where the datagram goes, or comes from
  wire::Be16 port;                   // the same

  static CarrierHeader Of(const wire::IpAddress& local, const wire::Endpoint& remote) {
    return {
        .local = local.bytes(), .remote = remote.address.bytes(), .port = wire::Be16(remote.port)};
  }
  wire::IpAddress local_address() const { return wire::IpAddress::V6(local); }
  wire::Endpoint remote_endpoint() const {
    return {.address = wire::IpAddress::V6(remote), .port = port.value()};
  }
};
static_assert(sizeof(CarrierHeader) == 34);

// Bytes of a datagram.
inline constexpr size_t kMaxCarried = 2048;

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_FACADE_CARRIER_MESSAGE_H_
