// Names, routes, and what the network and the firewall say about the destinations of this node.
#ifndef WARP_TOOLS_DOCTOR_READ_READ_NETWORK_H_
#define WARP_TOOLS_DOCTOR_READ_READ_NETWORK_H_

#include "tools/doctor/facts/facts.h"
#include "tools/machine/machine.h"

namespace warp::tools {

// After ReadInterfaces. Where maps and peers are, as far as the configuration says; each route from each port there;
// and what comes back when somebody knocks. A node whose configuration names nobody has no destination.
void ReadNetwork(const Machine& machine, const config::NodeConfig& config, Facts& facts);

void ReadFirewall(const Machine& machine, Facts& facts);

}  // namespace warp::tools

#endif  // WARP_TOOLS_DOCTOR_READ_READ_NETWORK_H_
