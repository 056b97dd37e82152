// A port: one local interface with one RX and one TX queue of packet buffers. Its driver moves them: a DPDK Ethernet
// device (ethdev_port.h), a packet socket (driver_af_packet.h), a UDP socket (driver_udp.h) or a connection
// (driver_carrier.h). plane/open_port.h opens the one that a device needs.
#ifndef WARP_DATAPLANE_LCORE_PORT_PORT_H_
#define WARP_DATAPLANE_LCORE_PORT_PORT_H_

#include <rte_mbuf.h>

#include <cstdint>
#include <optional>
#include <utility>

#include "dataplane/facade/port_spec.h"
#include "dataplane/lcore/memory/pool.h"
#include "dataplane/wire/drop.h"
#include "dataplane/wire/frame/frame.h"

namespace warp::lcore {

// Why TxBurst took fewer frames than all.
struct Refusal {
  // So many, from the first that it did not take on, it refuses for this reason of their own. Those behind them may be
  // tried. 0: the port has no room, or sends nothing at the moment.
  uint16_t frames = 0;
  wire::Drop reason = wire::Drop::kNone;
};

class Port {
 public:
  // Stops and closes the device, and undoes what opening did to the kernel interface.
  virtual ~Port() = default;
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  // --- The worker that owns the port. These calls never block. ---
  virtual uint16_t RxBurst(rte_mbuf** packets, uint16_t count) = 0;
  // Takes packets from the front and returns how many. The others stay the caller's.
  virtual uint16_t TxBurst(rte_mbuf** packets, uint16_t count) = 0;
  // After TxBurst took fewer than all.
  virtual Refusal refusal() const { return {}; }

  // Frames that the driver has received and that end there.
  struct Losses {
    uint64_t unbuffered = 0;    // came together, and there were no buffers to part them
    uint64_t unknown_vlan = 0;  // belong to none of the device's ports
    bool any() const { return (unbuffered | unknown_vlan) != 0; }
  };
  // Those since TakeLosses was called last.
  const Losses& losses() const { return losses_; }
  Losses TakeLosses() { return std::exchange(losses_, {}); }

  // Takes the error off the socket after poll(2) has answered POLLERR for poll_fd(), because every poll returns at once
  // until then. This happens when the interface goes down or away; frames flow again by themselves when it comes up.
  void ClearPollError();

  // --- Constant while the port is open. Any thread. ---
  PortId id() const { return id_; }
  const PortSpec& spec() const { return spec_; }
  rte_mempool* rx_pool() const { return rx_pool_; }
  const wire::MacAddress& mac() const { return mac_; }
  // The largest IP packet that fits its buffers in both directions.
  uint16_t mtu() const { return spec_.mtu; }
  bool kernel_sees_frames() const { return kernel_sees_frames_; }
  // What is left to the kernel is not lost, since the kernel has its own copy or control passes it on. False: what the
  // port handed over is nobody else's (a UDP socket).
  bool kernel_keeps_frames() const { return kernel_keeps_frames_; }
  // Its frames leave with the addresses of the link in their Ethernet header. False: that header is made up, since the
  // kernel finds the next hop by itself.
  bool has_link_layer() const { return has_link_layer_; }
  // The only address of the interface that the port serves; nullopt: all of them.
  const std::optional<wire::IpAddress>& address() const { return address_; }
  // A socket in whose error queue the kernel puts what it hears by ICMP (IP_RECVERR), for control; -1: none.
  int error_fd() const { return error_fd_; }
  // The other end of the socket of a port in a connection (carrier/driver_carrier.h); -1: the port has none.
  int carrier_fd() const { return carrier_fd_; }
  // Not a driver between programs of one machine, such as net_ring and net_memif.
  bool on_wire() const { return on_wire_; }
  // TxBurst takes [header -> payload] chains and only reads the payload.
  bool multi_segment_tx() const { return multi_segment_tx_; }
  // The driver (af_xdp) sends only buffers of rx_pool() as they are and copies all others.
  bool own_pool_only() const { return own_pool_only_; }
  // Readable when a frame waits. -1: the driver has no descriptor, so that its worker can only nap.
  int poll_fd() const { return poll_fd_; }

  // The MTU that the interface has now, which may be smaller than it was. Control thread.
  virtual void SetInterfaceMtu(uint16_t) {}
  // The driver's own statistics. tx_dropped counts what it took and could not send; what it refused is the worker's to
  // count. Control thread.
  virtual PortCounters Counters() const = 0;
  // Always kUp for a kernel interface, since netlink tells of its carrier. The driver may take its time, so that
  // neither control nor a worker asks. Nobody asks again after kGone. Any thread.
  virtual LinkState Link() const = 0;
  // Neighbouring frames of one flow leave joined, because the interface cuts them by itself. Any thread.
  virtual bool segmentation() const { return false; }

 protected:
  Port(const PortSpec& spec, PortId id, rte_mempool* rx_pool)
      : id_(id), spec_(spec), rx_pool_(rx_pool) {}

  const PortId id_;
  const PortSpec spec_;
  rte_mempool* const rx_pool_;
  wire::MacAddress mac_;
  bool kernel_sees_frames_ = false;
  bool kernel_keeps_frames_ = true;
  bool has_link_layer_ = true;
  std::optional<wire::IpAddress> address_;
  int error_fd_ = -1;
  int carrier_fd_ = -1;
  bool on_wire_ = true;
  bool multi_segment_tx_ = false;
  bool own_pool_only_ = false;
  int poll_fd_ = -1;
  Losses losses_;  // the worker's
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_PORT_H_
