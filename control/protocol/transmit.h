// What goes in and out of the state machines: where a datagram came from, and datagrams to send.
#ifndef WARP_CONTROL_PROTOCOL_TRANSMIT_H_
#define WARP_CONTROL_PROTOCOL_TRANSMIT_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "control/protocol/constants.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/endpoint.h"

namespace warp::protocol {

using PortId = uint16_t;  // as control numbers its ports

// A way out: the unit of paths, of cookies and of copies.
struct Route {
  PortId port = 0;
  wire::Endpoint remote;

  friend bool operator==(const Route&, const Route&) = default;
  friend auto operator<=>(const Route&, const Route&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Route& r) {
    return H::combine(std::move(h), r.port, r.remote);
  }
};

struct Arrival {
  PortId port = 0;
  wire::Endpoint from;
  wire::IpAddress to;  // our address it was sent to

  Route route() const { return {port, from}; }
};

// A whole UDP payload: sealed, or a handshake message. Never plaintext.
struct Transmit {
  PortId port = 0;
  wire::Endpoint to;
  std::vector<uint8_t> datagram;
};

// Datagrams on their way out, oldest first, bounded. The machines push, the owner of the sockets
// pops.
class Outbox {
 public:
  void Push(const Route& route, std::vector<uint8_t> datagram) {
    if (queue_.size() >= kMaxTransmits) {
      ++dropped_;
      return;
    }
    queue_.push_back({route.port, route.remote, std::move(datagram)});
  }
  std::optional<Transmit> Pop() {
    if (queue_.empty()) return std::nullopt;
    Transmit front = std::move(queue_.front());
    queue_.pop_front();
    return front;
  }
  bool empty() const { return queue_.empty(); }
  size_t size() const { return queue_.size(); }
  uint64_t dropped() const { return dropped_; }

 private:
  std::deque<Transmit> queue_;
  uint64_t dropped_ = 0;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_TRANSMIT_H_
