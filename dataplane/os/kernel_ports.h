// What this machine's kernel and this process's rights make of an interface as a port. Any thread.
#ifndef WARP_DATAPLANE_OS_KERNEL_PORTS_H_
#define WARP_DATAPLANE_OS_KERNEL_PORTS_H_

#include <string>

#include "dataplane/wire/port_device.h"

namespace warp::os {

// Packet sockets take and give joined UDP frames, as they do since Linux 6.2. Only the version tells before one is
// sent.
bool PacketSocketsJoin();

// By two system calls, or three. An interface that there is not has no Ethernet header.
wire::DriverFacts ReadDriverFacts(const std::string& interface);

}  // namespace warp::os

#endif  // WARP_DATAPLANE_OS_KERNEL_PORTS_H_
