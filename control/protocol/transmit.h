// The datagrams that the state machines send, each with its way out.
#ifndef WARP_CONTROL_PROTOCOL_TRANSMIT_H_
#define WARP_CONTROL_PROTOCOL_TRANSMIT_H_

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <vector>

#include "control/protocol/constants.h"
#include "dataplane/wire/arrival.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/message.h"

namespace warp::protocol {

using wire::Arrival;
using wire::PortId;
using wire::Route;

// How to get to a remote end.
struct Way {
  // NOLINTNEXTLINE(google-explicit-constructor): a route is a way on which the source does not matter
  Way(const Route& r, const wire::IpAddress& s = {}) : route(r), source(s) {}

  Route route;
  wire::IpAddress source;  // of ours; unspecified: as the kernel chooses
};

// A whole UDP payload: sealed, or a handshake message. Never plaintext.
struct Transmit {
  PortId port = 0;
  wire::Endpoint to;
  std::vector<uint8_t> datagram;
  wire::IpAddress source = {};  // as in Way
  // Set in an answer, which goes back to where something came from: to an address that anybody may have invented, so
  // that nothing is remembered for it. Else `to` is an endpoint of a peer or a map.
  std::optional<Arrival> answers = {};
};

// A bounded queue of datagrams on their way out. The machines push, and the owner of the sockets pops the oldest.
// Whoever is asked more than it can send answers no more while the queue is crowded. What timers send has a pace of its
// own, and always finds room.
class Outbox {
 public:
  // To an endpoint of a peer or a map.
  void Push(const Way& way, std::vector<uint8_t> datagram) {
    Add({.port = way.route.port,
         .to = way.route.remote,
         .datagram = std::move(datagram),
         .source = way.source});
  }
  // Back to where something came from.
  void Answer(const Arrival& arrival, std::vector<uint8_t> datagram) {
    Add({.port = arrival.port,
         .to = arrival.from,
         .datagram = std::move(datagram),
         .source = arrival.to,
         .answers = arrival});
  }
  // Nothing more is to be sent by this port, or again: what is pushed for it is not kept.
  void SetSilent(PortId port, bool silent) {
    if (silent) {
      silent_.insert(port);
    } else {
      silent_.erase(port);
    }
  }
  // The last word by a port that is silent already.
  void PushLast(const Way& way, std::vector<uint8_t> datagram) {
    const auto silent = silent_.extract(way.route.port);
    Push(way, std::move(datagram));
    if (!silent.empty()) silent_.insert(way.route.port);
  }
  std::optional<Transmit> Pop() {
    if (queue_.empty()) return std::nullopt;
    Transmit front = std::move(queue_.front());
    queue_.pop_front();
    return front;
  }
  bool empty() const { return queue_.empty(); }
  size_t size() const { return queue_.size(); }
  bool crowded() const { return queue_.size() >= kMaxTransmits / 2; }
  uint64_t dropped() const { return dropped_; }

 private:
  void Add(Transmit transmit) {
    assert(wire::ClassifyDatagram(transmit.datagram).has_value());
    if (silent_.contains(transmit.port)) return;
    if (queue_.size() >= kMaxTransmits) {
      ++dropped_;
      return;
    }
    queue_.push_back(std::move(transmit));
  }

  std::deque<Transmit> queue_;
  std::set<PortId> silent_;
  uint64_t dropped_ = 0;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_TRANSMIT_H_
