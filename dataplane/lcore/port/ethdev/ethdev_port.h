// What the drivers of DPDK's Ethernet devices have in common.
#ifndef WARP_DATAPLANE_LCORE_PORT_ETHDEV_ETHDEV_PORT_H_
#define WARP_DATAPLANE_LCORE_PORT_ETHDEV_ETHDEV_PORT_H_

#include <rte_ethdev.h>

#include <cstdint>

#include "absl/status/status.h"
#include "dataplane/lcore/port/port.h"

namespace warp::lcore {

class EthdevPort : public Port {
 public:
  // Stops and closes the device.
  ~EthdevPort() override;

  uint16_t RxBurst(rte_mbuf** packets, uint16_t count) override {
    return rte_eth_rx_burst(device_, 0, packets, count);
  }
  uint16_t TxBurst(rte_mbuf** packets, uint16_t count) override {
    return rte_eth_tx_burst(device_, 0, packets, count);
  }
  PortCounters Counters() const override;
  LinkState Link() const override;

 protected:
  using Port::Port;

  // Uses an Ethernet device that exists. Where it is `owned`, the destructor closes and removes it.
  void Adopt(uint16_t device, bool owned);
  // Configures one queue for each direction, and starts the device.
  absl::Status Start();
  // Undoes Start and Adopt. The destructor does so too, but a driver calls it earlier where one of its members must
  // outlive the device.
  void Close();

  uint16_t device_ = RTE_MAX_ETHPORTS;  // DPDK's number of the device; RTE_MAX_ETHPORTS: none
  bool owned_ = false;
  bool started_ = false;
  uint16_t rx_descriptors_ = kRxDescriptors;  // what Start asks for
  uint16_t tx_descriptors_ = kTxDescriptors;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_ETHDEV_ETHDEV_PORT_H_
