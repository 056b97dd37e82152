// The interfaces of this machine, and the ports that the configuration makes of them.
#ifndef WARP_TOOLS_DOCTOR_READ_READ_INTERFACES_H_
#define WARP_TOOLS_DOCTOR_READ_READ_INTERFACES_H_

#include "tools/doctor/facts/facts.h"
#include "tools/machine/machine.h"

namespace warp::tools {

// Fills in `interfaces`, `ports` and `cards`. What a NIC can do is asked only of those that are ports.
void ReadInterfaces(const Machine& machine, const config::NodeConfig& config, Facts& facts);

}  // namespace warp::tools

#endif  // WARP_TOOLS_DOCTOR_READ_READ_INTERFACES_H_
