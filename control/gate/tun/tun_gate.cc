#include "control/gate/tun/tun_gate.h"

#include <array>
#include <optional>
#include <utility>

#include "control/gate/tun/packet/mss_clamp.h"

namespace warp::control {

using wire::Drop;

TunGate::TunGate(std::shared_ptr<TunInterface> interface, TunRole role, GateSink& sink)
    : interface_(std::move(interface)),
      sink_(sink),
      joiner_(interface_->layer(), {.tcp = true, .udp = interface_->joins_udp()}) {
  pending_.reserve(Joiner::kMostPackets);
  interface_->Join(*this, std::move(role));
}

TunGate::~TunGate() { interface_->Leave(*this); }

size_t TunGate::OnPackets(std::span<const wire::Bytes> packets, bool interactive) {
  const size_t taken = interactive ? sink_.OnInteractive(packets) : sink_.OnPayloads(packets, {});
  counters_.from_app += taken;
  return taken;
}

void TunGate::SetRoom(size_t payload) {
  if (payload == room_) return;
  room_ = payload;
  interface_->RoomChanged();
}

// Kernels may take what is no packet for one, of another protocol or of another peer.
Drop TunGate::Check(wire::Bytes packet, const std::optional<InnerPacket>& inner) const {
  if (!inner.has_value()) return Drop::kBadPacket;
  if (interface_->layer() == Layer::kEthernet) return Drop::kNone;
  return interface_->MayComeFrom(*this, SourceOf(packet, *inner)) ? Drop::kNone
                                                                  : Drop::kSpoofedSource;
}

void TunGate::Deliver(Delivery payload) {
  const std::optional<InnerPacket> inner = ReadInnerPacket(payload.bytes(), interface_->layer());
  if (const Drop drop = Check(payload.bytes(), inner); drop != Drop::kNone) {
    counters_.drops.Add(drop);
    return;
  }
  if (IsSyn(payload.bytes(), *inner)) Clamp(*inner, &payload);
  pending_.push_back(std::move(payload));
  joiner_.Add(pending_.back().bytes(), *inner);
  if (joiner_.full()) Flush();
}

void TunGate::Clamp(const InnerPacket& inner, Delivery* syn) const {
  const size_t room = interface_->ConnectionRoom(*this);
  if (!WantsLargerSegments(syn->bytes(), inner, room)) return;
  std::vector<uint8_t> packet(syn->bytes().begin(), syn->bytes().end());
  ClampSegments(packet, inner, room);
  const wire::Bytes bytes(packet);
  *syn = Delivery(bytes, std::move(packet));
}

void TunGate::Flush() {
  for (size_t run = 0; run < joiner_.runs(); ++run) Write(run);
  joiner_.Clear();
  pending_.clear();
}

void TunGate::Write(size_t run) {
  const size_t packets = joiner_.PacketsOf(run);
  const Drop drop = interface_->Write(joiner_.Pieces(run));
  if (drop == Drop::kNone) {
    counters_.to_app += packets;
    if (packets > 1) ++joined_;
  } else {
    counters_.drops.Add(drop, packets);
  }
}

GateStatus TunGate::status() const {
  return {
      .trouble = interface_->trouble(), .mtu = interface_->mtu(), .cut = cut_, .joined = joined_};
}

}  // namespace warp::control
