// A tunnel's gate into the kernel's network stack: a TUN interface, whose payloads are IP packets, or a TAP interface,
// whose payloads are Ethernet frames. The interface may be the gate of several tunnels (tun_interface.h).
//
// To the kernel (journey in, step 6): what a turn brings is joined into super-packets where the kernel takes them as
// well (packet/joiner.h), and what is no packet, or comes from an address that the peer may not have, is a drop with a
// name. SYNs are made to ask for segments that fit the paths (packet/mss_clamp.h). Nothing else of a packet is changed:
// its hop limit, DSCP and ECN pass as they are. Control thread only.
#ifndef WARP_CONTROL_GATE_TUN_TUN_GATE_H_
#define WARP_CONTROL_GATE_TUN_TUN_GATE_H_

#include <memory>
#include <span>
#include <vector>

#include "control/gate/gate.h"
#include "control/gate/tun/packet/joiner.h"
#include "control/gate/tun/tun_interface.h"

namespace warp::control {

class TunGate : public Gate, private TunMember {
 public:
  // `sink` outlives the gate.
  TunGate(std::shared_ptr<TunInterface> interface, TunRole role, GateSink& sink);
  ~TunGate() override;

  void Deliver(Delivery payload) override;
  void Flush() override;
  void Resume() override { interface_->Resume(); }
  void Drain() override { interface_->Drain(*this); }
  void SetRoom(size_t payload) override;
  const GateCounters& counters() const override { return counters_; }
  GateStatus status() const override;

 private:
  // TunMember.
  size_t OnPackets(std::span<const wire::Bytes> packets, bool interactive) override;
  void OnDrop(wire::Drop reason) override { counters_.drops.Add(reason); }
  void OnCut() override { ++cut_; }
  size_t room() const override { return room_; }

  wire::Drop Check(wire::Bytes packet, const std::optional<InnerPacket>& inner) const;
  void Clamp(const InnerPacket& inner, Delivery* syn) const;
  void Write(size_t run);

  const std::shared_ptr<TunInterface> interface_;
  GateSink& sink_;
  GateCounters counters_;
  std::vector<Delivery> pending_;  // what the joiner has, in its order
  Joiner joiner_;
  size_t room_ = 0;
  uint64_t cut_ = 0, joined_ = 0;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_TUN_TUN_GATE_H_
