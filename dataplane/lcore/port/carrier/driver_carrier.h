// A port of a kernel interface whose datagrams travel in a connection, where the network lets no UDP through. The
// connection is somebody else's, its carrier: it has the other end of a socket (facade/carrier_message.h), and turns
// what comes out of it into frames of TLS. The worker that polls the port neither knows nor waits for any of that.
// Where the carrier takes nothing, the socket is full, and the port refuses.
#ifndef WARP_DATAPLANE_LCORE_PORT_CARRIER_DRIVER_CARRIER_H_
#define WARP_DATAPLANE_LCORE_PORT_CARRIER_DRIVER_CARRIER_H_

#include <array>
#include <memory>

#include "absl/status/statusor.h"
#include "dataplane/facade/carrier_message.h"
#include "dataplane/lcore/port/joined/frame_runs.h"
#include "dataplane/lcore/port/joined/message_receiver.h"
#include "dataplane/lcore/port/port.h"
#include "dataplane/os/unique_fd.h"

namespace warp::lcore {

// Datagrams of the carrier's, with the headers of frames in front. The worker's thread.
class CarrierReceiver final : public MessageReceiver {
 public:
  // `port` is the node's UDP port.
  CarrierReceiver(int fd, rte_mempool* pool, uint16_t port);

 private:
  bool Read(size_t index, Message* message) override;
  bool AfterError(int error) override;

  const uint16_t port_;
  std::array<CarrierHeader, kMessages> fronts_;
};

class CarrierPort final : public Port {
 public:
  static absl::StatusOr<std::unique_ptr<Port>> Open(const KernelDevice& device,
                                                    const PortSpec& spec, PortId id,
                                                    rte_mempool* rx_pool);

  uint16_t RxBurst(rte_mbuf** packets, uint16_t count) override {
    return receiver_.Receive(packets, count, &losses_.unbuffered);
  }
  uint16_t TxBurst(rte_mbuf** packets, uint16_t count) override;
  Refusal refusal() const override { return refusal_; }
  PortCounters Counters() const override;
  LinkState Link() const override { return LinkState::kUp; }  // the carrier's owner knows

 private:
  CarrierPort(const PortSpec& spec, PortId id, rte_mempool* rx_pool, os::UniqueFd own,
              os::UniqueFd others);

  const os::UniqueFd socket_;
  const os::UniqueFd carrier_;  // its end: held, so that the socket does not end with the carrier
  CarrierReceiver receiver_;
  std::array<CarrierHeader, FrameRuns::kFrames> fronts_;
  FrameRuns runs_;
  Refusal refusal_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_CARRIER_DRIVER_CARRIER_H_
