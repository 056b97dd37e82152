// The next hops in use: those of paths, and those of destinations of handshakes and map messages. Netlink keeps an
// entry fresh as long as it stands here. Control thread only.
#ifndef WARP_CONTROL_LINK_NEXT_HOP_TABLE_H_
#define WARP_CONTROL_LINK_NEXT_HOP_TABLE_H_

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
  // `on_change` runs when the next hop of `port` towards `address` has changed.
  using ChangeHandler = std::function<void(wire::PortId port, const wire::IpAddress& address)>;
  NextHopTable(Netlink& netlink, ChangeHandler on_change);

  // What is known of the next hop now. The first request for it starts to resolve it. `interface` is the kernel's
  // side of the port. nullptr where the table is full of next hops in use.
  const NextHop* Request(wire::Instant now, wire::PortId port, absl::string_view interface,
                         const wire::IpAddress& address);

  // Removes next hops that nobody requested for a minute. Call every few seconds.
  void Expire(wire::Instant now);
  // Removes the next hops of a port that is gone.
  void RemovePort(wire::PortId port);

  size_t size() const { return entries_.size(); }

 private:
  // A bound, because forged initiations may name many sources. Next hops in use are requested again every second.
  static constexpr size_t kMaxEntries = 4096;
  static constexpr wire::Duration kExpireAfter = std::chrono::seconds(60);

  using Key = std::pair<wire::PortId, wire::IpAddress>;
  struct Entry {
    NextHop next_hop;
    wire::Instant requested;
    std::unique_ptr<Subscription> subscription;
  };

  Netlink& netlink_;
  const ChangeHandler on_change_;
  absl::flat_hash_map<Key, std::unique_ptr<Entry>> entries_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LINK_NEXT_HOP_TABLE_H_
