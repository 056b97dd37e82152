// The companion of a port that the kernel does not own (PCI, memif, ring): a TAP interface with the
// port's MAC, through which the kernel does ARP, ND, DHCP and ICMP there, and keeps addresses,
// routes and neighbours as for an interface of its own.
//
// The interface may exist beforehand (ip tuntap add NAME mode tap). Then its addresses, its MTU and whether it is up
// are the operator's and survive warpd; only its MAC becomes the port's, because frames leave with that. Otherwise
// warpd creates it and brings it up, and it ends with warpd. Its carrier follows the port's link. Control thread only.
#ifndef WARP_CONTROL_KERNEL_COMPANION_H_
#define WARP_CONTROL_KERNEL_COMPANION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control/loop/loop.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/frame/frame.h"

namespace warp::control {

struct CompanionOptions {
  std::string name;      // of the interface: 1 to 15 characters
  wire::MacAddress mac;  // of the port
  uint16_t mtu = 1500;   // bytes; set only where the interface is created here
  bool carrier = true;   // whether the port has a link now
};

class Companion {
 public:
  // `on_frame` gets each Ethernet frame that the kernel sends; the bytes are valid during the call.
  // The error says in one sentence that permission is missing, or that the name belongs to another kind of interface or
  // is in use by another program.
  static absl::StatusOr<std::unique_ptr<Companion>> Open(
      Loop& loop, const CompanionOptions& options, std::function<void(wire::Bytes frame)> on_frame);

  // Gives a frame to the kernel as if it had been received. False: the interface is down or out of memory, and the
  // frame is to be counted as Drop::kKernelFull. Makes one system call and never blocks.
  bool Write(wire::Bytes frame);

  // The port's link went up or down. The kernel takes the change under its RTNL lock, for which others may make it
  // wait, so that another thread tells it. Costs nothing where it has been told the same.
  void SetCarrier(bool up);

  bool created() const { return created_; }  // false: the interface existed beforehand
  // The interface was deleted. Neither frames nor the carrier reach anybody, and another companion may be opened.
  bool gone() const { return gone_; }
  const wire::MacAddress& mac() const { return mac_; }

 private:
  // A small budget suffices, because payloads do not pass here.
  static constexpr size_t kFramesPerTurn = 32;

  // An interface before the companion serves it.
  struct Interface {
    os::UniqueFd fd;
    os::UniqueFd netlink;
    int index = 0;
    bool created = false;
    bool carrier = true;
    wire::MacAddress mac;
  };
  Companion(Loop& loop, Interface interface, std::function<void(wire::Bytes)> on_frame);
  void Read();
  void TellCarrier();

  const os::UniqueFd fd_;
  const os::UniqueFd netlink_;  // by which the kernel learns of the carrier
  const int index_;
  const bool created_;
  const wire::MacAddress mac_;
  bool carrier_;  // as it ought to be, and as the kernel was told last
  bool told_carrier_;
  bool gone_ = false;
  const std::function<void(wire::Bytes)> on_frame_;
  std::unique_ptr<uint8_t[]> buffer_;
  Task more_;
  Watch watch_;
  AsyncSend carrier_send_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_KERNEL_COMPANION_H_
