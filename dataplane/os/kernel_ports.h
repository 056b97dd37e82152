// What this machine's kernel and this process's rights make of an interface as a port. Any thread.
#ifndef WARP_DATAPLANE_OS_KERNEL_PORTS_H_
#define WARP_DATAPLANE_OS_KERNEL_PORTS_H_

#include <string>
#include <vector>

#include "dataplane/wire/port_device.h"

namespace warp::os {

// Packet sockets take and give joined UDP frames, as they do since Linux 6.2. Only the version tells before one is
// sent.
bool PacketSocketsJoin();

// By two system calls, or three. An interface that there is not has no Ethernet header.
wire::DriverFacts ReadDriverFacts(const std::string& interface);

// A network interface, as far as a pattern of names needs to know it.
struct Interface {
  std::string name;
  int index = 0;
  bool loopback = false;
  friend bool operator==(const Interface&, const Interface&) = default;
};

// Those of this network namespace, by index. Empty where the kernel does not tell.
std::vector<Interface> ReadInterfaces();

}  // namespace warp::os

#endif  // WARP_DATAPLANE_OS_KERNEL_PORTS_H_
