#include "control/gate/udp/port_range_gate.h"

#include <utility>

namespace warp::control {

using wire::Drop;

absl::StatusOr<std::unique_ptr<PortRangeGate>> PortRangeGate::Open(Loop& loop,
                                                                   const UdpGateOptions& options,
                                                                   size_t ports, GateSink& sink) {
  std::unique_ptr<PortRangeGate> range(new PortRangeGate(sink));
  for (size_t i = 0; i < ports; ++i) {
    UdpGateOptions one = options;
    one.flows = 1;
    one.listen.port = static_cast<uint16_t>(options.listen.port + i);
    if (one.deliver.has_value())
      one.deliver->port = static_cast<uint16_t>(options.deliver->port + i);
    range->places_.push_back(std::make_unique<Place>(*range, static_cast<uint8_t>(i)));
    auto gate = UdpGate::Open(loop, one, *range->places_.back());
    if (!gate.ok()) return gate.status();
    range->gates_.push_back(*std::move(gate));
  }
  return range;
}

// A peer that knows no flows would deliver it at the first port.
size_t PortRangeGate::Place::OnPayloads(std::span<const wire::Bytes> payloads, wire::Flow flow) {
  if (number_ == 0 || range_.peer_.has_flows) {
    return range_.sink_.OnPayloads(payloads, {.number = number_, .dscp = flow.dscp});
  }
  range_.drops_.Add(Drop::kNoFlow, payloads.size());
  range_.refused_ += payloads.size();
  return payloads.size();
}

void PortRangeGate::Deliver(Delivery payload) {
  const uint8_t number = payload.flow().number, dscp = payload.flow().dscp;
  if (number >= gates_.size()) {
    drops_.Add(Drop::kUnknownFlow);
    return;
  }
  gates_[number]->Deliver(Delivery(std::move(payload), wire::Flow{.dscp = dscp}));
}

void PortRangeGate::Flush() {
  for (const std::unique_ptr<UdpGate>& gate : gates_) gate->Flush();
}

void PortRangeGate::Resume() {
  for (const std::unique_ptr<UdpGate>& gate : gates_) gate->Resume();
}

void PortRangeGate::Drain() {
  for (const std::unique_ptr<UdpGate>& gate : gates_) gate->Drain();
}

const GateCounters& PortRangeGate::counters() const {
  GateCounters& sums = counters_.emplace();
  sums.drops.Add(drops_);
  for (const std::unique_ptr<UdpGate>& gate : gates_) {
    const GateCounters& one = gate->counters();
    sums.from_app += one.from_app;
    sums.to_app += one.to_app;
    sums.takeovers += one.takeovers;
    sums.drops.Add(one.drops);
  }
  sums.from_app -= refused_;
  return sums;
}

// Each port whose receiver is known is a flow in use.
GateStatus PortRangeGate::status() const {
  GateStatus status;
  for (const std::unique_ptr<UdpGate>& gate : gates_) {
    if (gate->receiver().has_value()) ++status.flows;
  }
  status.peer_has_flows = peer_.has_flows;
  return status;
}

}  // namespace warp::control
