#include "perf/bench_node.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "absl/strings/str_cat.h"

namespace warp::perf {
namespace {

constexpr uint16_t kPort = 13116;

template <typename T>
T Must(absl::StatusOr<T> value) {
  if (!value.ok()) {
    std::cerr << value.status() << "\n";
    std::exit(1);
  }
  return *std::move(value);
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

BenchNode::BenchNode(const std::vector<std::string>& devices, size_t remotes,
                     std::shared_ptr<wire::Session> session, wire::EngineKind kind) {
  plane_ = Must(lcore::Plane::Create(
      {.max_ports = 4, .worker_cpus = {-1}, .ring_size = 1024, .engine = kind}));
  auto snapshot = std::make_unique<lcore::Snapshot>();
  snapshot->listen_port = kPort;
  snapshot->ports.resize(4);
  snapshot->peers.resize(1);
  snapshot->peers[0].send_session = session;
  for (size_t i = 0; i < devices.size(); ++i) {
    const lcore::PortId id = Must(plane_->AddPort(
        {.name = UniqueName("port"), .driver = lcore::PortDriver::kDevargs, .device = devices[i]},
        -1));
    ports_.push_back(id);
    snapshot->ports[id] = {.present = true, .up = true, .addresses = {LocalEndpoint(i).address}};
    for (size_t j = 0; j < remotes; ++j) {
      snapshot->peers[0].paths.push_back(
          {.port = id,
           .send = true,
           .remote = RemoteEndpoint(j),
           .frame = wire::MakeFrameTemplate(plane_->Info(id).mac, {}, LocalEndpoint(i),
                                            RemoteEndpoint(j)),
           .counters = std::make_shared<lcore::PathCounters>()});
    }
  }
  snapshot->sessions.resize(16);
  snapshot->sessions[session->local_index() % 16] = {.session = session, .peer = kPeer};
  plane_->Publish(std::move(snapshot));
}

void BenchNode::Send(size_t count, size_t size) {
  std::array<lcore::Plaintext, lcore::kBurst> packets;
  std::array<lcore::SendRequest, lcore::kBurst> requests;
  requests.fill({.peer = kPeer});
  for (size_t sent = 0; sent < count; sent += packets.size()) {
    for (lcore::Plaintext& packet : packets) {
      packet = plane_->AllocatePlaintext();
      packet.Append(size);
    }
    plane_->Submit(0, packets, requests);
    plane_->worker(0).RunOnce();
  }
}

wire::FrameTemplate BenchNode::FrameFrom(size_t remote) const {
  return wire::MakeFrameTemplate({}, plane_->Info(ports_[0]).mac, RemoteEndpoint(remote),
                                 LocalEndpoint(0));
}

}  // namespace warp::perf
