// Allow lists that are longer than one message and still arriving: the first part with a register, the others by
// themselves, in any order. A list that is complete leaves nothing here.
//
// Each node may have one list under way. Where all of them together need too much room, the network that has most of it
// (network.h) loses its oldest list, so that nobody keeps out the nodes of other networks.
#ifndef WARP_MAP_SERVER_REGISTRY_PARTIAL_ALLOW_H_
#define WARP_MAP_SERVER_REGISTRY_PARTIAL_ALLOW_H_

#include <cstddef>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "control/protocol/map/map_message.h"
#include "dataplane/wire/time.h"
#include "map-server/flat/keyed_hash.h"
#include "map-server/network.h"
#include "map-server/record.h"

namespace warp::map {

class PartialAllow {
 public:
  struct Limits {
    size_t lists = 0;     // at once, one for each node
    size_t list_ids = 0;  // ids in one
  };
  explicit PartialAllow(const Limits& limits) : limits_(limits) {}

  // A register of this order, from this network, says that `digest` names the list of `id`, and brings its first part.
  // False where a register of a higher order has said so of another list.
  bool Begin(Instant now, const KeyId& id, Network network, const AllowDigest& digest, Order order);

  enum class Verdict : uint8_t {
    kTaken,     // more parts are missing
    kComplete,  // `list` is whole
    kUnwanted,  // no such list is under way
    kTooLong,   // more ids than this map takes from one node; no longer under way
    kBad,       // the parts do not give what the digest says; no longer under way
  };
  Verdict Take(const KeyId& id, const protocol::MapAllow& part, std::vector<KeyId>* list);

  // A list under way is no longer wanted.
  void Forget(const KeyId& id);
  // Forgets lists that began too long ago. The next register begins again.
  void Expire(Instant now);
  Instant NextTimeout() const;  // kNever for never

  size_t size() const { return lists_.size(); }

 private:
  struct List {
    AllowDigest digest;
    Order order;
    Instant begun;
    Network network = 0;
    std::vector<KeyId> ids;   // as many as the first part said; zeros where not arrived
    std::vector<bool> parts;  // which have arrived
  };
  using Lists = KeyedMap<KeyId, List>;
  // Of a network, the oldest first.
  using Begun = std::set<std::pair<Instant, KeyId>>;

  void Erase(Lists::iterator it);
  // Changes a network's lists, and keeps the order of networks.
  template <typename Change>
  void ChangeNetwork(Network network, Change change);

  const Limits limits_;
  Lists lists_;
  Begun begun_;  // one for each list
  // The same of each network, and the networks by how many they have; of those that have as many, the one whose oldest
  // is the oldest comes last.
  KeyedMap<Network, Begun> by_network_;
  std::set<std::tuple<size_t, Duration, Network>> networks_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_REGISTRY_PARTIAL_ALLOW_H_
