// Who has taken the addresses of this node's gates.
#ifndef WARP_TOOLS_DOCTOR_READ_READ_SOCKETS_H_
#define WARP_TOOLS_DOCTOR_READ_READ_SOCKETS_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "tools/doctor/facts/facts.h"
#include "tools/machine/machine.h"

namespace warp::tools {

// The sockets in a table of /proc/net/udp or /proc/net/udp6. Lines that are none are skipped.
std::vector<UdpSocketFacts> ParseUdpSockets(absl::string_view table);

// Sockets at the UDP ports and the paths that the configuration names, with the programs that hold them as far as this
// user may see that.
void ReadSockets(const Machine& machine, const config::NodeConfig& config, Facts& facts);

}  // namespace warp::tools

#endif  // WARP_TOOLS_DOCTOR_READ_READ_SOCKETS_H_
