#include "perf/bench_node.h"

#include <atomic>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "perf/must.h"
#include "tests/dataplane/add_port.h"

namespace warp::perf {
namespace {

constexpr uint16_t kPort = 13116;
constexpr uint16_t kMaxPorts = 4;

lcore::DataplaneOptions PlaneOptions(const BenchNode::Options& options) {
  return {.max_ports = kMaxPorts,
          .worker_cpus = std::vector<int>(options.workers, -1),
          .max_mtu = options.max_mtu,
          .ring_size = 4096,
          .engine = options.engine};
}

}  // namespace

std::string UniqueName(const std::string& prefix) {
  static std::atomic<int> serial{0};
  return absl::StrCat(prefix, serial++);
}

wire::Endpoint LocalEndpoint(size_t port) {
  return {.address = wire::IpAddress::V4({10, 0, 0, static_cast<uint8_t>(1 + port)}),
          .port = kPort};
}
wire::Endpoint RemoteEndpoint(size_t remote) {
  return {.address = wire::IpAddress::V4({10, 0, 1, static_cast<uint8_t>(1 + remote)}),
          .port = kPort};
}

SessionPair MakeSessions(wire::Cipher cipher) {
  std::array<uint8_t, wire::kKeySize> bytes{};
  bytes[0] = 1;
  const wire::SymmetricKey there{bytes};
  bytes[0] = 2;
  const wire::SymmetricKey back{bytes};
  return {.sender = std::make_shared<wire::Session>(
              wire::Session::Params{
                  .local_index = 0x100, .remote_index = 0x201, .cipher = cipher, .initiator = true},
              there, back),
          .receiver = std::make_shared<wire::Session>(
              wire::Session::Params{.local_index = 0x201, .remote_index = 0x100, .cipher = cipher},
              back, there)};
}

BenchNode::BenchNode(const Options& options) {
  plane_ = Must(lcore::DpdkDataplane::Create(PlaneOptions(options)));
  auto snapshot = std::make_unique<lcore::Snapshot>();
  snapshot->listen_port = kPort;
  snapshot->ports.resize(kMaxPorts);
  const auto peer = std::make_shared<lcore::PeerEntry>();
  peer->send_session = options.session;
  for (size_t i = 0; i < options.devices.size(); ++i) {
    const wire::PortId id = Must(lcore::AddPort(*plane_,
                                                {.name = UniqueName("port"),
                                                 .device = lcore::VirtualDevice{options.devices[i]},
                                                 .mtu = options.max_mtu},
                                                -1));
    ports_.push_back(id);
    snapshot->ports[id] = {.present = true, .up = true, .addresses = {LocalEndpoint(i).address}};
    for (size_t j = 0; j < options.remotes; ++j) {
      peer->paths.push_back({.port = id,
                             .send = i >= options.receive_only,
                             .remote = RemoteEndpoint(j),
                             .frame = wire::MakeFrameTemplate(plane_->Info(id).mac, {},
                                                              LocalEndpoint(i), RemoteEndpoint(j)),
                             .counters = std::make_shared<lcore::PathCounters>()});
    }
  }
  snapshot->peers.push_back(peer);
  snapshot->sessions.resize(16);
  snapshot->sessions[options.session->local_index() % 16] = {.session = options.session,
                                                             .peer = kPeer};
  plane_->Publish(std::move(snapshot));
}

void BenchNode::Submit(std::span<const uint16_t> sizes, wire::WorkerId home) {
  std::array<lcore::Plaintext, lcore::kBurst> packets;
  std::array<lcore::SendRequest, lcore::kBurst> requests;
  requests.fill({.peer = kPeer, .completion = true});
  while (!sizes.empty()) {
    const size_t count = std::min<size_t>(sizes.size(), packets.size());
    for (size_t i = 0; i < count; ++i) {
      packets[i] = plane_->AllocatePlaintext();
      packets[i].Append(sizes[i]);
    }
    plane_->Submit(home, std::span(packets).first(count), std::span(requests).first(count));
    sizes = sizes.subspan(count);
  }
}

size_t BenchNode::Drain() {
  size_t drained = 0;
  std::array<lcore::Completion, lcore::kBurst> completions;
  while (const size_t count = plane_->ReceiveCompletions(completions)) drained += count;
  std::array<lcore::OpenedPacket, lcore::kBurst> opened;
  while (const size_t count = plane_->ReceiveOpened(opened)) {
    for (lcore::OpenedPacket& packet : opened) packet.packet.Reset();
    drained += count;
  }
  return drained;
}

wire::FrameTemplate BenchNode::FrameFrom(size_t remote, size_t port) const {
  return wire::MakeFrameTemplate({}, plane_->Info(ports_[port]).mac, RemoteEndpoint(remote),
                                 LocalEndpoint(port));
}

uint32_t BenchNode::MemoryMib() {
  return lcore::PlanPools(PlaneOptions({.workers = 1, .max_mtu = 9000})).memory_mib +
         lcore::PlanPools(PlaneOptions({.workers = 2})).memory_mib;
}

}  // namespace warp::perf
