#include "control/lan/lan_finder.h"

#include <sodium.h>

#include <algorithm>
#include <utility>

namespace warp::control {
namespace {

uint64_t RandomSeed() {
  uint64_t seed;
  randombytes_buf(&seed, sizeof(seed));
  return seed;
}

bool Same(const LanSocket::Interface& a, const LanSocket::Interface& b) {
  return a.name == b.name && a.index == b.index;
}

}  // namespace

LanFinder::LanFinder(Loop& loop, const config::NodeConfig& config, protocol::Node& protocol,
                     InterfaceOf interface_of)
    : loop_(loop),
      config_(config),
      protocol_(protocol),
      interface_of_(std::move(interface_of)),
      look_(loop, [this] { Look(); }),
      serve_(loop, [this] { Serve(); }),
      serve_again_(loop, [this] { Serve(); }) {}

void LanFinder::Follow() {
  const bool on = config_.node.discover == config::Discovery::kLan;
  if (!on && discovery_ == nullptr) return;
  keyring_.Begin();
  if (look_.due() > loop_.now() + kMoment) look_.Set(kMoment);
}

void LanFinder::NotePeers(const std::vector<protocol::PeerStatus>& peers) {
  for (const protocol::PeerStatus& peer : peers) {
    if (connected_.size() <= peer.id) connected_.resize(peer.id + 1);
    connected_[peer.id] = peer.connected;
    if (discovery_ != nullptr) discovery_->SetConnected(loop_.now(), peer.id, peer.connected);
  }
  if (discovery_ != nullptr) serve_again_.Schedule();
}

void LanFinder::Look() {
  if (config_.node.discover != config::Discovery::kLan) return End();
  if (discovery_ == nullptr) {
    discovery_ = std::make_unique<protocol::LanDiscovery>(config_.node.listen_port, RandomSeed());
  }
  const bool all_keys = keyring_.Follow(loop_.now(), protocol_, connected_, *discovery_);
  const bool all_sockets = FollowPorts();
  if (!all_keys) {
    look_.Set(kNextKeys);
  } else if (!all_sockets) {
    look_.Set(kTryAgain);
  }
  Serve();
}

// What was found is known no more; the paths that work stay until they are lost.
void LanFinder::End() {
  if (discovery_ == nullptr) return;
  links_.clear();
  discovery_->Forget();
  while (const std::optional<protocol::LanFound> found = discovery_->TakeFound()) {
    protocol_.SetPeerEndpoints(loop_.now(), found->peer, protocol::EndpointSource::kLan, {},
                               found->port);
  }
  discovery_.reset();
  keyring_ = {};
  serve_.Cancel();
}

bool LanFinder::FollowPorts() {
  std::erase_if(links_, [this](const auto& link) {
    if (protocol_.ports().contains(link.first)) return false;
    discovery_->RemovePort(link.first);
    return true;
  });
  bool complete = true;
  for (const auto& [id, state] : protocol_.ports()) {
    complete = FollowPort(id, state) && complete;
  }
  return complete;
}

// False: it has to be tried again.
bool LanFinder::FollowPort(wire::PortId id, const protocol::PortState& state) {
  const std::optional<LanSocket::Interface> interface = interface_of_(id);
  protocol::LanPort told;
  if (state.up && interface) {
    told.addresses = state.addresses;
    told.addresses.insert(told.addresses.end(), state.link_locals.begin(), state.link_locals.end());
    told.sparing = state.use != protocol::PortUse::kFree;
  }
  bool complete = true;
  const auto known = links_.find(id);
  if (known != links_.end() && (!interface || !Same(known->second.interface, *interface))) {
    links_.erase(known);
    discovery_->RemovePort(id);  // what was heard there was of another link, perhaps
  }
  if (!told.addresses.empty()) {
    Link& link = links_[id];
    link.interface = *interface;
    link.has_address = {};
    for (const wire::IpAddress& address : told.addresses)
      link.has_address[static_cast<size_t>(address.is_v4() ? LanSocket::Family::kV4
                                                           : LanSocket::Family::kV6)] = true;
    for (const auto family : {LanSocket::Family::kV4, LanSocket::Family::kV6}) {
      std::unique_ptr<LanSocket>& socket = link.sockets[static_cast<size_t>(family)];
      if (socket != nullptr) continue;
      auto opened =
          LanSocket::Open(loop_, family, *interface, protocol::kLanUdpPort, protocol::kLanHops,
                          [this, id](int hops, const wire::IpAddress& from, wire::Bytes bytes) {
                            discovery_->Handle(loop_.now(), id, hops, from, bytes);
                            serve_again_.Schedule();
                          });
      if (opened.ok()) socket = *std::move(opened);
    }
    // A machine may be without one of the families.
    complete = link.sockets[0] != nullptr || link.sockets[1] != nullptr;
  }
  if (links_.contains(id)) discovery_->SetPort(loop_.now(), id, told);
  return complete;
}

void LanFinder::Serve() {
  if (discovery_ == nullptr) return;
  const wire::Instant now = loop_.now();
  discovery_->HandleTimeout(now);
  size_t sent = 0;
  while (sent < kSentAtATime) {
    const std::optional<protocol::LanTransmit> transmit = discovery_->NextTransmit();
    if (!transmit) break;
    Send(*transmit);
    ++sent;
  }
  if (sent == kSentAtATime) serve_again_.Schedule();
  while (const std::optional<protocol::LanFound> found = discovery_->TakeFound()) {
    protocol_.SetPeerEndpoints(now, found->peer, protocol::EndpointSource::kLan, found->endpoints,
                               found->port);
  }
  const wire::Instant next = discovery_->NextTimeout();
  if (next == wire::kNever) {
    serve_.Cancel();
  } else {
    serve_.SetAt(next);
  }
}

// By the families that the interface has an address of: for another one the kernel takes the source from any interface,
// and would tell this link an address of another.
void LanFinder::Send(const protocol::LanTransmit& transmit) {
  const auto link = links_.find(transmit.port);
  if (link == links_.end()) return;
  for (size_t family = 0; family < link->second.sockets.size(); ++family) {
    LanSocket* const socket = link->second.sockets[family].get();
    if (socket != nullptr && link->second.has_address[family]) socket->Send(transmit.datagram);
  }
}

}  // namespace warp::control
