// The kernel's interfaces and their addresses, kept by its link and address messages (rtnetlink(7):
// RTM_NEWLINK, RTM_NEWADDR).
#ifndef WARP_CONTROL_KERNEL_INTERFACE_TABLE_H_
#define WARP_CONTROL_KERNEL_INTERFACE_TABLE_H_

#include <linux/netlink.h>

#include <cstdint>
#include <map>
#include <vector>

#include "absl/strings/string_view.h"
#include "control/kernel/interface_state.h"
#include "dataplane/os/kernel_ports.h"

namespace warp::control {

class InterfaceTable {
 public:
  // A dump follows. At its end, everything is removed that neither the dump nor an event meanwhile has named; until
  // then, the old state stands.
  void BeginDump() { ++generation_; }
  void EndLinkDump();
  void EndAddressDump();

  // Applies a message of type RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR or RTM_DELADDR, be it an event or part of a dump.
  // Messages of other types are ignored.
  void Apply(nlmsghdr* message);

  InterfaceState Find(absl::string_view name) const;
  bool HasLink(int index) const {
    const auto link = links_.find(index);
    return link != links_.end() && link->second.state.up();
  }
  std::vector<os::Interface> All() const;        // by index
  uint64_t version() const { return version_; }  // grows with each change

 private:
  struct Address {
    wire::IpAddress address;
    uint8_t prefix_length = 0;
    bool usable = false;
    bool deprecated = false;
    uint64_t seen = 0;  // the generation in which a message named it last
  };
  struct Link {
    InterfaceState state;  // without addresses
    bool loopback = false;
    std::vector<Address> addresses;
    uint64_t seen = 0;
  };
  void ApplyLink(nlmsghdr* message);
  void ApplyAddress(nlmsghdr* message);

  std::map<int, Link> links_;  // by index
  uint64_t generation_ = 0;    // number of dumps begun
  uint64_t version_ = 0;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_KERNEL_INTERFACE_TABLE_H_
