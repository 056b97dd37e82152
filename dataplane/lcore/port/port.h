// A port: one local interface, with one RX and one TX queue of packet buffers, whatever moves them: a DPDK Ethernet device
// (ethdev_port.h) or a packet socket (driver_af_packet.h).
#ifndef WARP_DATAPLANE_LCORE_PORT_PORT_H_
#define WARP_DATAPLANE_LCORE_PORT_PORT_H_

#include <rte_mbuf.h>

#include <cstdint>

#include "dataplane/facade/port_spec.h"
#include "dataplane/lcore/memory/pool.h"
#include "dataplane/wire/frame/frame.h"

namespace warp::lcore {

class Port {
 public:
  // Stops and closes it, and undoes what Open did to the kernel interface.
  virtual ~Port() = default;
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  // --- The worker that owns the port. Never block. ---
  virtual uint16_t RxBurst(rte_mbuf** packets, uint16_t count) = 0;
  // Takes packets from the front and returns how many; the rest stays the caller's.
  virtual uint16_t TxBurst(rte_mbuf** packets, uint16_t count) = 0;

  // Where poll(2) answered POLLERR for poll_fd(): takes the error off the socket, since until then
  // every poll returns at once. Happens when the interface goes down or away; frames flow again by
  // themselves when it comes up.
  void ClearPollError();

  // --- Constant after Open; any thread. ---
  PortId id() const { return id_; }
  const PortSpec& spec() const { return spec_; }
  rte_mempool* rx_pool() const { return rx_pool_; }
  const wire::MacAddress& mac() const { return mac_; }
  // An IP packet of this size fits its buffers, both ways.
  uint16_t mtu() const { return spec_.mtu; }
  bool kernel_sees_frames() const { return kernel_sees_frames_; }
  // Takes [header -> payload] chains; the payload is only read.
  bool multi_segment_tx() const { return multi_segment_tx_; }
  // Sends only what comes from rx_pool(), and copies the rest once more (af_xdp).
  bool own_pool_only() const { return own_pool_only_; }
  // Readable when a frame waits; -1 where the driver has none, so that its worker may only nap.
  int poll_fd() const { return poll_fd_; }

  // Control thread: the driver's own statistics. tx_dropped: what it took and could not send; the
  // worker counts what it refused.
  virtual PortCounters Counters() const = 0;
  // Control thread. Always true for a kernel interface, whose carrier netlink knows.
  virtual bool LinkUp() const = 0;

 protected:
  Port(const PortSpec& spec, PortId id, rte_mempool* rx_pool)
      : id_(id), spec_(spec), rx_pool_(rx_pool) {}

  const PortId id_;
  const PortSpec spec_;
  rte_mempool* const rx_pool_;
  wire::MacAddress mac_;
  bool kernel_sees_frames_ = false;
  bool multi_segment_tx_ = false;
  bool own_pool_only_ = false;
  int poll_fd_ = -1;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_PORT_H_
