// A port: one DPDK Ethernet device with one RX and one TX queue, whatever its driver.
#ifndef WARP_DATAPLANE_LCORE_PORT_H_
#define WARP_DATAPLANE_LCORE_PORT_H_

#include <rte_ethdev.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/lcore/pool.h"
#include "dataplane/lcore/port_spec.h"
#include "dataplane/wire/frame.h"

namespace warp::lcore {

class Port {
 public:
  // Control thread. Creates, configures and starts the device; may block for milliseconds. Received
  // frames come from `rx_pool`, which outlives the port. kDevargs: where an Ethernet device of that
  // name exists already (a test made it from rings), it is taken as it is. Errors say what and why,
  // in one sentence: no such interface, no permission, MTU larger than the data rooms, more than
  // one channel...
  static absl::StatusOr<std::unique_ptr<Port>> Open(const PortSpec& spec, PortId id,
                                                    rte_mempool* rx_pool);
  virtual ~Port() =
      default;  // stops and closes the device, and undoes what Open did to the kernel interface
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  // --- The worker that owns the port. Never block. ---
  uint16_t RxBurst(rte_mbuf** packets, uint16_t count) {
    return rte_eth_rx_burst(device_, 0, packets, count);
  }
  // Takes packets from the front and returns how many; the rest stays the caller's.
  uint16_t TxBurst(rte_mbuf** packets, uint16_t count) {
    return rte_eth_tx_burst(device_, 0, packets, count);
  }

  // --- Constant after Open; any thread. ---
  PortId id() const { return id_; }
  const PortSpec& spec() const { return spec_; }
  rte_mempool* rx_pool() const { return rx_pool_; }
  const wire::MacAddress& mac() const { return mac_; }
  uint16_t mtu() const { return mtu_; }  // largest IP packet that fits its buffers
  bool kernel_sees_frames() const { return kernel_sees_frames_; }
  bool multi_segment_tx() const { return multi_segment_tx_; }  // takes [header -> payload] chains
  bool own_pool_only() const {
    return own_pool_only_;
  }  // sends only what comes from rx_pool() (af_xdp)
  // Readable when a frame waits; -1 where the driver has none, so that its worker may only nap.
  int poll_fd() const { return poll_fd_; }

  // Control thread: the driver's own statistics. tx_dropped is not among them: the worker counts
  // refusals.
  PortCounters Counters() const;

 protected:
  Port() = default;

  uint16_t device_ = RTE_MAX_ETHPORTS;  // DPDK's number
  PortId id_ = 0;
  PortSpec spec_;
  rte_mempool* rx_pool_ = nullptr;
  wire::MacAddress mac_;
  uint16_t mtu_ = 0;
  bool kernel_sees_frames_ = false;
  bool multi_segment_tx_ = false;
  bool own_pool_only_ = false;
  int poll_fd_ = -1;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_H_
