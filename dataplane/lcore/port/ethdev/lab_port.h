// A port for tests of back-pressure, since it really refuses packets, and of drivers that hang, since it does so too.
//
// Two of these ports share a wire, which is a pair of rings. What one port sends the other receives as a copy of its
// own, as from a real link. A port takes packets only as its rate or the test allows; the others stay the caller's, as
// with an adapter whose queue is full.
#ifndef WARP_DATAPLANE_LCORE_PORT_ETHDEV_LAB_PORT_H_
#define WARP_DATAPLANE_LCORE_PORT_ETHDEV_LAB_PORT_H_

#include <rte_ethdev.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "dataplane/lcore/port/ethdev/ethdev_port.h"

namespace warp::lcore {

inline constexpr absl::string_view kLabDevice = "net_warp_lab";

struct LabWire;

class LabPort final : public EthdevPort {
 public:
  // The device arguments are net_warp_labN[,wire=NAME][,rate=PACKETS_PER_SECOND][,burst=PACKETS][,mtu=BYTES]
  // [,hang=open|close]
  //   wire   a name that the other end gives too; a wire has at most two ends. Default: a wire that nobody else has, so
  //          that everything is refused once its 1023 packets are full
  //   rate   packets taken a second; 0: only as many as Grant allows. Default: as many as the wire holds
  //   burst  packets taken at once after a silence. Default: 1
  //   mtu    of the IP packet; larger frames are refused for their size. Default: there is no limit
  //   hang   which call of the driver hangs until LetGo
  static absl::StatusOr<std::unique_ptr<Port>> Open(const VirtualDevice& device,
                                                    const PortSpec& spec, PortId id,
                                                    rte_mempool* rx_pool);
  ~LabPort() override;

  // Ends all calls that hang now. Any thread.
  static void LetGo();

  // Plugs the cable in, or pulls it out. Packets go on passing: only what the driver says of its link changes.
  void SetLink(bool up);
  // Takes the device away: its driver says so, and goes on otherwise.
  void PullOut() { gone_.store(true, std::memory_order_relaxed); }

  // Lets the port take `packets` more than the rate allows. Any thread.
  void Grant(uint64_t packets) { granted_.fetch_add(packets, std::memory_order_relaxed); }

  Refusal refusal() const override { return refusal_; }
  PortCounters Counters() const override;
  LinkState Link() const override;

 private:
  LabPort(const PortSpec& spec, PortId id, rte_mempool* rx_pool) : EthdevPort(spec, id, rx_pool) {}

  uint16_t Allow(rte_mbuf* const* packets, uint16_t count);
  uint16_t Earn(uint16_t count);
  uint16_t CopyReceived(rte_mbuf** packets, uint16_t count);

  // --- Constant while the port is open. ---
  std::shared_ptr<LabWire> wire_;
  size_t end_ = 0;
  bool limited_ = false;
  uint32_t largest_ = UINT32_MAX;  // frame
  bool closing_hangs_ = false;
  double packets_per_tick_ = 0;
  double burst_ = 1;
  const rte_eth_rxtx_callback* on_receive_ = nullptr;
  const rte_eth_rxtx_callback* on_transmit_ = nullptr;

  std::atomic<uint64_t> granted_{0};  // Any thread adds and the worker takes.
  std::atomic<bool> gone_{false};     // Any thread.

  // --- The worker's. ---
  Refusal refusal_;
  double credit_ = 0;
  uint64_t last_tick_ = 0;
  std::atomic<uint64_t> missed_{0};  // Any thread may read it.
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_ETHDEV_LAB_PORT_H_
