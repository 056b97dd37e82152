// A node for benchmarks. It has real ports, the benchmark turns its workers, and its peer exists only in a table.
#ifndef WARP_PERF_BENCH_NODE_H_
#define WARP_PERF_BENCH_NODE_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/lcore/plane/dpdk_dataplane.h"

namespace warp::perf {

struct SessionPair {
  std::shared_ptr<wire::Session> sender, receiver;
};
SessionPair MakeSessions(wire::Cipher cipher);

class BenchNode {
 public:
  struct Options {
    std::vector<std::string> devices;  // each makes a port
    size_t remotes = 1;                // how many endpoints the peer has; every path is active
    std::shared_ptr<wire::Session> session;  // sends and receives
    wire::EngineKind engine = wire::EngineKind::kAuto;
    uint16_t workers = 1;  // port i belongs to worker i % workers
    uint16_t max_mtu = 1500;
    size_t receive_only = 0;  // no copies are sent over so many of the first ports
  };
  explicit BenchNode(const Options& options);

  lcore::DpdkDataplane& plane() { return *plane_; }
  lcore::Worker& worker(wire::WorkerId id = 0) { return plane_->worker(id); }
  // Puts payloads of these sizes (inner header included) into the worker's ring. Each asks for its completion.
  void Submit(std::span<const uint16_t> sizes, wire::WorkerId home = 0);
  // Takes what came back to control: completions and opened packets. Returns how many of both.
  size_t Drain();
  // Returns the header of a frame that the peer's endpoint `remote` sends to a port.
  wire::FrameTemplate FrameFrom(size_t remote, size_t port = 0) const;
  // Returns the memory, in MiB, that EAL must set aside for a node with these options.
  static uint32_t MemoryMib();

  static constexpr wire::PeerId kPeer = 0;

 private:
  std::unique_ptr<lcore::DpdkDataplane> plane_;
  std::vector<wire::PortId> ports_;
};

wire::Endpoint LocalEndpoint(size_t port);
wire::Endpoint RemoteEndpoint(size_t remote);
std::string UniqueName(const std::string& prefix);

}  // namespace warp::perf

#endif  // WARP_PERF_BENCH_NODE_H_
