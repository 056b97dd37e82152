// Sends payloads on a UDP socket to one receiver, many per system call: payloads of equal size in a row (the last may
// be shorter) and DSCP are a run and leave as one UDP_SEGMENT send, and one sendmmsg sends all runs of a flush.
//
// Whoever is sent to may be gone, or unreachable. The kernel tells that by the socket (IP_RECVERR), whatever is sent by
// it next, and on a network later than the send. It says of each such refusal whom it is about, so that a receiver that
// is gone costs others nothing, even where they share the socket.
#ifndef WARP_CONTROL_GATE_UDP_GSO_SENDER_H_
#define WARP_CONTROL_GATE_UDP_GSO_SENDER_H_

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "control/gate/delivery.h"
#include "control/gate/gate.h"
#include "dataplane/os/socket_address.h"

namespace warp::control {

class GsoSender {
 public:
  static constexpr size_t kPending = 128;  // payloads gathered before a flush happens by itself

  struct Options {
    // Other senders use the socket too. Then each takes its own refusals at once, as far as they have come, because
    // nobody counts those that another one takes.
    bool shared = false;
    bool marks = false;  // payloads leave with their DSCP
  };

  // `fd` and `counters` outlive the sender. Asks the kernel to report refusals (IP_RECVERR).
  GsoSender(int fd, GateCounters& counters, const Options& options);

  // Payloads gathered for the receiver before leave first. Nothing is sent to port 0, which stands for nobody
  // (RFC 768): no_receiver.
  void SetReceiver(const os::SocketAddress& receiver);
  const os::SocketAddress& receiver() const { return receiver_; }  // AF_UNSPEC: none

  void Add(Delivery payload);
  void Flush();
  bool empty() const { return pending_.empty(); }  // nothing waits for Flush

  // Takes the refusals that the socket has to report, and counts the payloads to the receiver that they are about.
  struct Refusals {
    int any = 0;        // of whomever
    bool ours = false;  // some of the receiver
  };
  Refusals TakeRefusals();
  // Whether nobody has been at the receiver's port since this was asked last, or it became the receiver.
  bool TakeGone() { return std::exchange(gone_, false); }

 private:
  static constexpr size_t kRunSegments = 64;  // the kernel's UDP_MAX_SEGMENTS
  // A send may end with an old refusal, of another receiver's too. So often it is tried once more.
  static constexpr int kExcuses = 4;
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
  bool reachable_ = false;  // there is a receiver, at a port
  bool gone_ = false;
  // The kernel cuts runs of payloads of this size at most: on a network it takes none that need fragments.
  size_t largest_segment_ = SIZE_MAX;
  // Payloads of the last run sent. A refusal is about these, because loopback answers at once.
  size_t in_doubt_ = 0;

  std::array<mmsghdr, kPending> headers_;
  std::array<iovec, kPending> vectors_;
  std::array<Control, kPending> controls_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_UDP_GSO_SENDER_H_
