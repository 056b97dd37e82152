#include "dataplane/lcore/port/port.h"

#include <sys/socket.h>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dataplane/lcore/memory/buffer_size.h"
#include "dataplane/lcore/port/ethdev/driver_pci.h"
#include "dataplane/lcore/port/ethdev/driver_vdev.h"
#include "dataplane/lcore/port/ethdev/lab_port.h"
#include "dataplane/lcore/port/packet_socket/driver_af_packet.h"
#include "dataplane/lcore/port/xdp/driver_af_xdp.h"

namespace warp::lcore {
namespace {

absl::StatusOr<std::unique_ptr<Port>> OpenDriver(const PortSpec& spec, PortId id,
                                                 rte_mempool* rx_pool) {
  switch (spec.driver) {
    case PortDriver::kAfPacket:
      return AfPacketPort::Open(spec, id, rx_pool);
    case PortDriver::kAfXdp:
      return AfXdpPort::Open(spec, id, rx_pool);
    case PortDriver::kPci:
      return PciPort::Open(spec, id, rx_pool);
    case PortDriver::kDevargs:
      if (absl::StartsWith(spec.device, kLabDevice)) return LabPort::Open(spec, id, rx_pool);
      return VdevPort::Open(spec, id, rx_pool);
  }
  return absl::InvalidArgumentError("no such driver");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Port>> Port::Open(const PortSpec& spec, PortId id,
                                                 rte_mempool* rx_pool) {
  const uint16_t most = MtuOfRoom(rte_pktmbuf_data_room_size(rx_pool));
  absl::Status status;
  if (spec.mtu > most) {
    status = absl::InvalidArgumentError(
        absl::StrCat("MTU ", spec.mtu, " is larger than the ", most,
                     " bytes for which packet buffers were made at start"));
  } else {
    auto port = OpenDriver(spec, id, rx_pool);
    if (port.ok()) return port;
    status = port.status();
  }
  return absl::Status(status.code(), absl::StrCat("port ", spec.name, ": ", status.message()));
}

void Port::ClearPollError() {
  int error = 0;
  socklen_t size = sizeof(error);
  if (poll_fd_ >= 0) getsockopt(poll_fd_, SOL_SOCKET, SO_ERROR, &error, &size);
}

}  // namespace warp::lcore
