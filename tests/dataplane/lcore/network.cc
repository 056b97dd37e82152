#include "tests/dataplane/lcore/network.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "absl/strings/str_cat.h"
#include "dataplane/lcore/plane/open_port.h"
#include "dataplane/wire/message.h"
#include "tests/dataplane/add_port.h"

namespace warp::lcore {
namespace {

int NextNetwork() {
  static std::atomic<int> next{0};
  return next++;
}

}  // namespace

Node::Node(int number, const Options& options)
    : number_(number), options_(options), present_(options.ports, true), up_(options.ports, true) {
  DataplaneOptions plane_options = {.max_ports = 4,
                                    .worker_cpus = std::vector<int>(options.workers, -1),
                                    .inline_worker = options.inline_worker,
                                    .polling = options.polling,
                                    .ring_size = options.ring_size};
  if (!options.crypto_device.empty()) {
    plane_options.engine = wire::EngineKind::kCryptodev;
    plane_options.crypto_device = options.crypto_device;
  }
  absl::StatusOr<std::unique_ptr<DpdkDataplane>> plane = DpdkDataplane::Create(plane_options);
  EXPECT_TRUE(plane.ok()) << plane.status();
  plane_ = *std::move(plane);
  const int network = NextNetwork();
  for (uint16_t i = 0; i < options.ports; ++i) {
    wires_.push_back(absl::StrCat("net", network, "node", number, "wire", i));
    absl::StatusOr<PortId> port = AddPort(*plane_, spec(i));
    EXPECT_TRUE(port.ok()) << port.status();
    ports_.push_back(*port);
  }
}

PortSpec Node::spec(size_t i) const {
  const bool named = !options_.device.empty() && (i == 0 || !options_.vlans.empty());
  PortSpec spec = {.name = wires_[i],
                   .device = VirtualDevice{named ? options_.device
                                                 : absl::StrCat("net_warp_lab0,wire=", wires_[i],
                                                                options_.device_arguments)},
                   .mtu = mtu_};
  if (options_.vlans.empty()) return spec;
  spec.vlan.id = options_.vlans[i];
  for (const uint16_t vlan : options_.vlans) spec.device_vlans.push_back({.id = vlan});
  return spec;
}

absl::Status Node::AddAgain(size_t i) {
  absl::StatusOr<PortId> port = AddPort(*plane_, spec(i));
  if (port.ok()) ports_[i] = *port;
  return port.status();
}

wire::Endpoint Node::endpoint(size_t i) const {
  const auto node = static_cast<uint8_t>(number_);
  const auto host = static_cast<uint8_t>(10 + i);
  const wire::IpAddress address =
      options_.v6
          ? wire::IpAddress::V6({0x20, 1, 0xd, 0xb8, 0, node, 0, 0, 0, 0, 0, 0, 0, 0, 0, host})
          : wire::IpAddress::V4({10, node, 0, host});
  return {.address = address, .port = kListenPort};
}

void Node::Connect(const Node& other, std::shared_ptr<wire::Session> session) {
  remotes_.clear();
  for (size_t j = 0; j < other.ports(); ++j) remotes_.push_back({other.endpoint(j), other.mac(j)});
  for (size_t i = 0; i < ports() * remotes_.size(); ++i)
    counters_.push_back(std::make_shared<PathCounters>());
  send_session_ = session;
  receive_sessions_ = {std::move(session)};
}

std::unique_ptr<Snapshot> Node::MakeSnapshot() const {
  auto snapshot = std::make_unique<Snapshot>();
  snapshot->listen_port = kListenPort;
  snapshot->guard = {.mac1_keys = kMacKey, .cookies = cookies, .indices = indices};
  snapshot->ports.resize(4);
  for (size_t i = 0; i < ports(); ++i) {
    snapshot->ports[ports_[i]] = {
        .present = present_[i], .up = up_[i], .addresses = {endpoint(i).address}};
  }
  const auto peer = std::make_shared<PeerEntry>();
  peer->send_session = send_session_;
  for (size_t i = 0; i < ports(); ++i) {
    // In reverse, so that no index equals another by chance.
    for (size_t j = remotes_.size(); j-- > 0;) {
      peer->paths.push_back({.id = static_cast<PathId>(100 + i * 10 + j),
                             .port = ports_[i],
                             .send = active_(i, j),
                             .slot = slot_(i, j),
                             .remote = remotes_[j].endpoint,
                             .frame = wire::MakeFrameTemplate(mac(i), remotes_[j].mac, endpoint(i),
                                                              remotes_[j].endpoint),
                             .max_datagram = room_(i, j),
                             .counters = counters_[i * remotes_.size() + j]});
    }
  }
  snapshot->peers.assign(kPeer, std::make_shared<PeerEntry>());
  snapshot->peers.push_back(peer);
  snapshot->sessions.resize(16);
  for (const std::shared_ptr<wire::Session>& session : receive_sessions_) {
    snapshot->sessions[session->local_index() % 16] = {.session = session, .peer = kPeer};
  }
  return snapshot;
}

void Node::Turn() {
  for (bool moved = true; moved;) {
    moved = false;
    for (WorkerId id = 0; id < plane_->workers(); ++id) moved |= plane_->worker(id).RunOnce() > 0;
  }
}

void Node::Send(const std::string& payload, WorkerId home) {
  Send(std::vector<std::string>{payload}, home);
}

void Node::Send(const std::vector<std::string>& payloads, WorkerId home) {
  std::vector<Plaintext> packets;
  for (const std::string& payload : payloads) {
    Plaintext packet = plane_->AllocatePlaintext();
    ASSERT_TRUE(packet);
    wire::MutableBytes bytes = packet.Append(payload.size());
    ASSERT_EQ(bytes.size(), payload.size());
    std::copy(payload.begin(), payload.end(), bytes.begin());
    packets.push_back(std::move(packet));
  }
  plane_->Submit(home, packets, std::vector<SendRequest>(payloads.size(), {.peer = kPeer}));
}

bool Node::SendTracked(const std::string& payload, uint32_t slot, uint32_t generation,
                       WorkerId home) {
  return SendAs(payload, {.completion = true, .ticket = {.slot = slot, .generation = generation}},
                home);
}

bool Node::SendAs(const std::string& payload, SendRequest request, WorkerId home) {
  Plaintext packet = plane_->AllocatePlaintext();
  if (!packet) return false;
  wire::MutableBytes bytes = packet.Append(payload.size());
  std::copy(payload.begin(), payload.end(), bytes.begin());
  request.peer = kPeer;
  plane_->Submit(home, {&packet, 1}, {&request, 1});
  return true;
}

std::vector<std::string> Node::Received() {
  std::vector<std::string> payloads;
  std::vector<OpenedPacket> opened(64);
  while (const size_t count = plane_->ReceiveOpened(opened)) {
    for (size_t i = 0; i < count; ++i) {
      const wire::Bytes bytes = opened[i].packet.bytes();
      payloads.emplace_back(bytes.begin(), bytes.end());
      opened[i].packet.Reset();
    }
  }
  return payloads;
}

std::vector<Completion> Node::Completions() {
  std::vector<Completion> completions(256);
  completions.resize(plane_->ReceiveCompletions(completions));
  return completions;
}

uint32_t Node::BuffersInUse() const {
  uint32_t used = rte_mempool_in_use_count(plane_->payload_pool()) +
                  rte_mempool_in_use_count(plane_->frame_pool());
  for (WorkerId id = 0; id < plane_->workers(); ++id) {
    used += rte_mempool_in_use_count(plane_->worker(id).header_pool());
  }
  for (const PortId id : ports_) {
    const rte_mempool* const pool = plane_->slot(id).rx_pool.get();
    if (pool != nullptr) used += rte_mempool_in_use_count(pool);
  }
  return used;
}

SessionPair MakeSessions(uint32_t salt, wire::Cipher cipher, size_t window, wire::Instant expires) {
  std::array<uint8_t, wire::kKeySize> one{}, two{};
  one[0] = static_cast<uint8_t>(salt);
  two[0] = static_cast<uint8_t>(salt);
  two[1] = 1;
  const wire::SymmetricKey ab{one}, ba{two};
  // The indices fall into neighbouring slots and differ in their high bits.
  const uint32_t index_a = 0xabc00000 + salt, index_b = 0x12300000 + salt + 5;
  return {.a = std::make_shared<wire::Session>(wire::Session::Params{.local_index = index_a,
                                                                     .remote_index = index_b,
                                                                     .cipher = cipher,
                                                                     .initiator = true,
                                                                     .window = window,
                                                                     .expires = expires},
                                               ab, ba),
          .b = std::make_shared<wire::Session>(wire::Session::Params{.local_index = index_b,
                                                                     .remote_index = index_a,
                                                                     .cipher = cipher,
                                                                     .initiator = false,
                                                                     .window = window,
                                                                     .expires = expires},
                                               ba, ab)};
}

Network::Network(const Node::Options& a, const Node::Options& b)
    : a_(std::make_unique<Node>(1, a)),
      b_(std::make_unique<Node>(2, b)),
      sessions_(MakeSessions()) {
  absl::StatusOr<PoolPtr> pool =
      CreateRxPool(PlanPools({.max_ports = 1, .worker_cpus = {-1}, .ring_size = 64}), 0);
  EXPECT_TRUE(pool.ok()) << pool.status();
  pool_ = *std::move(pool);
  for (Node* node : {a_.get(), b_.get()}) {
    for (size_t i = 0; i < node->ports(); ++i) {
      const PortSpec spec = {
          .name = "switch",
          .device = VirtualDevice{absl::StrCat("net_warp_lab0,wire=", node->wire(i))}};
      absl::StatusOr<std::unique_ptr<Port>> port = OpenPort(spec, 0, pool_.get());
      EXPECT_TRUE(port.ok()) << port.status();
      jacks_.push_back({*std::move(port), node, i});
    }
  }
  a_->Connect(*b_, sessions_.a);
  b_->Connect(*a_, sessions_.b);
  a_->Publish();
  b_->Publish();
}

Network::~Network() = default;

void Network::Collect() {
  a_->Turn();
  b_->Turn();
  CollectFrames();
}

void Network::CollectFrames() {
  for (Jack& jack : jacks_) {
    rte_mbuf* packets[32];
    while (const uint16_t count = jack.port->RxBurst(packets, 32)) {
      for (uint16_t i = 0; i < count; ++i) {
        FrameBytes frame(rte_pktmbuf_pkt_len(packets[i]));
        const void* bytes =
            rte_pktmbuf_read(packets[i], 0, static_cast<uint32_t>(frame.size()), frame.data());
        if (bytes != frame.data())
          std::copy_n(static_cast<const uint8_t*>(bytes), frame.size(), frame.data());
        rte_pktmbuf_free(packets[i]);
        if (!cut_.contains(jack.node->wire(jack.index))) in_flight_.push_back(std::move(frame));
      }
    }
  }
}

bool Network::Deliver(const FrameBytes& frame) {
  for (Jack& jack : jacks_) {
    const wire::MacAddress mac = jack.node->mac(jack.index);
    if (!std::equal(mac.bytes.begin(), mac.bytes.end(), frame.begin())) continue;
    if (cut_.contains(jack.node->wire(jack.index))) return false;
    rte_mbuf* packet = rte_pktmbuf_alloc(pool_.get());
    EXPECT_NE(packet, nullptr);
    std::copy(frame.begin(), frame.end(),
              rte_pktmbuf_append(packet, static_cast<uint16_t>(frame.size())));
    const uint16_t sent = jack.port->TxBurst(&packet, 1);
    if (sent == 0) rte_pktmbuf_free(packet);
    return sent == 1;
  }
  return false;
}

void Network::Settle() {
  for (Collect(); !in_flight_.empty(); Collect()) {
    for (; !in_flight_.empty(); in_flight_.pop_front()) Deliver(in_flight_.front());
  }
}

FrameBytes MakeFrame(const Node& from, size_t i, const Node& to, size_t j,
                     const FrameBytes& datagram) {
  const wire::FrameTemplate frame =
      wire::MakeFrameTemplate(from.mac(i), to.mac(j), from.endpoint(i), to.endpoint(j));
  FrameBytes bytes(frame.size + datagram.size());
  wire::WriteFrameHeader(frame, static_cast<uint16_t>(datagram.size()), wire::DatagramSum(datagram),
                         bytes.data());
  std::copy(datagram.begin(), datagram.end(), bytes.begin() + frame.size);
  return bytes;
}

FrameBytes DatagramOf(const FrameBytes& frame) {
  wire::ParsedFrame parsed;
  EXPECT_EQ(wire::ParseFrame(frame, &parsed), wire::FrameKind::kUdp);
  return FrameBytes(frame.begin() + parsed.datagram_offset,
                    frame.begin() + parsed.datagram_offset + parsed.datagram_size);
}

}  // namespace warp::lcore
