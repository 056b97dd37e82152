// The next hops in use: those of paths and maps. Netlink keeps an entry fresh as long as it stands here. Control thread
// only.
//
// Whoever is merely answered gets no entry: the answer goes back the way its question came (Transmitter). What remains
// are the endpoints of configured peers and maps, whose number follows from the configuration.
#ifndef WARP_CONTROL_LINK_NEXT_HOP_TABLE_H_
#define WARP_CONTROL_LINK_NEXT_HOP_TABLE_H_

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "control/kernel/netlink.h"
#include "control/kernel/next_hop.h"
#include "dataplane/facade/snapshot.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class NextHopTable {
 public:
  // `on_change` runs when the next hop of a flow through `port` has changed.
  using ChangeHandler = std::function<void(wire::PortId port, const Flow& flow)>;
  NextHopTable(Netlink& netlink, ChangeHandler on_change);

  // What is known of the next hop now. The first request for it starts to resolve it. `outlet` is the port's. nullptr
  // where no more entries can be made. Valid until the next call.
  const NextHop* Request(wire::Instant now, wire::PortId port, const Outlet& outlet,
                         const Flow& flow);
  // The same, but asks for nothing. nullptr where nobody requested it lately.
  const NextHop* Find(wire::PortId port, const Flow& flow) const;

  // Removes next hops that nobody requested for a while. Call about once a second: each call looks at a thirtieth of
  // the entries, since there may be thousands, which may expire together.
  void Expire(wire::Instant now);
  // Removes the next hops of a port that is gone.
  void RemovePort(wire::PortId port);

  size_t size() const { return entries_.size(); }

 private:
  // More than endpoints can be made in the time after which an entry expires, by whoever has a key: new ones get
  // kUnansweredPerSecond datagrams a second, all peers together.
  static constexpr size_t kMaxEntries = size_t{1} << 16;
  // Every path and every map hears from us more often than this.
  static constexpr wire::Duration kExpireAfter = std::chrono::seconds(60);

  using Key = std::pair<wire::PortId, Flow>;
  struct Entry {
    NextHop next_hop;
    wire::Instant requested;
    std::unique_ptr<Subscription> subscription;
  };
  // Looks at an entry are this many calls of Expire apart.
  static constexpr size_t kExpireCalls = 30;

  Netlink& netlink_;
  const ChangeHandler on_change_;
  absl::flat_hash_map<Key, std::unique_ptr<Entry>> entries_;
  std::deque<Key> looks_;  // at entries_, each once, in the order of Expire's looks
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LINK_NEXT_HOP_TABLE_H_
