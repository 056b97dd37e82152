// Sends payloads on a UDP socket to one receiver, many per system call: payloads of equal size in a row (the last may
// be shorter) and DSCP are a run and leave as one UDP_SEGMENT send, and one sendmmsg sends all runs of a flush.
#ifndef WARP_CONTROL_GATE_LOOPBACK_GSO_SENDER_H_
#define WARP_CONTROL_GATE_LOOPBACK_GSO_SENDER_H_

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "control/gate/delivery.h"
#include "control/gate/gate.h"
#include "dataplane/os/socket_address.h"

namespace warp::control {

class GsoSender {
 public:
  static constexpr size_t kPending = 128;  // payloads gathered before a flush happens by itself

  struct Options {
    // Other senders use the socket too. Then each takes its own refusals at once, because the kernel reports them by
    // the socket, and nobody could tell later whose they are.
    bool shared = false;
    bool marks = false;  // payloads leave with their DSCP
  };

  // `fd` and `counters` outlive the sender. Asks the kernel to report refusals (IP_RECVERR).
  GsoSender(int fd, GateCounters& counters, const Options& options);

  // Payloads gathered for the receiver before leave first.
  void SetReceiver(const os::SocketAddress& receiver);
  const os::SocketAddress& receiver() const { return receiver_; }  // AF_UNSPEC: none

  void Add(Delivery payload);
  void Flush();
  bool empty() const { return pending_.empty(); }  // nothing waits for Flush

  // Takes the refusals that the socket has to report and counts the payloads they are about. Returns whether there were
  // any.
  bool TakeRefusals();

 private:
  static constexpr size_t kRunSegments = 64;  // the kernel's UDP_MAX_SEGMENTS
  static constexpr size_t kMaxDatagramV4 = 65535 - 20 - 8;
  static constexpr size_t kMaxDatagramV6 = 65535 - 8;

  struct alignas(cmsghdr) Control {
    uint8_t bytes[CMSG_SPACE(sizeof(uint16_t)) + CMSG_SPACE(sizeof(int))];
  };
  size_t max_datagram() const {
    return receiver_.family() == AF_INET6 ? kMaxDatagramV6 : kMaxDatagramV4;
  }
  size_t BuildRuns(size_t first);
  size_t RunLength(size_t first) const;
  size_t WriteControl(size_t first, size_t length, Control* control) const;
  uint8_t DscpOf(size_t pending) const {
    return options_.marks ? pending_[pending].flow().dscp : uint8_t{0};
  }
  void SendFrom(size_t first);
  void Drop(size_t first, wire::Drop reason);

  const int fd_;
  const Options options_;
  GateCounters& counters_;
  os::SocketAddress receiver_;
  std::vector<Delivery> pending_;
  bool segmentation_ = true;  // false once the kernel refused a run that it takes one by one
  // Payloads of the last run sent. A refusal is about these, because loopback answers at once.
  size_t in_doubt_ = 0;

  std::array<mmsghdr, kPending> headers_;
  std::array<iovec, kPending> vectors_;
  std::array<Control, kPending> controls_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_LOOPBACK_GSO_SENDER_H_
