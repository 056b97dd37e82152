// Opens a port of a dataplane and waits for it, in tests and benchmarks.
#ifndef WARP_TESTS_DATAPLANE_ADD_PORT_H_
#define WARP_TESTS_DATAPLANE_ADD_PORT_H_

#include <chrono>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/facade/dataplane.h"

namespace warp::lcore {

// Nobody else may be waiting for news of ports.
inline absl::StatusOr<PortId> AddPort(Dataplane& plane, const PortSpec& spec, int cpu = -1) {
  const absl::StatusOr<PortId> id = plane.AddPort(spec, cpu);
  if (!id.ok()) return id;
  plane.AwaitPorts(std::chrono::minutes(1));
  for (PortNews news; plane.ReceivePortNews({&news, 1}) == 1;) {
    if (news.port != *id) continue;
    if (!news.status.ok()) return news.status;
    return id;
  }
  return absl::DeadlineExceededError("the port does not open");
}

}  // namespace warp::lcore

#endif  // WARP_TESTS_DATAPLANE_ADD_PORT_H_
