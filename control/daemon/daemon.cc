#include "control/daemon/daemon.h"

#include <poll.h>
#include <sched.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/daemon/options.h"
#include "control/daemon/worker_plan.h"
#include "control/kernel/port_guard.h"
#include "control/protocol/map/map_client.h"
#include "dataplane/os/boot_clock.h"
#include "dataplane/wire/handshake/handshake_mac.h"

namespace warp::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::Duration;
using wire::Instant;

// What else is done between two looks at the payloads.
constexpr size_t kForeignPerTurn = 32;
constexpr size_t kHandshakesPerTurn = 1;  // each may cost a Diffie-Hellman
constexpr size_t kEventsPerTurn = 64;
constexpr size_t kTransmitsPerTurn = 256;

constexpr Duration kHousekeepingInterval = milliseconds(100);
constexpr Duration kSweepInterval = seconds(1);

// Shutdown: for payloads that wait, and for the goodbyes to leave the ports' queues.
constexpr Duration kDrainTime = milliseconds(300);
constexpr Duration kGoodbyeTime = milliseconds(100);

uint64_t RandomSeed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Node>> Node::Create(config::NodeConfig config) {
  std::unique_ptr<Node> node(new Node(std::move(config)));
  if (absl::Status status = node->Open(); !status.ok()) return status;
  return node;
}

Node::Node(config::NodeConfig config) : config_(std::move(config)) {}

absl::Status Node::Open() {
  // What other programs may have taken comes first: nothing is created before it is ours.
  absl::StatusOr<std::unique_ptr<Loop>> loop = Loop::Open();
  if (!loop.ok()) return loop.status();
  loop_ = *std::move(loop);
  now_ = started_ = loop_->now();
  absl::StatusOr<std::unique_ptr<Signals>> signals =
      Signals::Create(*loop_, {SIGTERM, SIGINT}, [this](int) { stopping_ = true; });
  if (!signals.ok()) return signals.status();
  signals_ = *std::move(signals);
  absl::StatusOr<os::UniqueFd> guard = GuardPort(config_.node.listen_port);
  if (!guard.ok()) return guard.status();
  port_guard_ = *std::move(guard);
  absl::StatusOr<std::unique_ptr<StatusServer>> server = StatusServer::Create(
      *loop_, {.path = config_.node.control_socket}, [this] { return StatusText(); });
  if (!server.ok()) return server.status();
  status_server_ = *std::move(server);
  absl::StatusOr<std::unique_ptr<Netlink>> netlink = Netlink::Create(*loop_);
  if (!netlink.ok()) return netlink.status();
  netlink_ = *std::move(netlink);
  absl::StatusOr<std::unique_ptr<Resolver>> resolver = Resolver::Create(*loop_);
  if (!resolver.ok()) return resolver.status();
  resolver_ = *std::move(resolver);

  for (const config::PortConfig& port : config_.ports) {
    const wire::KernelDevice* kernel = port.kernel_device();
    if (kernel != nullptr && !port.optional && !netlink_->Find(kernel->interface).present()) {
      return absl::NotFoundError(
          absl::StrCat("port ", port.name, ": there is no network interface ", kernel->interface));
    }
  }
  if (absl::Status status = OpenDataplane(); !status.ok()) return status;
  OpenProtocol();
  if (absl::Status status = OpenPeers(); !status.ok()) return status;
  if (absl::Status status = OpenTunnels(); !status.ok()) return status;
  ports_ = std::make_unique<PortTable>(*loop_, *netlink_, *dataplane_, config_.node, config_.ports,
                                       *this);
  if (absl::Status status = ports_->OpenAll(); !status.ok()) return status;
  OpenMaps();
  return absl::OkStatus();
}

absl::Status Node::OpenDataplane() {
  const WorkerPlan plan = PlanWorkers(config_, std::thread::hardware_concurrency());
  uint16_t max_mtu = 0;
  for (const config::PortConfig& port : config_.ports) {
    const InterfaceState kernel = netlink_->Find(port.kernel_side());
    max_mtu = std::max(
        max_mtu,
        port.mtu.value_or(kernel.present() ? static_cast<uint16_t>(kernel.mtu) : uint16_t{1500}));
  }
  absl::StatusOr<std::unique_ptr<lcore::Dataplane>> dataplane =
      lcore::Dataplane::Start(DataplaneOptionsOf(config_, plan, max_mtu));
  if (!dataplane.ok()) return dataplane.status();
  dataplane_ = *std::move(dataplane);
  // The event only ends the sleep; ReceiveOpened and its like look at the rings in every turn.
  dataplane_watch_ =
      std::make_unique<Watch>(*loop_, dataplane_->wake_fd(), POLLIN, [](uint32_t) {});
  health_ = std::make_unique<WorkerHealth>(*dataplane_);
  inline_worker_ = plan.inline_worker;
  spins_ = ControlSpins(config_, plan);
  spin_ = SpinWindowOf(config_);
  return absl::OkStatus();
}

void Node::OpenProtocol() {
  protocol::NodeOptions options;
  options.local.secret_key = config_.node.private_key.Clone();
  options.local.wall_clock = os::WallClockHint;
  options.local.seed = RandomSeed();
  options.local.timers = TimersOf(config_.node.timers);
  options.window = config_.node.window;
  options.listen_port = config_.node.listen_port;
  protocol_ = std::make_unique<protocol::Node>(std::move(options));
  forwarding_ = std::make_unique<ForwardingBuilder>(
      lcore::HandshakeGuard{wire::Mac1Key(protocol_->public_key())}, config_.node.listen_port,
      config_.node.max_ports);
  next_hops_ = std::make_unique<NextHopTable>(
      *netlink_, [this](wire::PortId port, const wire::IpAddress& address) {
        forwarding_changed_ = true;
        transmitter_->NextHopChanged(now_, port, address);
      });
  transmitter_ = std::make_unique<Transmitter>(*dataplane_, *next_hops_);
  traffic_ = std::make_unique<Traffic>(*loop_, *dataplane_, *protocol_);
}

absl::Status Node::OpenPeers() {
  for (const config::PeerConfig& peer : config_.peers) {
    protocol::PeerOptions options;
    options.name = peer.name;
    options.public_key = peer.public_key;
    if (peer.preshared_key.has_value()) options.psk = peer.preshared_key->Clone();
    const std::optional<wire::PeerId> id = protocol_->AddPeer(now_, std::move(options));
    if (!id.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("peer ", peer.name, ": its public key is our own or another peer's"));
    }
    // A name may stand for several addresses, and become others: all names' together are what the
    // configuration knows.
    auto known = std::make_shared<std::vector<std::vector<wire::Endpoint>>>(peer.endpoints.size());
    for (size_t i = 0; i < peer.endpoints.size(); ++i) {
      names_.push_back(resolver_->Watch(
          peer.endpoints[i].ToString(),
          [this, known, i, id = *id, name = peer.endpoints[i].ToString()](
              const absl::StatusOr<std::vector<wire::Endpoint>>& found) {
            if (!found.ok()) {
              spdlog::warn("{}: {}", name, std::string(found.status().message()));
              return;
            }
            (*known)[i] = *found;
            std::vector<wire::Endpoint> all;
            for (const auto& some : *known) all.insert(all.end(), some.begin(), some.end());
            protocol_->SetPeerEndpoints(now_, id, protocol::EndpointSource::kConfig, all);
          }));
    }
  }
  return absl::OkStatus();
}

void Node::OpenMaps() {
  for (const config::MapServerConfig& map : config_.maps) {
    protocol::MapClientOptions options;
    options.public_key = map.public_key;
    options.listen_port = config_.node.listen_port;
    options.rekey_after = config_.node.timers.map_rekey_after;
    auto client = std::make_unique<protocol::MapClient>(protocol_->local(), std::move(options));
    protocol::MapClient* const raw = client.get();  // the protocol's from here on, and stays
    protocol_->AddMap(now_, std::move(client));
    names_.push_back(resolver_->Watch(
        map.address.ToString(), [this, raw, name = map.address.ToString()](
                                    const absl::StatusOr<std::vector<wire::Endpoint>>& found) {
          if (found.ok()) {
            raw->SetEndpoints(now_, *found);
          } else {
            spdlog::warn("map {}: {}", name, std::string(found.status().message()));
          }
        }));
  }
}

absl::Status Node::OpenTunnels() {
  for (const config::TunnelConfig& config : config_.tunnels) {
    const auto peer = static_cast<wire::PeerId>(config.peer_index);
    if (absl::Status status = traffic_->AddTunnel(config, forwarding_->Route(peer)); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

// --- Ports ---

void Node::OnPortChanged(wire::PortId id) {
  const PortTable::Port* port = ports_->Find(id);
  if (port == nullptr) return;
  transmitter_->SetPort(id, {.interface = port->config.kernel_side(),
                             .mac = port->info.mac,
                             .listen_port = config_.node.listen_port});
  protocol_->SetPort(
      now_, id,
      {.up = port->kernel.up(),
       .addresses = port->kernel.addresses,
       .mtu = static_cast<uint16_t>(std::min<uint32_t>(port->info.mtu, port->kernel.mtu))});
  forwarding_changed_ = true;
  spdlog::info("port {}: {}", port->config.name, std::string(port->state()));
}

void Node::OnPortClosing(wire::PortId id) {
  protocol_->RemovePort(now_, id);
  transmitter_->RemovePort(id);
  next_hops_->RemovePort(id);
  forwarding_changed_ = true;
  PublishIfChanged();
}

// --- The turn ---

void Node::Run() {
  while (!stopping_) {
    if (RunOnce() > 0) {
      spin_.Worked(now_);
    } else if (spins_) {
      continue;
    } else if (spin_.over(now_)) {
      SleepUntilNeeded();
    } else {
      sched_yield();  // to whoever shares this CPU
    }
  }
  Stop();
}

size_t Node::RunOnce() {
  now_ = loop_->BeginTurn();
  size_t work = dataplane_->TurnInlineWorker();
  work += traffic_->ReceiveOpened();
  work += traffic_->ReceiveCompletions();
  work += ReceiveMessages();
  work += loop_->RunOnce(kEventsPerTurn);
  ServeProtocol();
  traffic_->Submit();
  if (now_ >= next_housekeeping_) Housekeep();
  return work;
}

size_t Node::ReceiveMessages() {
  std::array<lcore::HandshakePacket, kHandshakesPerTurn> handshakes;
  const size_t handshake_count = dataplane_->ReceiveHandshakes(handshakes);
  for (lcore::HandshakePacket& handshake : std::span(handshakes).first(handshake_count)) {
    const wire::Arrival& arrival = handshake.arrival;
    protocol_->HandleHandshake(now_, {.port = arrival.port, .from = arrival.from, .to = arrival.to},
                               handshake.packet.bytes());
  }
  std::array<lcore::ForeignFrame, kForeignPerTurn> frames;
  const size_t frame_count = dataplane_->ReceiveForeign(frames);
  for (const lcore::ForeignFrame& frame : std::span(frames).first(frame_count)) {
    ports_->ToKernel(frame);
  }
  return handshake_count + frame_count;
}

void Node::ServeProtocol() {
  if (now_ >= protocol_->NextTimeout()) protocol_->HandleTimeout(now_);
  PublishIfChanged();
  SendTransmits();
}

// Before the protocol's datagrams leave: a response must not be on the wire before the lcores know
// its session.
void Node::PublishIfChanged() {
  if (!forwarding_changed_ && protocol_->version() == protocol_version_) return;
  forwarding_changed_ = false;
  protocol_version_ = protocol_->version();
  std::map<wire::PortId, ForwardingPort> ports;
  for (const std::unique_ptr<PortTable::Port>& port : ports_->ports()) {
    if (!port->id.has_value()) continue;
    ports[*port->id] = {.info = port->info,
                        .kernel = port->kernel,
                        .worker_alive = health_->alive(port->info.worker)};
  }
  dataplane_->Publish(forwarding_->Build(
      protocol_->GetForwarding(), ports,
      [this](wire::PortId id, const wire::IpAddress& address) -> const NextHop* {
        const PortTable::Port* port = ports_->Find(id);
        return port == nullptr ? nullptr
                               : next_hops_->Want(now_, id, port->config.kernel_side(), address);
      }));
  change_log_.Note(protocol_->Peers(), [this](wire::PortId id) {
    const PortTable::Port* port = ports_->Find(id);
    return port == nullptr ? std::string("a closed port") : port->config.name;
  });
  traffic_->RoutesChanged();
}

void Node::SendTransmits() {
  for (size_t i = 0; i < kTransmitsPerTurn; ++i) {
    const std::optional<protocol::Transmit> transmit = protocol_->NextTransmit();
    if (!transmit.has_value()) return;
    transmitter_->Send(now_, *transmit);
  }
}

void Node::Housekeep() {
  next_housekeeping_ = now_ + kHousekeepingInterval;
  if (health_->Check(now_)) forwarding_changed_ = true;
  if (now_ < next_sweep_) return;
  next_sweep_ = now_ + kSweepInterval;
  traffic_->Sweep();
  transmitter_->Sweep(now_);
  next_hops_->Sweep(now_);
  ports_->Retry();
}

void Node::SleepUntilNeeded() {
  const Instant until = std::min(protocol_->NextTimeout(), next_housekeeping_);
  if (dataplane_->ArmSleep()) {
    if (inline_worker_) {
      const Duration time = loop_->ArmSleep(until - now_);
      loop_->DisarmSleep(time > Duration::zero() && dataplane_->Wait(loop_->wake_fd(), time));
    } else {
      loop_->Wait(until - now_);
    }
  }
  dataplane_->Disarm();
  spin_.Slept(loop_->ReadClock() - now_);
}

void Node::Stop() {
  spdlog::info("stopping: sending what waits, then saying goodbye");
  traffic_->CloseGates();
  const auto run_until = [this](Instant deadline, auto done) {
    while (!done() && loop_->now() < deadline) {
      if (RunOnce() == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  };
  run_until(loop_->now() + kDrainTime, [this] { return traffic_->idle(); });
  protocol_->Shutdown(now_);
  run_until(loop_->now() + kGoodbyeTime, [] { return false; });
}

std::string Node::StatusText() {
  if (ports_ == nullptr) return "{}\n";
  return NodeStatusJson(now_, {.config = config_,
                               .protocol = *protocol_,
                               .dataplane = *dataplane_,
                               .forwarding = *forwarding_,
                               .ports = *ports_,
                               .transmitter = *transmitter_,
                               .inbound = traffic_->inbound(),
                               .health = *health_,
                               .tunnels = traffic_->tunnels(),
                               .started = started_,
                               .stopping = stopping_});
}

}  // namespace warp::control
