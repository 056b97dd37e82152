// By which prefixes the networks of interfaces translate to IPv4, as their routers advertise it (RFC 8781, PREF64). The
// kernel hands on that option of each advertisement that it accepts (RTM_NEWNDUSEROPT), and keeps no table of them:
// what was advertised before the socket was opened is known with the next advertisement. Control thread only.
//
// Whoever sends on a link can send advertisements. So there is a limit to what is kept, and what stands makes no room
// for what comes.
#ifndef WARP_CONTROL_KERNEL_ROUTER_ADVERTISED_PREFIXES_H_
#define WARP_CONTROL_KERNEL_ROUTER_ADVERTISED_PREFIXES_H_

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/nat64_prefix.h"
#include "dataplane/wire/time.h"

namespace warp::control {

// The option of an advertisement.
struct AdvertisedPrefix {
  wire::Nat64Prefix prefix;
  wire::Duration lifetime{0};  // zero: not to be used any more
};
// `option` is the whole of it, from its type on. nullopt: it is another one, or malformed.
std::optional<AdvertisedPrefix> ReadAdvertisedPrefix(wire::Bytes option);

class AdvertisedPrefixes {
 public:
  static constexpr size_t kMostOfInterface = 4;
  static constexpr size_t kMostInterfaces = 64;

  // Applies a message of type RTM_NEWNDUSEROPT. Messages of other types are ignored.
  void Apply(wire::Instant now, nlmsghdr* message);
  // Forgets what has come to its end.
  void Expire(wire::Instant now);
  // Forgets what was advertised to interfaces that are gone or have lost their link: there may be another network now.
  void KeepOnly(absl::FunctionRef<bool(int index)> has_link);

  // Those of an interface, by its index, the one that has stood longest first.
  std::vector<wire::Nat64Prefix> Of(int index) const;
  wire::Instant NextEnd() const;                 // kNever: nothing stands
  uint64_t version() const { return version_; }  // grows with each change of what Of returns

 private:
  struct Entry {
    wire::Nat64Prefix prefix;
    wire::Instant end;
  };
  void Take(wire::Instant now, int index, const AdvertisedPrefix& advertised);
  template <typename Condition>
  void Forget(Condition condition);

  std::map<int, std::vector<Entry>> entries_;  // by the index of the interface; none is empty
  uint64_t version_ = 0;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_KERNEL_ROUTER_ADVERTISED_PREFIXES_H_
