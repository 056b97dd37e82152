// The next hops in use: those of paths and maps, and a few of answers to others. Netlink keeps an entry fresh as long
// as it stands here. Control thread only.
//
// Whoever needs no key to be answered gets no entry here: such an answer goes back the way its question came
// (Transmitter). What remains are the endpoints of configured peers and maps, whose number follows from the
// configuration, and answers to authentic packets that came from elsewhere, which share a few places. Those displace
// only each other.
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
  // What a next hop is for. An entry for answers becomes one for an endpoint when it is requested for that.
  enum class Use : uint8_t {
    kAnswer,    // to where an authentic packet came from
    kEndpoint,  // to an endpoint of a peer or map
  };

  // `on_change` runs when the next hop of `port` towards `address` has changed.
  using ChangeHandler = std::function<void(wire::PortId port, const wire::IpAddress& address)>;
  NextHopTable(Netlink& netlink, ChangeHandler on_change);

  // What is known of the next hop now. The first request for it starts to resolve it. `interface` is the kernel's
  // side of the port. nullptr where no more entries can be made. Valid until the next call.
  const NextHop* Request(wire::Instant now, Use use, wire::PortId port, absl::string_view interface,
                         const wire::IpAddress& address);

  // Removes next hops that nobody requested for a while. Call about once a second: each call looks at a thirtieth of
  // the entries for endpoints, since there may be thousands, which may expire together.
  void Expire(wire::Instant now);
  // Removes the next hops of a port that is gone.
  void RemovePort(wire::PortId port);

  size_t size() const { return entries_.size() + answers_.size(); }

 private:
  // Entries for answers. The one that was requested longest ago makes room.
  static constexpr size_t kMaxAnswers = 64;
  // More than endpoints can be made in the time after which an entry expires, by whoever has a key: new ones get
  // kUnansweredPerSecond datagrams a second, all peers together.
  static constexpr size_t kMaxEntries = size_t{1} << 16;
  // Every path and every map hears from us more often than this.
  static constexpr wire::Duration kExpireAfter = std::chrono::seconds(60);

  using Key = std::pair<wire::PortId, wire::IpAddress>;
  struct Entry {
    NextHop next_hop;
    wire::Instant requested;
    std::unique_ptr<Subscription> subscription;
  };
  using Entries = absl::flat_hash_map<Key, std::unique_ptr<Entry>>;
  // A new entry for an endpoint.
  std::unique_ptr<Entry>& Add(const Key& key);
  Entry* Find(const Key& key, Use use);
  void ForgetOldestAnswer();

  Netlink& netlink_;
  const ChangeHandler on_change_;
  // Looks at an entry are this many calls of Expire apart.
  static constexpr size_t kExpireCalls = 30;

  Entries entries_;
  std::deque<Key> looks_;  // at entries_, each once, in the order of Expire's looks
  Entries answers_;        // those of Use::kAnswer
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LINK_NEXT_HOP_TABLE_H_
