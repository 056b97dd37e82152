// What the network says within a bounded time.
#ifndef WARP_TOOLS_MACHINE_NETWORK_H_
#define WARP_TOOLS_MACHINE_NETWORK_H_

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/machine/machine.h"

namespace warp::tools {

// As Machine::ResolveServices; DeadlineExceeded where it takes longer.
absl::StatusOr<std::vector<ServicePlace>> ResolveServiceRecords(const std::string& name,
                                                                std::chrono::milliseconds patience);
// By the system's resolver, on a thread that is left to itself when it takes longer. DeadlineExceeded or NotFound.
absl::StatusOr<std::vector<wire::IpAddress>> ResolveHost(const std::string& host,
                                                         std::chrono::milliseconds patience);

// As Machine::KnockAt: one for each, in their order. NotFound: nobody listens there (ICMP port unreachable).
// PermissionDenied: this machine does not let it leave. Unavailable: another error, of this machine or of a router.
std::vector<absl::Status> KnockByUdp(const std::vector<Knock>& knocks,
                                     std::chrono::milliseconds patience);

}  // namespace warp::tools

#endif  // WARP_TOOLS_MACHINE_NETWORK_H_
