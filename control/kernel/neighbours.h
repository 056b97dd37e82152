// The link-layer addresses of the next hops in use, as the kernel's neighbour tables know them
// (rtnetlink(7), RTM_NEWNEIGH).
//
// Frames leave past the kernel, so that it does not see that an entry is in use: it is told so
// (NTF_USE) whenever an entry is missing, failed, or became stale. It then asks by ARP or ND;
// entries it set up itself (permanent, noarp) are left alone.
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
    kAsked,   // not known yet
    kKnown,   // `mac` is good, if perhaps stale
    kSilent,  // it did not answer; asked again
  };
  struct View {
    Verdict verdict = Verdict::kAsked;
    wire::MacAddress mac;
  };

  // `changed` is called with each neighbour whose view has changed, in the midst of things: it may
  // only take note.
  Neighbours(Loop& loop, NetlinkSocket& socket, std::function<void(const Key&)> changed);

  // Counted: a neighbour is kept fresh from its first Acquire to its last Release.
  void Acquire(const Key& key);
  void Release(const Key& key);
  View Look(const Key& key) const;  // of an acquired one

  void OnEvent(nlmsghdr* message);  // RTM_NEWNEIGH, RTM_DELNEIGH
  void OnOverrun();                 // asks about all

  // The interface lost its link: what was known there is known no more.
  void Forget(int interface);
  // The interface has its link again: everything there is asked for now, not at the next interval.
  void Hurry(int interface);

 private:
  struct Neighbour {
    uint32_t users = 0;
    View view;
    bool fixed = false;      // permanent or noarp: nothing to keep fresh
    bool was_known = false;  // since it was acquired
    bool paused = false;     // the interface has no link
    wire::Instant unknown_since = wire::kNever;
    wire::Instant next_use = wire::kNever;  // while its address is not known
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
