// Opens the UDP socket of a gate. Control thread only.
#ifndef WARP_CONTROL_GATE_UDP_UDP_SOCKET_H_
#define WARP_CONTROL_GATE_UDP_UDP_SOCKET_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/wire/endpoint.h"

namespace warp::control {

// How the socket takes part in multicast. What it sends to a group comes to no socket of this machine, and what is sent
// to the group by another interface does not come to it.
struct Multicast {
  // What is sent to this group, at the port that the gate listens at, comes in, instead of what is sent to the gate's
  // address.
  std::optional<wire::IpAddress> group;
  // By which interface the group is joined, and what is sent to a group leaves; empty: as the kernel's routes say.
  std::string interface;
};

struct UdpSocket {
  os::UniqueFd fd;
  wire::Endpoint local;  // as the kernel has bound it
};

// Non-blocking. The error is one sentence and names the address.
absl::StatusOr<UdpSocket> OpenUdpSocket(const wire::Endpoint& listen, size_t receive_buffer,
                                        const Multicast& multicast);

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_UDP_UDP_SOCKET_H_
