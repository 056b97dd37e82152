#include "control/link/transmitter.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "dataplane/wire/drop.h"
#include "dataplane/wire/frame/frame.h"
#include "dataplane/wire/message.h"

namespace warp::control {

using protocol::Transmit;
using wire::Drop;
using wire::Instant;

Transmitter::Transmitter(lcore::Dataplane& dataplane, NextHopTable& next_hops)
    : dataplane_(dataplane), next_hops_(next_hops) {}

void Transmitter::SetPort(wire::PortId port, PortAddressing addressing) {
  ports_[port] = std::move(addressing);
}

void Transmitter::RemovePort(wire::PortId port) {
  ports_.erase(port);
  absl::erase_if(parked_, [this, port](const auto& item) {
    if (item.first.first != port) return false;
    drops_.Add(Drop::kNoPath, item.second.size());
    return true;
  });
}

void Transmitter::Send(Instant now, const Transmit& transmit) {
  // The last look before the wire: what leaves here was sealed, or is a handshake message.
  assert(wire::ClassifyDatagram(transmit.datagram).has_value());
  const auto port = ports_.find(transmit.port);
  if (port == ports_.end()) {
    drops_.Add(Drop::kNoPath);
    return;
  }
  if (transmit.answers) return SendAnswer(port->second, transmit);
  const Flow flow{.local = {transmit.source, port->second.listen_port},
                  .remote = Target(port->second, transmit)};
  const NextHop* next_hop = next_hops_.Request(now, transmit.port, port->second.outlet, flow);
  if (next_hop == nullptr || next_hop->state == NextHop::State::kUnreachable) {
    drops_.Add(Drop::kNoNeighbour);
  } else if (next_hop->reachable()) {
    SendFrame(port->second, next_hop->mac, next_hop->source, transmit);
  } else {
    Park(now, flow, transmit);
  }
}

void Transmitter::SendAnswer(const PortAddressing& from, const Transmit& transmit) {
  const wire::Arrival& arrival = *transmit.answers;
  // A group, or nobody, handed us the frame.
  if (!arrival.from_mac.is_station()) {
    drops_.Add(Drop::kNoNeighbour);
    return;
  }
  SendFrame(from, arrival.from_mac, transmit.source, transmit);
}

void Transmitter::SendFrame(const PortAddressing& from, const wire::MacAddress& to_mac,
                            const wire::IpAddress& source, const Transmit& transmit) {
  lcore::Frame frame = dataplane_.AllocateFrame();
  if (!frame) {
    drops_.Add(Drop::kNoBuffer);
    return;
  }
  const wire::Endpoint to = Target(from, transmit);
  if (source.is_v4() != to.address.is_v4()) {
    drops_.Add(Drop::kNoNeighbour);
    return;
  }
  const wire::FrameTemplate headers = wire::MakeFrameTemplate(
      from.mac, to_mac, {source, from.listen_port}, to, wire::UdpChecksum::kAlways);
  const wire::MutableBytes room = frame.Append(headers.size + transmit.datagram.size());
  if (room.empty()) {
    drops_.Add(Drop::kTooLarge);
    return;
  }
  wire::WriteFrameHeader(headers, static_cast<uint16_t>(transmit.datagram.size()),
                         wire::DatagramSum(transmit.datagram), room.data());
  std::memcpy(room.data() + headers.size, transmit.datagram.data(), transmit.datagram.size());
  dataplane_.Transmit(transmit.port, std::move(frame));
}

void Transmitter::Park(Instant now, const Flow& flow, const Transmit& transmit) {
  const Way way(transmit.port, flow);
  const auto found = parked_.find(way);
  if (found == parked_.end() && parked_.size() >= kMaxWays) ForgetLongestWaiting();
  std::deque<Parked>& queue = parked_[way];
  // The oldest goes, because the protocol repeats it first.
  if (queue.size() >= kParked) {
    queue.pop_front();
    drops_.Add(Drop::kNoNeighbour);
  }
  queue.push_back({.since = now, .transmit = transmit});
}

void Transmitter::ForgetLongestWaiting() {
  const auto longest = std::min_element(
      parked_.begin(), parked_.end(),
      [](const auto& a, const auto& b) { return a.second.front().since < b.second.front().since; });
  drops_.Add(Drop::kNoNeighbour, longest->second.size());
  parked_.erase(longest);
}

void Transmitter::NextHopChanged(Instant now, wire::PortId port, const Flow& flow) {
  const auto found = parked_.find(Way(port, flow));
  if (found == parked_.end()) return;
  std::deque<Parked> waiting = std::move(found->second);
  parked_.erase(found);
  for (const Parked& item : waiting) Send(now, item.transmit);
}

void Transmitter::Expire(Instant now) {
  absl::erase_if(parked_, [this, now](auto& item) {
    std::deque<Parked>& queue = item.second;
    while (!queue.empty() && now - queue.front().since > kPatience) {
      queue.pop_front();
      drops_.Add(Drop::kNoNeighbour);
    }
    return queue.empty();
  });
}

}  // namespace warp::control
