// A kernel interface as a port, by the af_packet driver: works on anything, and the kernel goes on
// using the interface.
//
// A classic BPF filter on the driver's socket lets only UDP to our port into its ring, so that the
// kernel's other traffic costs us nothing; the kernel still sees every frame. There is no
// back-pressure: what the driver takes, the kernel may drop (design §6).
//
// Opening one sets the interface's MAC address to what it is (DPDK does, at the start of a device), on which the kernel forgets
// the interface's neighbours, permanent ones too. It resolves them again when they are needed.
#ifndef WARP_DATAPLANE_LCORE_DRIVER_AF_PACKET_H_
#define WARP_DATAPLANE_LCORE_DRIVER_AF_PACKET_H_

#include <memory>

#include "absl/status/statusor.h"
#include "dataplane/lcore/port.h"

namespace warp::lcore {

class AfPacketPort final : public Port {
 public:
  // Needs CAP_NET_RAW, and CAP_NET_ADMIN for a send buffer so large that transmitting never sleeps.
  static absl::StatusOr<std::unique_ptr<Port>> Open(const PortSpec& spec, PortId id,
                                                    rte_mempool* rx_pool);

  PortCounters Counters() const override;

 private:
  using Port::Port;

  absl::Status PlugIn(int interface);
  // The driver's socket, as yet unfiltered, becomes ours: poll_fd().
  absl::Status TakeSocket(int interface);
  void Drain();

  uint32_t frame_size_ = 0;      // of a slot of the driver's ring
  uint32_t frame_count_ = 0;     // slots each way
  mutable uint64_t missed_ = 0;  // control thread; the kernel forgets them when it has told
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_DRIVER_AF_PACKET_H_
