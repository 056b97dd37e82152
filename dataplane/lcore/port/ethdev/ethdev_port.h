// What the drivers of DPDK's Ethernet devices have in common.
#ifndef WARP_DATAPLANE_LCORE_PORT_ETHDEV_ETHDEV_PORT_H_
#define WARP_DATAPLANE_LCORE_PORT_ETHDEV_ETHDEV_PORT_H_

#include <rte_ethdev.h>

#include <cstdint>
#include <mutex>

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
  // What was read last where the driver is just being asked for the link, for which control does not wait.
  PortCounters Counters() const override;
  LinkState Link() const override;

 protected:
  using Port::Port;

  // Control thread.
  const PortCounters& last_counters() const { return counters_; }

  // Uses an Ethernet device that exists. Where it is `owned`, the destructor closes and removes it.
  void Adopt(uint16_t device, bool owned);
  // Configures one queue for each direction, and starts the device.
  absl::Status Start();
  // The MTU to ask of the device, so that packets of the port's MTU fit it.
  uint16_t MtuFor(const rte_eth_dev_info& info) const;
  // Undoes Start and Adopt. The destructor does so too, but a driver calls it earlier where one of its members must
  // outlive the device.
  void Close();

  uint16_t device_ = RTE_MAX_ETHPORTS;  // DPDK's number of the device; RTE_MAX_ETHPORTS: none
  bool owned_ = false;
  bool started_ = false;
  uint16_t rx_descriptors_ = kRxDescriptors;  // what Start asks for
  uint16_t tx_descriptors_ = kTxDescriptors;

 private:
  // Held while the driver answers. Some have one register for questions and answers of every kind (vmxnet3), so that
  // the answer to one of two threads could be taken for that to the other.
  mutable std::mutex asking_;
  mutable PortCounters counters_;  // control's
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_ETHDEV_ETHDEV_PORT_H_
