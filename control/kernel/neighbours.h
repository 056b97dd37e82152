// The link-layer addresses of the next hops in use, as the kernel's neighbour tables know them
// (rtnetlink(7), RTM_NEWNEIGH).
//
// Frames bypass the kernel, which therefore does not see that an entry is in use. This class tells it so (NTF_USE)
// whenever an entry is missing, has failed or has become stale; the kernel then asks by ARP or ND. Entries that do not
// age (permanent, noarp) are left alone. Control thread only.
#ifndef WARP_CONTROL_KERNEL_NEIGHBOURS_H_
#define WARP_CONTROL_KERNEL_NEIGHBOURS_H_

#include <linux/netlink.h>

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "control/kernel/netlink_socket.h"
#include "control/loop/loop.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/frame/frame.h"

namespace warp::control {

class Neighbours {
 public:
  struct Key {
    int interface = 0;  // index
    wire::IpAddress address;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  enum class Verdict : uint8_t {
    kAsked,   // the neighbour was asked and has not answered yet
    kKnown,   // `mac` may be used; it may be stale, and is then being confirmed
    kSilent,  // the neighbour did not answer; it is asked again
  };
  struct View {
    Verdict verdict = Verdict::kAsked;
    wire::MacAddress mac;
  };

  // `changed` is called with each neighbour whose view has changed. It may look at neighbours, but neither acquire nor
  // release any.
  Neighbours(Loop& loop, NetlinkSocket& socket, std::function<void(const Key&)> changed);

  // A neighbour is kept fresh from its first Acquire until each Acquire has had its Release.
  void Acquire(const Key& key);
  void Release(const Key& key);
  View Look(const Key& key) const;  // the neighbour must be acquired

  void OnEvent(nlmsghdr* message);  // RTM_NEWNEIGH, RTM_DELNEIGH
  void OnOverrun();                 // asks about all

  // The interface has lost its link, so that nothing is known of its neighbours.
  void Forget(int interface);
  // The interface has its link again: its neighbours are asked now instead of at the next interval.
  void Hurry(int interface);

 private:
  struct Neighbour {
    uint32_t users = 0;
    View view;
    bool fixed = false;      // permanent or noarp: there is nothing to keep fresh
    bool was_known = false;  // it has answered since it was acquired
    bool paused = false;     // its interface has no link
    wire::Instant unknown_since = wire::kNever;
    // kNever: its address is known, or nobody has asked for it.
    wire::Instant next_use = wire::kNever;
  };
  using Entry = std::pair<const Key, Neighbour>;

  void Ask(const Key& key);
  void OnAnswer(const Key& key, nlmsghdr* answer);  // null: there is no entry
  void Probe(const Key& key);
  void Use(Entry& entry);
  void Apply(Entry& entry, nlmsghdr* message);
  void Learn(Entry& entry, uint16_t state, const wire::MacAddress* mac);
  void OnMissing(Entry& entry);
  void Publish(Entry& entry, const View& view);
  void Tick();
  wire::Duration Interval(const Neighbour& neighbour, wire::Instant now) const;

  Loop& loop_;
  NetlinkSocket& socket_;
  const std::function<void(const Key&)> changed_;
  std::map<Key, Neighbour> neighbours_;
  Timer tick_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_KERNEL_NEIGHBOURS_H_
