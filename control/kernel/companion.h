// The companion of a port that the kernel does not own (PCI, memif, ring): a TAP interface with the
// port's MAC, through which the kernel does ARP, ND, DHCP and ICMP there, and keeps addresses,
// routes and neighbours as for an interface of its own.
//
// It may exist beforehand (ip tuntap add NAME mode tap): then its addresses, MTU and up or down are
// the operator's and survive warpd; only its MAC becomes the port's, as frames leave with that.
// Else it is created, brought up, and ends with warpd. Its carrier is the port's link. Control
// thread only.
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
  std::string name;      // of the interface, below 16 characters
  wire::MacAddress mac;  // the port's
  uint16_t mtu = 1500;   // set where the interface is created here
  bool carrier = true;   // the port's link as it is now
};

class Companion {
 public:
  // `on_frame` gets each Ethernet frame that the kernel sends; the bytes are valid during the call.
  // Errors in one sentence: no permission, name taken by another kind of interface or in use by
  // another program.
  static absl::StatusOr<std::unique_ptr<Companion>> Create(
      Loop& loop, const CompanionOptions& options, std::function<void(wire::Bytes frame)> on_frame);

  // Gives a frame to the kernel, as if received. False: it did not take it (Drop::kKernelFull),
  // being down or out of memory. One system call; never blocks.
  bool Write(wire::Bytes frame);

  // The port's link went up or down.
  void SetCarrier(bool up);

  bool created() const { return created_; }  // false: it existed beforehand

 private:
  // A port's frames come to the kernel at leisure: payloads do not pass here.
  static constexpr size_t kFramesPerTurn = 32;

  Companion(Loop& loop, os::UniqueFd fd, bool created, std::function<void(wire::Bytes)> on_frame);
  void Read();

  const os::UniqueFd fd_;
  const bool created_;
  const std::function<void(wire::Bytes)> on_frame_;
  std::unique_ptr<uint8_t[]> buffer_;
  Task more_;
  Watch watch_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_KERNEL_COMPANION_H_
