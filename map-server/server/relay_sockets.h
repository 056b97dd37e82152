// The sockets of the relay's UDP ports, one for each port and each address that the map listens on. What comes to them
// is the Handler's to judge; what it lets through is sent on out of the memory that it was received in, a batch at a
// time.
#ifndef WARP_MAP_SERVER_SERVER_RELAY_SOCKETS_H_
#define WARP_MAP_SERVER_SERVER_RELAY_SOCKETS_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "control/config/relay/relay_config.h"
#include "control/loop/loop.h"
#include "map-server/constants.h"
#include "map-server/server/local_addresses.h"
#include "map-server/server/udp_socket.h"
#include "map-server/session/handler.h"

namespace warp::map {

// Loop's thread only. Its sockets have numbers of their own in LocalAddress::socket, from kFirst on.
class RelaySockets {
 public:
  static constexpr uint16_t kFirst = kMaxListeners;
  static constexpr size_t kMost = size_t{config::RelayPorts::kMostPorts} * kMaxListeners;

  // All of them outlive this. `flush` sends what the handler has to say.
  RelaySockets(control::Loop& loop, Handler& handler, LocalAddresses& local_addresses,
               std::function<void()> flush)
      : loop_(loop),
        handler_(handler),
        local_addresses_(local_addresses),
        flush_(std::move(flush)),
        receive_(UdpSocket::MakeBuffers()),
        send_(UdpSocket::MakeBuffers()) {}

  // Opens these ports at the addresses, whose own ports do not matter, and closes all others; with no ports, all. An
  // error leaves everything as it was.
  absl::Status Listen(std::span<const wire::Endpoint> addresses, const config::RelayPorts& ports,
                      bool patient);

  // So many datagrams are taken from now on, until the next turn.
  void BeginTurn() { budget_ = kRelayDatagramsPerTurn; }

  // Null where there is none of this number, or none any more.
  UdpSocket* Find(size_t number);

  // A datagram that came to a port of the relay, in whatever way: judges it, and sends it on with those before it. The
  // bytes have to stay until Forward. `local`: that answers to it leave from.
  void Take(wire::Instant now, uint16_t udp_port, const wire::Arrival& arrival,
            wire::MutableBytes datagram);
  // Sends on what was taken.
  void Forward();

  // Where what is for a node in a TLS connection goes, from this port. False: it cannot.
  using ToStream = std::function<bool(LocalAddressId id, const wire::Endpoint& to,
                                      uint16_t udp_port, wire::Bytes datagram)>;
  void SetToStream(ToStream to_stream) { to_stream_ = std::move(to_stream); }
  bool Has(uint16_t udp_port) const {
    return std::any_of(ports_.begin(), ports_.end(), [&](const auto& port) {
      return port != nullptr && port->socket->local().port == udp_port;
    });
  }

 private:
  struct Port {
    Port(RelaySockets& sockets, size_t index, std::unique_ptr<UdpSocket> udp);

    const std::unique_ptr<UdpSocket> socket;
    control::Task more;
    const control::Watch watch;
  };

  void Receive(size_t index);

  control::Loop& loop_;
  Handler& handler_;
  LocalAddresses& local_addresses_;
  const std::function<void()> flush_;
  ToStream to_stream_;  // empty: there are no such connections
  // Two, since a batch is sent on while it is looked at.
  const std::shared_ptr<UdpSocket::Buffers> receive_;
  const std::shared_ptr<UdpSocket::Buffers> send_;
  std::vector<std::unique_ptr<Port>> ports_;  // null: closed, its number is free
  size_t budget_ = kRelayDatagramsPerTurn;

  // What goes on, by one socket.
  std::array<UdpSocket::Sent, kBatch> batch_;
  size_t filled_ = 0;
  size_t socket_ = 0;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SERVER_RELAY_SOCKETS_H_
