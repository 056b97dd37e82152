// An interface of the kernel's that this process serves: /dev/net/tun (Linux Documentation/networking/tuntap.rst), with
// all offloads that the kernel has. What one read or write moves is an OffloadHeader and a packet, or a super-packet.
//
// An interface of that name may exist beforehand. It is used, and stays when the device is closed; otherwise it is
// made, and ends with the device. On a TUN that is made here, the kernel gives itself no IPv6 address and believes no
// router advertisement: whoever is behind the peer could make itself this machine's default router by one.
//
// Opening and closing, and changing the interface, takes the kernel's RTNL lock, for which others may make it wait: any
// thread may do so, and the loop's thread only before the first turn and after the last one.
#ifndef WARP_CONTROL_GATE_TUN_TUN_DEVICE_H_
#define WARP_CONTROL_GATE_TUN_TUN_DEVICE_H_

#include <sys/uio.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control/gate/tun/packet/inner_packet.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/endpoint.h"

namespace warp::control {

struct TunOptions {
  struct Address {
    wire::IpAddress address;
    uint8_t prefix_length = 0;
  };
  Layer layer = Layer::kIp;
  std::string name;  // of the interface: 1 to 15 characters
  std::vector<Address> addresses;
  uint32_t mtu = 0;  // bytes of IP packet; 0: as it is
  bool make = true;  // false: NotFound where there is no interface of that name
};

class TunDevice {
 public:
  // Brings the interface up, with the addresses and the MTU. The error is a sentence that names the interface: no
  // permission, another kind of interface or another program has the name, an address that the kernel does not take...
  static absl::StatusOr<TunDevice> Open(const TunOptions& options);

  int fd() const { return fd_.get(); }  // non-blocking
  int index() const { return index_; }
  bool made() const { return made_; }  // false: the interface existed beforehand
  bool joins_udp() const { return joins_udp_; }
  // What the kernel does that it should not, in a sentence for the log; empty: nothing.
  const std::string& remark() const { return remark_; }

  // Reads one packet into the pieces, or writes one from them; one system call. A negative errno: EAGAIN (there is
  // none), EBADFD (the interface is gone), EIO (it is down), ... FaultOf tells them apart.
  ssize_t Read(std::span<const iovec> pieces) const;
  ssize_t Write(std::span<const wire::Bytes> pieces) const;

 private:
  TunDevice(os::UniqueFd fd, int index, bool made, bool joins_udp, std::string remark)
      : fd_(std::move(fd)),
        index_(index),
        made_(made),
        joins_udp_(joins_udp),
        remark_(std::move(remark)) {}

  os::UniqueFd fd_;
  int index_ = 0;
  bool made_ = false;
  bool joins_udp_ = false;
  std::string remark_;
};

// What a failed read says. kPacket: the kernel has dropped one that it could not give (EINVAL: it is to be cut in a way
// for which the header has no word), and the next one is none the worse for it. kInterface: it is gone.
enum class ReadFault : uint8_t { kNothing, kAgain, kPacket, kInterface };
ReadFault FaultOf(int error);

// Changes the MTU of an interface, by its index. `name` is for the sentence of an error.
absl::Status SetInterfaceMtu(int index, const std::string& name, uint32_t mtu);

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_TUN_TUN_DEVICE_H_
