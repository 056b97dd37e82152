#include "map-server/server/relay_sockets.h"

#include <poll.h>

#include <algorithm>
#include <utility>

namespace warp::map {

RelaySockets::Port::Port(RelaySockets& sockets, size_t index, std::unique_ptr<UdpSocket> udp)
    : socket(std::move(udp)),
      more(sockets.loop_, [&sockets, index] { sockets.Receive(index); }),
      watch(sockets.loop_, socket->fd(), POLLIN, [&sockets, index](uint32_t) {
        if (!sockets.ports_[index]->more.scheduled()) sockets.Receive(index);
      }) {}

// What is new is opened before anything closes, so that nothing has changed where that fails.
absl::Status RelaySockets::Listen(std::span<const wire::Endpoint> addresses,
                                  const config::RelayPorts& ports, bool patient) {
  std::vector<wire::Endpoint> wanted;
  for (const wire::Endpoint& address : addresses) {
    for (uint16_t i = 0; i < ports.count; ++i) {
      const wire::Endpoint at{address.address, static_cast<uint16_t>(ports.first + i)};
      if (std::find(wanted.begin(), wanted.end(), at) == wanted.end()) wanted.push_back(at);
    }
  }
  const auto is_open = [this](const wire::Endpoint& at) {
    return std::any_of(ports_.begin(), ports_.end(), [&](const auto& port) {
      return port != nullptr && port->socket->local() == at;
    });
  };
  std::vector<std::unique_ptr<UdpSocket>> opened;
  for (const wire::Endpoint& at : wanted) {
    if (is_open(at)) continue;
    absl::StatusOr<std::unique_ptr<UdpSocket>> socket = UdpSocket::Open(
        at,
        UdpSocket::Options{
            .patient = patient, .buffer = kRelaySocketBuffer, .receive = receive_, .send = send_});
    if (!socket.ok()) return socket.status();
    opened.push_back(*std::move(socket));
  }
  for (std::unique_ptr<Port>& port : ports_) {
    if (port == nullptr) continue;
    if (std::find(wanted.begin(), wanted.end(), port->socket->local()) == wanted.end())
      port = nullptr;
  }
  for (std::unique_ptr<UdpSocket>& socket : opened) {
    auto place = std::find(ports_.begin(), ports_.end(), nullptr);
    if (place == ports_.end()) place = ports_.insert(place, nullptr);
    *place = std::make_unique<Port>(*this, static_cast<size_t>(place - ports_.begin()),
                                    std::move(socket));
  }
  return absl::OkStatus();
}

UdpSocket* RelaySockets::Find(size_t number) {
  if (number < kFirst || number - kFirst >= ports_.size()) return nullptr;
  Port* const port = ports_[number - kFirst].get();
  return port == nullptr ? nullptr : port->socket.get();
}

// One batch; then it is another socket's turn, and a task goes on with what is left. Where the turn's budget is used
// up, that waits until the map has looked at what else there is.
void RelaySockets::Receive(size_t index) {
  if (budget_ == 0) return ports_[index]->more.Schedule();
  const wire::Instant now = loop_.now();
  UdpSocket& socket = *ports_[index]->socket;
  const size_t count = socket.Receive([&](const UdpSocket::Received& received) {
    if (!received.whole) {
      handler_.mutable_drops().Add(wire::Drop::kTooLarge);
      return;
    }
    const LocalAddressId id = local_addresses_.Number(
        {static_cast<uint16_t>(kFirst + index), received.to, received.interface});
    Take(now, socket.local().port, {id, received.from, received.to}, received.datagram);
  });
  Forward();
  flush_();
  budget_ -= std::min(budget_, count);
  if (count == kBatch) ports_[index]->more.Schedule();
  handler_.mutable_drops().Add(wire::Drop::kReceiverFull, socket.TakeOverflow());
}

void RelaySockets::Take(wire::Instant now, uint16_t udp_port, const wire::Arrival& arrival,
                        wire::MutableBytes datagram) {
  const std::optional<Relay::Target> target =
      handler_.HandleRelayed(now, udp_port, arrival, datagram);
  if (!target.has_value()) return;
  if (IsStream(target->local_address)) {
    if (!to_stream_ || !to_stream_(target->local_address, target->to, udp_port, datagram))
      handler_.mutable_drops().Add(wire::Drop::kTxFull);
    return;
  }
  const LocalAddress& local = local_addresses_.Of(target->local_address);
  if (filled_ == kBatch || (filled_ > 0 && local.socket != socket_)) Forward();
  socket_ = local.socket;
  batch_[filled_++] = {target->to, local.from, local.interface, datagram};
}

void RelaySockets::Forward() {
  UdpSocket* const socket = Find(socket_);
  const size_t taken =
      filled_ > 0 && socket != nullptr ? socket->Send({batch_.data(), filled_}) : 0;
  handler_.mutable_drops().Add(wire::Drop::kTxFull, filled_ - taken);
  filled_ = 0;
}

}  // namespace warp::map
