#include "tests/control/protocol/virtual_net.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "dataplane/wire/message.h"

namespace warp::protocol {
namespace {

constexpr Duration kDefaultDelay = 5ms;

}  // namespace

VirtualNet::VirtualNet(NetOptions options) : options_(std::move(options)), random_(options_.seed) {
  EXPECT_TRUE(wire::InitCrypto().ok());
  for (const int ports : options_.ports) {
    Host& host = nodes_.emplace_back();
    host.key = wire::SecretKey::Generate();
    host.ports = ports;
  }
  for (size_t n = 0; n < nodes_.size(); ++n) Start(static_cast<int>(n));
}

VirtualNet::~VirtualNet() {
  if (has_clones_) return;
  for (const Host& host : nodes_) {
    if (host.node == nullptr) continue;
    for (const PeerStatus& peer : host.node->Peers()) EXPECT_TRUE(peer.twins.empty()) << peer.name;
  }
}

// --- The cast. ---

void VirtualNet::Start(int n) {
  Host& host = nodes_[Index(n)];
  NodeOptions node_options{
      .identity = {.secret_key = host.key.Clone(),
                   .wall_clock =
                       [this, n] {
                         return nodes_[Index(n)].wall +
                                static_cast<uint64_t>(now_.time_since_epoch().count());
                       },
                   .ciphers = options_.ciphers,
                   .seed = options_.seed * 1000 + Index(n) * 100 + ++host.starts,
                   .features = host.features,
                   .timers = options_.timers},
      .window = 1024,
      .traffic = [this, n](PathId path) { return nodes_[Index(n)].traffic[path]; },
      .newest = [this, n](PathId path) -> std::optional<NewestArrival> {
        const auto& all = nodes_[Index(n)].newest;
        const auto newest = all.find(path);
        if (newest == all.end()) return std::nullopt;
        return NewestArrival{.counter = static_cast<uint32_t>(newest->second.counter),
                             .session = static_cast<uint8_t>(newest->second.session),
                             .age = now_ - newest->second.when};
      },
      .feedback =
          [this, n](Instant now, PeerId, const wire::Session* session, uint64_t counter,
                    const Feedback& feedback) {
            nodes_[Index(n)].told.push_back({now, session, counter, feedback});
          }};
  host.node = std::make_unique<Node>(std::move(node_options));
  host.received.clear();
  host.drops.clear();
  host.traffic.clear();
  host.newest.clear();
  host.told.clear();
  host.forwarding.clear();
  host.version = 0;
  for (int port = 0; port < host.ports; ++port) {
    host.node->SetPort(now_, static_cast<PortId>(port), StateOf(n, port));
  }
  for (const auto& [peer, endpoints] : host.peers) AddPeerNow(n, peer, endpoints);
}

void VirtualNet::Kill(int n) { nodes_[Index(n)].node.reset(); }

PeerId VirtualNet::AddPeer(int a, int b, bool endpoints) {
  nodes_[Index(a)].peers.emplace_back(b, endpoints);
  nodes_[Index(a)].known[b] = key(b);
  return AddPeerNow(a, b, endpoints);
}

PeerId VirtualNet::AddPeerNow(int a, int b, bool endpoints) {
  std::array<uint8_t, wire::kKeySize> psk;
  psk.fill(nodes_[Index(a)].psk);
  PeerOptions peer{.name = "node" + std::to_string(b),
                   .public_key = nodes_[Index(a)].known.at(b),
                   .psk = wire::PresharedKey(psk)};
  for (int port = 0; endpoints && port < nodes_[Index(b)].ports; ++port)
    peer.endpoints.push_back(EndpointOf(b, port));
  const std::optional<PeerId> id = node(a).AddPeer(now_, std::move(peer));
  EXPECT_TRUE(id.has_value());
  return nodes_[Index(a)].ids[b] = id.value_or(0);
}

void VirtualNet::LearnKey(int a, int b, const wire::PublicKey& key, Replaced replaced) {
  nodes_[Index(a)].known[b] = key;
  EXPECT_TRUE(node(a).SetPeerKey(now_, nodes_[Index(a)].ids.at(b), key, replaced));
}

// --- Links. ---

void VirtualNet::PortDown(int n, int port) {
  nodes_[Index(n)].down.insert(port);
  node(n).SetPort(now_, static_cast<PortId>(port), StateOf(n, port));
}

void VirtualNet::PortUp(int n, int port) {
  nodes_[Index(n)].down.erase(port);
  node(n).SetPort(now_, static_cast<PortId>(port), StateOf(n, port));
}

wire::IpAddress VirtualNet::AddressOf(int n, int port) const {
  const auto high = static_cast<uint8_t>(n >> 8);
  const auto a = static_cast<uint8_t>(n);
  const auto b = static_cast<uint8_t>(port);
  if (!options_.ipv6) return wire::IpAddress::V4({static_cast<uint8_t>(10 + high), a, b, 1});
  return wire::IpAddress::V6({0xfd, 0, high, a, 0, b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
}

PortState VirtualNet::StateOf(int n, int port) const {
  PortState state{
      .up = !nodes_[Index(n)].down.contains(port), .addresses = {AddressOf(n, port)}, .mtu = 1500};
  const auto rate = nodes_[Index(n)].rates.find(port);
  if (rate != nodes_[Index(n)].rates.end()) state.down = rate->second;
  const auto use = nodes_[Index(n)].uses.find(port);
  if (use != nodes_[Index(n)].uses.end()) state.use = use->second;
  for (const auto& [at, address] : nodes_[Index(n)].more) {
    if (at == port) state.addresses.push_back(address);
  }
  return state;
}

bool VirtualNet::HasAddress(int n, int port, const wire::IpAddress& address) const {
  const auto& more = nodes_[Index(n)].more;
  return std::find(more.begin(), more.end(), std::pair(port, address)) != more.end();
}

wire::Endpoint VirtualNet::EndpointOf(int n, int port) const {
  const auto nat = nodes_[Index(n)].nat.find(port);
  if (nat != nodes_[Index(n)].nat.end()) return nat->second;
  return {AddressOf(n, port), wire::kDefaultPort};
}

void VirtualNet::Pump(int n) {
  if (nodes_[Index(n)].node == nullptr) return;
  Follow(nodes_[Index(n)]);
  while (const std::optional<Transmit> transmit = node(n).NextTransmit()) Carry(n, *transmit);
}

void VirtualNet::Carry(int n, const Transmit& transmit) {
  Host& host = nodes_[Index(n)];
  const int port = transmit.port;
  ++host.sent;
  const wire::Endpoint from = host.nat.contains(port) || !HasAddress(n, port, transmit.source)
                                  ? EndpointOf(n, port)
                                  : wire::Endpoint{transmit.source, wire::kDefaultPort};
  const Seen seen{now_, n, port, from, transmit.to, transmit.datagram};
  if (recording_) seen_.push_back(seen);
  if (passes_ && !passes_(seen)) return;
  if (host.cut.contains(port) || host.down.contains(port)) return;
  const auto found = FindPlaces().find(transmit.to);
  if (found == FindPlaces().end()) return;
  for (const auto& [to_node, to_port] : found->second) {
    const Way& way = ways_[{n, port, to_node, to_port}];
    const int copies = Chance() < duplicate_ ? 2 : 1;
    for (int copy = 0; copy < copies; ++copy) {
      if (way.cut || Chance() < loss_) continue;
      const Duration extra(static_cast<int64_t>(static_cast<double>(jitter_.count()) * Chance()));
      flights_.push({now_ + way.delay.value_or(kDefaultDelay) + extra, ++orders_, to_node, to_port,
                     from, transmit.datagram, transmit.to.address});
    }
  }
}

const VirtualNet::Places& VirtualNet::FindPlaces() {
  if (places_) return *places_;
  places_.emplace();
  const auto add = [&](const wire::Endpoint& endpoint, int n, int port) {
    auto& at = (*places_)[endpoint];
    if (std::find(at.begin(), at.end(), std::pair(n, port)) == at.end()) at.emplace_back(n, port);
  };
  for (int n = 0; n < static_cast<int>(nodes_.size()); ++n) {
    for (int port = 0; port < nodes_[Index(n)].ports; ++port) add(EndpointOf(n, port), n, port);
    for (const auto& [port, endpoint] : nodes_[Index(n)].aliases) add(endpoint, n, port);
    for (const auto& [port, address] : nodes_[Index(n)].more)
      add({address, wire::kDefaultPort}, n, port);
  }
  return *places_;
}

void VirtualNet::Inject(int n, int port, const wire::Endpoint& from,
                        std::vector<uint8_t> datagram) {
  Deliver({now_, ++orders_, n, port, from, std::move(datagram), {}});
  Pump(n);
}

void VirtualNet::Deliver(Flight flight) {
  Host& host = nodes_[Index(flight.node)];
  if (host.node == nullptr || host.cut.contains(flight.port) || host.down.contains(flight.port))
    return;
  const Arrival arrival{static_cast<PortId>(flight.port), flight.from,
                        HasAddress(flight.node, flight.port, flight.to)
                            ? flight.to
                            : AddressOf(flight.node, flight.port)};
  if (wire::ClassifyDatagram(flight.datagram) != wire::MessageType::kSealed) {
    return host.node->HandleHandshake(now_, arrival, flight.datagram);
  }
  if (const wire::Drop drop = Open(host, arrival, flight.datagram); drop != wire::Drop::kNone) {
    ++host.drops[drop];
  }
}

void VirtualNet::Follow(Host& host) {
  if (host.version == host.node->version()) return;
  ForwardingState changed = host.node->GetForwarding(host.version);
  host.version = host.node->version();
  for (ForwardingPeer& peer : changed.peers) host.forwarding[peer.id] = std::move(peer);
}

std::optional<PathId> VirtualNet::PathOf(Host& host, const wire::Session* session,
                                         const Route& route) {
  const std::optional<PeerId> peer = host.node->PeerOf(session);
  if (!peer) return std::nullopt;
  Follow(host);
  for (const PathStatus& path : host.forwarding[*peer].paths) {
    if (path.port == route.port && path.remote == route.remote) return path.id;
  }
  return std::nullopt;
}

// Does the work that lcores and control share in the product: opens a sealed datagram and hands its contents over.
wire::Drop VirtualNet::Open(Host& host, const Arrival& arrival, wire::MutableBytes datagram) {
  const std::optional<wire::DataHeader> header = wire::ReadDataHeader(datagram);
  if (!header) return wire::Drop::kTruncated;
  const Association* association = host.node->sessions().Find(header->receiver_index);
  const std::shared_ptr<wire::Session> session =
      association != nullptr ? association->FindSession(header->receiver_index) : nullptr;
  if (session == nullptr) return wire::Drop::kUnknownSession;
  const std::optional<PathId> path = PathOf(host, session.get(), arrival.route());
  if (path) {
    ++host.traffic[*path].received;
    host.traffic[*path].received_bytes += datagram.size();
  }
  const auto opened = session->Open(now_, host.node->identity().engine(), datagram);
  if (const auto* drop = std::get_if<wire::Drop>(&opened)) {
    // The copy of a payload that has just come over another path.
    const auto original = std::find_if(host.newest.begin(), host.newest.end(), [&](const auto& e) {
      return e.second.counter == header->counter && e.second.session == session->local_index();
    });
    if (*drop == wire::Drop::kDuplicate && path && original != host.newest.end()) {
      host.newest[*path] = {header->counter, session->local_index(), now_};
    }
    return *drop;
  }
  const auto& [counter, plaintext] = std::get<wire::Session::Opened>(opened);
  const std::optional<wire::Kind> kind = wire::ClassifyPlaintext(plaintext);
  if (kind == wire::Kind::kControl) {
    host.node->HandleControl(now_, {arrival, session.get(), counter, plaintext});
    return wire::Drop::kNone;
  }
  if (path) host.newest[*path] = {counter, session->local_index(), now_};
  host.node->NoteAuthentic(now_, session.get(), counter);
  if (!kind) return wire::Drop::kUnknownKind;
  const wire::Bytes text = plaintext.subspan(wire::kInnerHeaderSize);
  host.received.emplace_back(text.begin(), text.end());
  return wire::Drop::kNone;
}

// --- Time. ---

Instant VirtualNet::NextEvent() const {
  Instant next = std::min(talk_.next, flights_.empty() ? kNever : flights_.top().arrives);
  for (const Host& host : nodes_) {
    if (host.node != nullptr) next = std::min(next, host.node->NextTimeout());
  }
  return next;
}

void VirtualNet::Run(Duration duration) {
  RunUntil([] { return false; }, duration);
}

bool VirtualNet::RunUntil(const std::function<bool()>& condition, Duration most) {
  const Instant end = now_ + most;
  uint64_t at_once = 0;
  for (;;) {
    for (size_t n = 0; n < nodes_.size(); ++n) Pump(static_cast<int>(n));
    if (condition()) return true;
    const Instant next = NextEvent();
    if (next > end) break;
    at_once = next > now_ ? 0 : at_once + 1;
    if (at_once > 100'000) {
      ADD_FAILURE() << "time stands still";
      return false;
    }
    now_ = std::max(now_, next);
    while (!flights_.empty() && flights_.top().arrives <= now_) {
      Flight flight = flights_.top();
      flights_.pop();
      Deliver(std::move(flight));
    }
    for (Host& host : nodes_) {
      if (host.node != nullptr && host.node->NextTimeout() <= now_) host.node->HandleTimeout(now_);
    }
    if (talk_.next <= now_) {
      talk_.next = now_ + talk_.interval;
      for (const auto& [from, to] : {std::pair(talk_.a, talk_.b), std::pair(talk_.b, talk_.a)}) {
        if (nodes_[Index(from)].node != nullptr) Send(from, to, std::to_string(talked_++));
      }
    }
  }
  now_ = end;
  return condition();
}

void FloodWithInitiations(VirtualNet& net, int n, int count) {
  const wire::Endpoint stranger{wire::IpAddress::V4({192, 0, 2, 1}), 4000};
  for (int i = 0; i < count; ++i) {
    std::vector<uint8_t> noise(160);
    std::generate(noise.begin(), noise.end(), [] { return static_cast<uint8_t>(rand()); });
    auto datagram =
        wire::EncodeInitiation({.sender_index = static_cast<uint32_t>(i), .noise = noise});
    wire::WriteMacs(wire::Mac1Key(net.key(n)), nullptr, datagram);
    net.Inject(n, 0, stranger, std::move(datagram));
  }
}

// --- Payloads. ---

bool VirtualNet::Send(int a, int b, const std::string& text) {
  const ForwardingPeer& peer = Forwarding(a, b);
  if (peer.send == nullptr) return false;
  std::vector<uint8_t> plaintext(wire::kInnerHeaderSize);
  wire::WritePayloadHeader({.tunnel_id = 1}, plaintext.data());
  plaintext.insert(plaintext.end(), text.begin(), text.end());
  const auto sealed = peer.send->Seal(now_, node(a).identity().engine(), plaintext);
  if (!sealed) return false;
  bool sent = false;
  const bool any_other =
      std::any_of(peer.paths.begin(), peer.paths.end(), [](const PathStatus& path) {
        return path.carries && path.state == PathState::kActive && path.use != PortUse::kLastResort;
      });
  for (const PathStatus& path : peer.paths) {
    if (!path.carries || (any_other && path.use == PortUse::kLastResort)) continue;
    sent = true;
    PathTraffic& traffic = nodes_[Index(a)].traffic[path.id];
    ++traffic.sent;
    traffic.sent_bytes += sealed->size() + 42;
    Carry(a, {path.port, path.remote, *sealed, path.local});
  }
  if (sent) node(a).NoteSent(now_, nodes_[Index(a)].ids.at(b));
  return sent;
}

void VirtualNet::Talk(int a, int b, Duration interval) {
  talk_ = {a, b, interval, interval > Duration::zero() ? now_ : kNever};
}

// --- Looking. ---

const ForwardingPeer& VirtualNet::Forwarding(int a, int b) {
  Host& host = nodes_[Index(a)];
  Follow(host);
  return host.forwarding[host.ids.at(b)];
}

PeerStatus VirtualNet::Peer(int a, int b) {
  for (PeerStatus& peer : node(a).Peers()) {
    if (peer.id == nodes_[Index(a)].ids.at(b)) return peer;
  }
  ADD_FAILURE() << b << " is no peer of " << a;
  return {};
}

PathStatus VirtualNet::Path(int a, int a_port, int b, int b_port) {
  const PeerStatus peer = Peer(a, b);
  for (const PathStatus& path : peer.paths) {
    if (path.port == a_port && path.remote == EndpointOf(b, b_port)) return path;
  }
  ADD_FAILURE() << "no path from " << a << "." << a_port << " to " << b << "." << b_port;
  return {};
}

bool VirtualNet::HasPath(int a, int a_port, const wire::Endpoint& remote) {
  for (const PeerStatus& peer : node(a).Peers()) {
    for (const PathStatus& path : peer.paths) {
      if (path.port == a_port && path.remote == remote) return true;
    }
  }
  return false;
}

size_t VirtualNet::ActivePaths(int a, int b) {
  const PeerStatus peer = Peer(a, b);
  return static_cast<size_t>(
      std::count_if(peer.paths.begin(), peer.paths.end(),
                    [](const PathStatus& path) { return path.state == PathState::kActive; }));
}

size_t VirtualNet::CarryingPaths(int a, int b) {
  const PeerStatus peer = Peer(a, b);
  return static_cast<size_t>(std::count_if(peer.paths.begin(), peer.paths.end(),
                                           [](const PathStatus& path) { return path.carries; }));
}

}  // namespace warp::protocol
