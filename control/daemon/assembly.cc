#include "control/daemon/assembly.h"

#include <poll.h>

#include <algorithm>
#include <random>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "control/daemon/options.h"
#include "control/kernel/port_guard.h"
#include "control/link/followed_mtu.h"
#include "control/log/log.h"
#include "dataplane/os/boot_clock.h"

namespace warp::control {
namespace {

uint64_t RandomSeed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

// Keeps what a factory opened, or returns why it could not.
template <typename T>
absl::Status Keep(absl::StatusOr<T> opened, T& part) {
  if (!opened.ok()) return opened.status();
  part = *std::move(opened);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Assembly>> Assembly::Open(config::NodeConfig config,
                                                         const std::string& file,
                                                         os::UniqueFd hooks) {
  std::unique_ptr<Assembly> parts(new Assembly(std::move(config)));
  for (absl::string_view line : absl::StrSplit(parts->config.advice, '\n', absl::SkipEmpty())) {
    LogWarning(std::string(line));
  }
  if (absl::Status status = parts->OpenLoop(std::move(hooks)); !status.ok()) return status;
  if (absl::Status status = parts->OpenClaims(); !status.ok()) return status;
  if (absl::Status status = parts->OpenKernel(); !status.ok()) return status;
  if (absl::Status status = parts->OpenDataplane(); !status.ok()) return status;
  parts->OpenProtocol();
  if (absl::Status status = parts->OpenCaps(); !status.ok()) return status;
  parts->OpenLinks();
  if (absl::Status status = parts->OpenPeersAndTunnels(); !status.ok()) return status;
  if (absl::Status status = parts->OpenPorts(); !status.ok()) return status;
  parts->OpenMaps();
  absl::Status begun =
      parts->observer->Begin({.protocol = *parts->protocol,
                              .links = *parts->links,
                              .traffic = *parts->traffic,
                              .peers = [all = parts.get()](size_t first, size_t count) {
                                return all->Peers(first, count);
                              }});
  if (!begun.ok()) return begun;
  parts->OpenReload(file);
  return parts;
}

Assembly::Assembly(config::NodeConfig node_config)
    : shared_config(std::make_shared<config::NodeConfig>(std::move(node_config))),
      config(*shared_config),
      plan(PlanWorkers(config, std::thread::hardware_concurrency())) {}

absl::Status Assembly::OpenLoop(os::UniqueFd hooks) {
  if (absl::Status status = Keep(Loop::Open(), loop); !status.ok()) return status;
  started = loop->now();
  observer = std::make_unique<Observer>(*loop, config, std::move(hooks));
  observer->events().AddSink([this](const Event&) {
    if (control_socket != nullptr) control_socket->Wake();
  });
  loop->set_warn(LogWarning);
  if (!loop->fallback_reason().empty())
    LogInfo(
        absl::StrCat("event loop: ", loop->back_end_name(), ", because ", loop->fallback_reason()));
  absl::Status told =
      Keep(ServiceManager::Open(*loop, ServiceEnvironment::Take()), service_manager);
  if (!told.ok()) return told;
  return Keep(Signals::OpenForDaemon(
                  *loop, [this] { stopping = true; }, LogWarning, [this] { BeginReload(); }),
              signals);
}

// What another program may have taken comes early: a second warpd must not get as far as the interfaces.
absl::Status Assembly::OpenClaims() {
  if (absl::Status status = Keep(GuardPort(config.node.listen_port), port_guard); !status.ok()) {
    return status;
  }
  requests = std::make_unique<NodeRequests>(
      [this] { return View(); },
      [this](const std::string& tunnel, const config::TunnelTerms& terms) {
        return SetTerms(tunnel, terms);
      },
      [this](const std::string& port, uint64_t bytes) { return SetCap(port, bytes); });
  control_socket = std::make_unique<ControlSocket>(
      *loop, [this](const StatusServer::Request& request) { return Answer(request); });
  return control_socket->MoveTo(config.node.control_socket);
}

absl::Status Assembly::OpenKernel() {
  if (absl::Status status = Keep(Netlink::Open(*loop), netlink); !status.ok()) return status;
  ResolverOptions names;
  names.uplinks = [this] {
    std::vector<std::string> uplinks;
    for (const auto& port : links->ports().ports()) uplinks.push_back(port->config.kernel_side());
    return uplinks;
  };
  absl::Status status = Keep(Resolver::Open(*loop, std::move(names)), resolver);
  if (!status.ok()) return status;
  // Said now, because the dataplane takes a second to start.
  for (const config::PortConfig& port : config.ports) {
    const wire::KernelDevice* kernel = port.kernel_device();
    const bool awaited = kernel != nullptr && !port.optional && !port.is_pattern();
    if (awaited && !netlink->Find(kernel->interface).present()) {
      return absl::NotFoundError(
          absl::StrCat("port ", port.name, ": there is no network interface ", kernel->interface));
    }
  }
  return absl::OkStatus();
}

// As its interface is now, or the largest of those that match.
uint16_t Assembly::MtuOf(const config::PortConfig& port) const {
  constexpr uint16_t kUsual = 1500;
  if (port.mtu.has_value()) return *port.mtu;
  uint16_t mtu = kUsual;
  const wire::KernelDevice* const device = port.kernel_device();
  const std::string& interface = device != nullptr ? device->interface : port.kernel_interface;
  if (const InterfaceState kernel = netlink->Find(interface); kernel.present()) {
    mtu = FollowedMtu(port, kernel.mtu);
  }
  if (!port.is_pattern()) return mtu;
  for (const os::Interface& any : netlink->All()) {
    if (!any.loopback && port.Wants(any.name))
      mtu = std::max(mtu, FollowedMtu(port, netlink->Find(any.name).mtu));
  }
  return mtu;
}

uint16_t Assembly::LargestMtu() const {
  uint16_t largest = 0;
  for (const config::PortConfig& port : config.ports) largest = std::max(largest, MtuOf(port));
  return largest;
}

absl::Status Assembly::OpenDataplane() {
  absl::Status status =
      Keep(lcore::Dataplane::Open(DataplaneOptionsOf(config, plan, LargestMtu())), dataplane);
  if (!status.ok()) return status;
  dataplane_watch = std::make_unique<Watch>(*loop, dataplane->wake_fd(), POLLIN, [](uint32_t) {});
  return absl::OkStatus();
}

void Assembly::OpenProtocol() {
  protocol::NodeOptions options;
  options.identity.secret_key = config.node.private_key.Clone();
  options.identity.wall_clock = os::WallClockHint;
  options.identity.seed = RandomSeed();
  options.identity.ciphers = wire::SupportedCiphers(config.node.crypto);
  options.identity.timers = TimersOf(config.node.timers);
  options.identity.old_keys_for = config.node.old_keys_for;
  options.window = config.node.window;
  options.listen_port = config.node.listen_port;
  options.traffic = [this](wire::PathId path) { return PathTrafficOf(path); };
  options.newest = [this](wire::PathId path) { return NewestOf(path); };
  options.feedback = [this](wire::Instant, wire::PeerId peer, const wire::Session* session,
                            uint64_t, const protocol::Feedback& feedback) {
    traffic->HandleFeedback(peer, session, feedback);
  };
  protocol = std::make_unique<protocol::Node>(std::move(options));
  size_hints = std::make_unique<SizeHints>(
      *loop, port_guard.get(),
      [this](const SizeHint& hint) {
        protocol->HintSize(loop->now(), std::nullopt, hint.to, hint.mtu);
      },
      icmp);
}

absl::Status Assembly::OpenCaps() {
  return Keep(cap::CapKeeper::Open(*loop, config, protocol->public_key(),
                                   {.zone = absl::LocalTimeZone(),
                                    .wall_clock = [] { return absl::Now(); },
                                    .warn = LogWarning}),
              caps);
}

void Assembly::OpenLinks() {
  links = std::make_unique<Links>(
      Links::Context{
          .loop = *loop,
          .netlink = *netlink,
          .dataplane = *dataplane,
          .protocol = *protocol,
          .config = config,
          .resolver = resolver.get(),
          .terms = [this](const config::PortConfig& port) { return caps->TermsOf(port); },
          .opened =
              [this](const config::PortConfig& port) {
                caps->NoteOpened(port);
                if (carriers != nullptr) carriers->NoteOpened(port);
              },
          .closing =
              [this](const config::PortConfig& port) {
                caps->NoteClosing(port);
                if (carriers != nullptr) carriers->NoteClosing(port);
              },
          .made =
              [this](const config::PortConfig& port) {
                if (absl::Status status = caps->Add(port); !status.ok())
                  LogWarning(absl::StrCat("port ", port.name, ": ", status.message()));
              },
          .forgotten = [this](const config::PortConfig& port) { caps->Remove(port); },
          .raise = [this](Event event) { observer->Raise(std::move(event)); }},
      [this](const Links::Published& published) { OnPublished(published); });
  carriers = std::make_unique<Carriers>(*loop, config, *protocol, *links);
  traffic = std::make_unique<Traffic>(*loop, *dataplane, *protocol, config.node.window);
  traffic->set_warn(LogWarning);
  remotes = std::make_unique<Remotes>(*loop, *resolver, *protocol);
  lan = std::make_unique<LanFinder>(
      *loop, config, *protocol, [this](wire::PortId id) -> std::optional<LanSocket::Interface> {
        const PortTable::Port* const port = links->ports().Find(id);
        if (port == nullptr || !port->kernel.present()) return std::nullopt;
        return LanSocket::Interface{port->kernel.name, port->kernel.index};
      });
}

absl::Status Assembly::OpenPeersAndTunnels() {
  for (const config::PeerConfig& peer : config.peers) {
    if (absl::Status status = remotes->AddPeer(peer, config); !status.ok()) return status;
  }
  for (const config::TunnelConfig& tunnel : config.tunnels) {
    const wire::PublicKey& peer = config.peers[tunnel.peer_index].public_key;
    const PeerRoute& route = links->Route(*remotes->Find(peer));
    absl::Status status = traffic->AddTunnel(tunnel, route, AllowedBy(config.PathsOf(tunnel)),
                                             [this](wire::PortId id) { return PolicyOf(id); });
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Assembly::OpenPorts() {
  if (absl::Status status = links->OpenPorts(); !status.ok()) return status;
  caps->Begin(
      [this](const config::PortConfig& port) -> std::optional<uint64_t> {
        const std::optional<uint64_t> bytes = links->BytesOf(port);
        if (!bytes.has_value()) return std::nullopt;
        return *bytes + carriers->BytesOf(port.name);
      },
      [this](const config::PortConfig& port) { OnTermsChanged(port); });
  return absl::OkStatus();
}

void Assembly::OpenMaps() {
  for (const config::MapServerConfig& map : config.maps) remotes->AddMap(map, config.node);
}

protocol::PathTraffic Assembly::PathTrafficOf(wire::PathId path) const {
  const lcore::PathCounters* counters = links->forwarding().Counters(path);
  if (counters == nullptr) return {};
  return {.sent = counters->tx_copies.Get(),
          .sent_bytes = counters->tx_bytes.Get(),
          .received = counters->rx_first.Get() + counters->rx_duplicate.Get(),
          .received_bytes = counters->rx_bytes.Get()};
}

std::optional<protocol::NewestArrival> Assembly::NewestOf(wire::PathId path) const {
  const lcore::PathCounters* counters = links->forwarding().Counters(path);
  if (counters == nullptr) return std::nullopt;
  const std::optional<lcore::NewestArrival> newest = dataplane->Newest(*counters);
  if (!newest.has_value()) return std::nullopt;
  return protocol::NewestArrival{
      .counter = newest->counter, .session = newest->session, .age = newest->age};
}

PeerBond::Allowed Assembly::AllowedBy(const std::vector<config::PathRule>& rules) {
  if (rules.empty()) return nullptr;
  return [this, rules](const RoutePath& path) {
    const PortTable::Port* const port = links->ports().Find(path.port);
    return port != nullptr &&
           config::MayCarry(rules, port->config.name, path.remote.address, port->config.group);
  };
}

PeerBond::PortPolicy Assembly::PolicyOf(wire::PortId id) const {
  const PortTable::Port* const port = links->ports().Find(id);
  if (port == nullptr) return {};
  const cap::PortTerms terms = caps->TermsOf(port->config);
  return {.tier = terms.tier, .max_rate = terms.rate.up / 8};
}

void Assembly::OnTermsChanged(const config::PortConfig& port) {
  observer->NoteCap(*caps->book().Find(port.name));
  links->TermsChanged(port);
}

void Assembly::OnPublished(const Links::Published& published) {
  const std::vector<protocol::PeerStatus> peers = protocol->Peers(published.changed);
  observer->NotePeers(peers, *links);
  lan->NotePeers(peers);
  lan->Follow();
  TellResolver();
  TellStatus();
  for (const protocol::PeerStatus& peer : peers) remotes->SetSilent(peer.id, !peer.connected);
  traffic->RoutesChanged(published.routes);
}

void Assembly::TellResolver() {
  std::vector<wire::IpAddress> now;
  for (const auto& [id, state] : protocol->ports()) {
    if (state.up) now.insert(now.end(), state.addresses.begin(), state.addresses.end());
  }
  if (std::exchange(uplink_addresses, now) != now) resolver->NoteUplinks();
}

void Assembly::TellStatus() {
  service_manager->SetStatus(
      absl::StrCat(observer->connected(), " of ", config.peers.size(), " peers connected"));
}

}  // namespace warp::control
