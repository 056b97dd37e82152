#include "dataplane/lcore/port/ethdev/ethdev_port.h"

#include <rte_dev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <iterator>
#include <mutex>
#include <utility>

#include "absl/strings/string_view.h"
#include "dataplane/lcore/memory/eal_log.h"
#include "dataplane/lcore/port/device.h"

namespace warp::lcore {

void EthdevPort::Adopt(uint16_t device, bool owned) {
  device_ = device;
  owned_ = owned;
}

absl::Status EthdevPort::Start() {
  ClearEalLog();
  rte_eth_dev_info info{};
  if (int result = rte_eth_dev_info_get(device_, &info); result != 0) {
    return DeviceError(wire::DeviceText(spec_.device), result);
  }
  rte_eth_conf conf{};
  // A kernel interface has the MTU that the kernel gave it, and its driver reports limits that do not apply.
  const uint16_t mtu = MtuFor(info);
  if (!kernel_sees_frames_ && mtu >= info.min_mtu && mtu <= info.max_mtu) conf.rxmode.mtu = mtu;
  conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  uint16_t rx_descriptors = rx_descriptors_;
  uint16_t tx_descriptors = tx_descriptors_;
  int result = rte_eth_dev_configure(device_, 1, 1, &conf);
  if (result == 0) {
    result = rte_eth_dev_adjust_nb_rx_tx_desc(device_, &rx_descriptors, &tx_descriptors);
  }
  const auto socket = static_cast<unsigned>(rte_eth_dev_socket_id(device_));
  if (result == 0) {
    result = rte_eth_tx_queue_setup(device_, 0, tx_descriptors, socket, nullptr);
  }
  if (result == 0) {
    result = rte_eth_rx_queue_setup(device_, 0, rx_descriptors, socket, nullptr, rx_pool_);
  }
  if (result == 0) result = rte_eth_dev_start(device_);
  if (result != 0) return DeviceError(wire::DeviceText(spec_.device), result);
  started_ = true;

  // A net_ring takes chains but hands over the very buffers that it is given, so that its receiver would open a shared
  // payload in place. A net_null frees whatever it is given, chains included, but does not say so.
  const absl::string_view driver = info.driver_name;
  multi_segment_tx_ = (conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0
                          ? driver != "net_ring"
                          : driver == "net_null";
  rte_ether_addr address{};
  rte_eth_macaddr_get(device_, &address);
  // Rings have no MAC address, but a companion interface needs one.
  if (rte_is_zero_ether_addr(&address)) rte_eth_random_addr(address.addr_bytes);
  std::copy(std::begin(address.addr_bytes), std::end(address.addr_bytes), mac_.bytes.begin());
  return absl::OkStatus();
}

// Most devices have room for a tag beside the packet and the header. Of others it costs the packet its 4 bytes. ethdev
// reckons in the same way (rte_ethdev.c, eth_dev_get_overhead_len).
uint16_t EthdevPort::MtuFor(const rte_eth_dev_info& info) const {
  constexpr uint32_t kWithoutTag = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
  const bool tells = info.max_mtu != UINT16_MAX && info.max_rx_pktlen > info.max_mtu;
  const uint32_t around = tells ? info.max_rx_pktlen - info.max_mtu : kWithoutTag;
  const bool tagged = std::any_of(spec_.device_vlans.begin(), spec_.device_vlans.end(),
                                  [](const PortVlan& vlan) { return vlan.id != 0; });
  const bool counts = tagged && around < kWithoutTag + RTE_VLAN_HLEN;
  return static_cast<uint16_t>(spec_.mtu + (counts ? RTE_VLAN_HLEN : 0));
}

EthdevPort::~EthdevPort() { Close(); }

void EthdevPort::Close() {
  const uint16_t device = std::exchange(device_, RTE_MAX_ETHPORTS);
  if (device == RTE_MAX_ETHPORTS) return;
  if (started_) rte_eth_dev_stop(device);
  if (!owned_) return;
  rte_eth_dev_info info{};
  const bool known = rte_eth_dev_info_get(device, &info) == 0;
  rte_eth_dev_close(device);
  if (known) UnplugDevice(info.device);
}

PortCounters EthdevPort::Counters() const {
  const std::unique_lock lock(asking_, std::try_to_lock);
  rte_eth_stats stats{};
  if (!lock.owns_lock() || rte_eth_stats_get(device_, &stats) != 0) return counters_;
  return counters_ = {.rx_packets = stats.ipackets,
                      .rx_bytes = stats.ibytes,
                      .rx_missed = stats.imissed + stats.rx_nombuf,
                      .tx_packets = stats.opackets,
                      .tx_bytes = stats.obytes};
}

LinkState EthdevPort::Link() const {
  if (kernel_sees_frames_) return LinkState::kUp;
  const std::lock_guard lock(asking_);
  rte_eth_link link{};
  // A driver that cannot be asked has a link for all that anybody knows.
  if (rte_eth_link_get_nowait(device_, &link) != 0) return LinkState::kUp;
  return link.link_status == RTE_ETH_LINK_UP ? LinkState::kUp : LinkState::kDown;
}

}  // namespace warp::lcore
