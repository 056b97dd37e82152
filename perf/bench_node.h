// A node for benchmarks: real ports, workers turned by the benchmark, a peer that is only a table.
#ifndef WARP_PERF_BENCH_NODE_H_
#define WARP_PERF_BENCH_NODE_H_

#include <memory>
#include <string>
#include <vector>

#include "dataplane/lcore/plane.h"

namespace warp::perf {

struct SessionPair {
  std::shared_ptr<wire::Session> sender, receiver;
};
SessionPair MakeSessions(wire::Cipher cipher);

class BenchNode {
 public:
  // One port for each of `devices`; the peer has `remotes` endpoints, and every path is active. `window` is of `session`,
  // which serves both directions of the table. `kind` picks the workers' engine.
  BenchNode(const std::vector<std::string>& devices, size_t remotes,
            std::shared_ptr<wire::Session> session,
            wire::EngineKind kind = wire::EngineKind::kAuto);

  lcore::Plane& plane() { return *plane_; }
  // Submits `count` payloads of `size` bytes (inner header included) and turns the worker until they are gone.
  void Send(size_t count, size_t size);
  // A frame as the peer's endpoint `remote` sends it to port 0.
  wire::FrameTemplate FrameFrom(size_t remote) const;

  static constexpr lcore::PeerId kPeer = 0;

 private:
  std::unique_ptr<lcore::Plane> plane_;
  std::vector<lcore::PortId> ports_;
};

wire::Endpoint LocalEndpoint(size_t port);
wire::Endpoint RemoteEndpoint(size_t remote);
std::string UniqueName(const std::string& prefix);

}  // namespace warp::perf

#endif  // WARP_PERF_BENCH_NODE_H_
