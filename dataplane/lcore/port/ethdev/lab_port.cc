#include "dataplane/lcore/port/ethdev/lab_port.h"

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "dataplane/lcore/memory/eal_log.h"
#include "dataplane/lcore/port/device.h"

namespace warp::lcore {

// ring[end] holds the packets that this end is to receive.
struct LabWire {
  std::array<rte_ring*, 2> ring{};
  std::array<bool, 2> taken{};
  ~LabWire() {
    for (rte_ring* one : ring) {
      if (one == nullptr) continue;
      void* packet = nullptr;
      while (rte_ring_dequeue(one, &packet) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
      rte_ring_free(one);
    }
  }
};

namespace {

constexpr unsigned kWireSize = 1024;

std::mutex wires_mutex;
std::map<std::string, std::weak_ptr<LabWire>> wires;  // guarded by wires_mutex

struct Options {
  std::string wire;
  double rate = -1;  // negative: as fast as the wire takes packets
  double burst = 1;
  uint32_t mtu = 0;  // 0: none
  std::string hang;
};

// Calls that hang, all of which each LetGo ends.
std::mutex hanging_mutex;
std::condition_variable let_go;
uint64_t times_let_go = 0;  // guarded by hanging_mutex

void Hang() {
  std::unique_lock lock(hanging_mutex);
  let_go.wait(lock, [before = times_let_go] { return times_let_go != before; });
}

absl::StatusOr<Options> Parse(const std::string& device) {
  const std::vector<std::string> parts = absl::StrSplit(device, ',');
  Options options{.wire = parts[0]};
  for (size_t i = 1; i < parts.size(); ++i) {
    const std::vector<std::string> pair = absl::StrSplit(parts[i], absl::MaxSplits('=', 1));
    const bool valued = pair.size() == 2 && !pair[1].empty();
    if (valued && pair[0] == "wire") {
      options.wire = pair[1];
    } else if (valued && pair[0] == "rate" && absl::SimpleAtod(pair[1], &options.rate) &&
               options.rate >= 0) {
    } else if (valued && pair[0] == "burst" && absl::SimpleAtod(pair[1], &options.burst) &&
               options.burst >= 1) {
    } else if (valued && pair[0] == "mtu" && absl::SimpleAtoi(pair[1], &options.mtu)) {
    } else if (valued && pair[0] == "hang" && (pair[1] == "open" || pair[1] == "close")) {
      options.hang = pair[1];
    } else {
      return absl::InvalidArgumentError(absl::StrCat(
          "devargs ", device, ": ", parts[i],
          " is none of wire=NAME, rate=NUMBER, burst=NUMBER, mtu=NUMBER, hang=open|close"));
    }
  }
  return options;
}

absl::StatusOr<std::pair<std::shared_ptr<LabWire>, size_t>> Connect(const std::string& name) {
  std::lock_guard lock(wires_mutex);
  std::shared_ptr<LabWire> wire = wires[name].lock();
  if (wire == nullptr) {
    wire = std::make_shared<LabWire>();
    for (rte_ring*& ring : wire->ring) {
      ring = rte_ring_create(NewDeviceName("warp_wire").c_str(), kWireSize, SOCKET_ID_ANY,
                             RING_F_SP_ENQ | RING_F_SC_DEQ);
      if (ring == nullptr) return absl::ResourceExhaustedError("no memory for a wire's rings");
    }
    wires[name] = wire;
  }
  const size_t end = wire->taken[0] ? 1 : 0;
  if (wire->taken[end]) {
    return absl::AlreadyExistsError(absl::StrCat("wire ", name, " has two ends already"));
  }
  wire->taken[end] = true;
  return std::pair(wire, end);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Port>> LabPort::Open(const VirtualDevice& device,
                                                    const PortSpec& spec, PortId id,
                                                    rte_mempool* rx_pool) {
  absl::StatusOr<Options> options = Parse(device.devargs);
  if (!options.ok()) return options.status();
  if (options->hang == "open") Hang();
  auto connected = Connect(options->wire);
  if (!connected.ok()) return connected.status();

  std::unique_ptr<LabPort> port(new LabPort(spec, id, rx_pool));
  std::tie(port->wire_, port->end_) = *connected;
  port->limited_ = options->rate >= 0;
  if (options->mtu > 0) port->largest_ = options->mtu + wire::kEthernetHeaderSize;
  port->closing_hangs_ = options->hang == "close";
  port->packets_per_tick_ = options->rate / static_cast<double>(rte_get_tsc_hz());
  port->burst_ = port->credit_ = options->rate > 0 ? options->burst : 0;
  port->last_tick_ = rte_rdtsc();

  ClearEalLog();
  const int ethdev =
      rte_eth_from_rings(NewDeviceName("warp_lab").c_str(), &port->wire_->ring[port->end_], 1,
                         &port->wire_->ring[1 - port->end_], 1, 0);
  if (ethdev < 0) return DeviceError(device.devargs, rte_errno);
  port->Adopt(static_cast<uint16_t>(ethdev), /*owned=*/true);
  if (absl::Status status = port->Start(); !status.ok()) return status;
  port->multi_segment_tx_ = true;  // Its receiver copies, so that a shared payload stays as it is.

  // These are DPDK's own hooks around a driver's calls. When a hook gives fewer packets to the driver, fewer are taken
  // from the caller.
  port->on_transmit_ = rte_eth_add_tx_callback(
      port->device_, 0,
      [](uint16_t, uint16_t, rte_mbuf** packets, uint16_t count, void* self) {
        return static_cast<LabPort*>(self)->Allow(packets, count);
      },
      port.get());
  port->on_receive_ = rte_eth_add_rx_callback(
      port->device_, 0,
      [](uint16_t, uint16_t, rte_mbuf** packets, uint16_t count, uint16_t, void* self) {
        return static_cast<LabPort*>(self)->CopyReceived(packets, count);
      },
      port.get());
  if (port->on_transmit_ == nullptr || port->on_receive_ == nullptr) {
    return absl::UnavailableError(
        absl::StrCat(device.devargs, ": this DPDK was built without RX/TX callbacks"));
  }
  return port;
}

void LabPort::LetGo() {
  const std::lock_guard lock(hanging_mutex);
  ++times_let_go;
  let_go.notify_all();
}

LabPort::~LabPort() {
  if (closing_hangs_) Hang();
  // The worker no longer calls, so that the hooks may go at once. Removing a hook does not free it.
  if (on_transmit_ != nullptr) rte_eth_remove_tx_callback(device_, 0, on_transmit_);
  if (on_receive_ != nullptr) rte_eth_remove_rx_callback(device_, 0, on_receive_);
  rte_free(const_cast<rte_eth_rxtx_callback*>(on_transmit_));
  rte_free(const_cast<rte_eth_rxtx_callback*>(on_receive_));
  Close();  // The device goes before its rings, which are the wire's.
  if (wire_ == nullptr) return;
  std::lock_guard lock(wires_mutex);
  wire_->taken[end_] = false;
}

PortCounters LabPort::Counters() const {
  PortCounters counters = EthdevPort::Counters();
  counters.rx_missed += missed_.load(std::memory_order_relaxed);
  return counters;
}

void LabPort::SetLink(bool up) {
  up ? rte_eth_dev_set_link_up(device_) : rte_eth_dev_set_link_down(device_);
}

LinkState LabPort::Link() const {
  return gone_.load(std::memory_order_relaxed) ? LinkState::kGone : EthdevPort::Link();
}

uint16_t LabPort::Allow(rte_mbuf* const* packets, uint16_t count) {
  uint16_t fitting = 0;
  while (fitting < count && rte_pktmbuf_pkt_len(packets[fitting]) <= largest_) ++fitting;
  const uint16_t allowed = Earn(fitting);
  const bool too_large = allowed == fitting && fitting < count;
  refusal_ = too_large ? Refusal{.frames = 1, .reason = wire::Drop::kTooLarge} : Refusal{};
  return allowed;
}

uint16_t LabPort::Earn(uint16_t count) {
  if (!limited_) return count;
  const uint64_t now = rte_rdtsc();
  credit_ = std::min(credit_ + static_cast<double>(now - last_tick_) * packets_per_tick_, burst_);
  last_tick_ = now;
  const auto earned = static_cast<uint16_t>(std::min<double>(credit_, count));
  credit_ -= earned;

  const uint64_t granted =
      std::min<uint64_t>(granted_.load(std::memory_order_relaxed), count - earned);
  granted_.fetch_sub(granted, std::memory_order_relaxed);
  return static_cast<uint16_t>(earned + granted);
}

uint16_t LabPort::CopyReceived(rte_mbuf** packets, uint16_t count) {
  uint16_t kept = 0;
  for (uint16_t i = 0; i < count; ++i) {
    rte_mbuf* copy = rte_pktmbuf_copy(packets[i], rx_pool_, 0, UINT32_MAX);
    rte_pktmbuf_free(packets[i]);
    if (copy == nullptr) {
      missed_.store(missed_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      continue;
    }
    copy->port = device_;
    packets[kept++] = copy;
  }
  return kept;
}

}  // namespace warp::lcore
