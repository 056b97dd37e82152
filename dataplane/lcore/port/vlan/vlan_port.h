// A port that is one VLAN of a device which other ports may share (vlan_trunk.h), over any driver. The pipeline never
// sees a tag: the port puts it on what it sends, and what it receives comes without.
#ifndef WARP_DATAPLANE_LCORE_PORT_VLAN_VLAN_PORT_H_
#define WARP_DATAPLANE_LCORE_PORT_VLAN_VLAN_PORT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "dataplane/lcore/port/port.h"
#include "dataplane/lcore/port/vlan/vlan_trunk.h"

namespace warp::lcore {

class VlanPort final : public Port {
 public:
  // FailedPrecondition: the device was opened without the VLAN of `spec`, or is gone.
  static absl::StatusOr<std::unique_ptr<Port>> Open(std::shared_ptr<VlanTrunk> trunk,
                                                    const PortSpec& spec, PortId id);
  // The last port of the trunk closes the device.
  ~VlanPort() override;

  uint16_t RxBurst(rte_mbuf** packets, uint16_t count) override;
  // A frame that the device does not take is as it was.
  uint16_t TxBurst(rte_mbuf** packets, uint16_t count) override;
  Refusal refusal() const override { return trunk_->device().refusal(); }
  void SetInterfaceMtu(uint16_t mtu) override { trunk_->device().SetInterfaceMtu(mtu); }
  // Bytes count without tags. What the device missed before anybody could see to which VLAN it belongs counts at the
  // first of its VLANs.
  PortCounters Counters() const override;
  LinkState Link() const override { return trunk_->Link(); }
  bool segmentation() const override { return trunk_->device().segmentation(); }

 private:
  VlanPort(std::shared_ptr<VlanTrunk> trunk, VlanTrunk::Member& member, const PortSpec& spec,
           PortId id);

  const std::shared_ptr<VlanTrunk> trunk_;
  VlanTrunk::Member& member_;
  const uint16_t vlan_;

  // The worker's; any thread reads them.
  wire::Counter rx_packets_, rx_bytes_, tx_packets_, tx_bytes_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_VLAN_VLAN_PORT_H_
