// Gates at ports in a row as one gate: what comes in at one of them goes out, at the peer, at the one of the same
// place. The place is the flow's number, in both directions. This is for programs that use several ports which they
// agree on among themselves, as RTP with RTCP and the media of SIP do. Control thread only.
#ifndef WARP_CONTROL_GATE_UDP_PORT_RANGE_GATE_H_
#define WARP_CONTROL_GATE_UDP_PORT_RANGE_GATE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "control/gate/gate.h"
#include "control/gate/udp/udp_gate.h"
#include "control/loop/loop.h"

namespace warp::control {

class PortRangeGate : public Gate {
 public:
  // `ports` (2 to Flows::kMost) gates, the first as `options` say and each further one a port higher; their `flows` is
  // 1. Errors are those of UdpGate::Open, of the first gate that has one.
  static absl::StatusOr<std::unique_ptr<PortRangeGate>> Open(Loop& loop,
                                                             const UdpGateOptions& options,
                                                             size_t ports, GateSink& sink);

  void Deliver(Delivery payload) override;
  void Flush() override;
  void Resume() override;
  void Drain() override;
  void SetPeer(const GatePeer& peer) override { peer_ = peer; }
  const GateCounters& counters() const override;
  GateStatus status() const override;

 private:
  // Says of what comes in at one port which flow it is.
  class Place : public GateSink {
   public:
    Place(PortRangeGate& range, uint8_t number) : range_(range), number_(number) {}
    size_t OnPayloads(std::span<const wire::Bytes> payloads, wire::Flow flow) override;

   private:
    PortRangeGate& range_;
    const uint8_t number_;
  };

  explicit PortRangeGate(GateSink& sink) : sink_(sink) {}

  GateSink& sink_;
  GatePeer peer_ = {.has_flows = true};
  std::vector<std::unique_ptr<Place>> places_;
  std::vector<std::unique_ptr<UdpGate>> gates_;  // by place
  lcore::DropCounters drops_;                    // of the range itself
  uint64_t refused_ = 0;  // payloads of applications that a peer without flows would mistake
  mutable std::optional<GateCounters> counters_;  // the sums
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_UDP_PORT_RANGE_GATE_H_
