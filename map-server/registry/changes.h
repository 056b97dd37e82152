// Which records have changed, and whom that has to be told. A change costs the map as many pushes as the record has
// readers, and a node can make one with every message; so changes are not told as they come:
//
//   * what changes again before it was told is told once;
//   * between two tellings of a record lie kChangeInterval, or a millisecond for each reader if that is longer, and up
//     to kChangeIntervalMax where changes come all the time;
//   * records take turns: each tells kChangeSlice readers, then it is another one's turn, one of another network
//     (network.h) if there is any;
//   * all of them together have a rate (kChangeSlicesPerSecond).
#ifndef WARP_MAP_SERVER_REGISTRY_CHANGES_H_
#define WARP_MAP_SERVER_REGISTRY_CHANGES_H_

#include <cstddef>
#include <optional>
#include <set>
#include <utility>

#include "control/protocol/map/key_id.h"
#include "dataplane/wire/time.h"
#include "map-server/flat/id_index.h"
#include "map-server/network.h"
#include "map-server/registry/fair_queue.h"

namespace warp::map {

class Changes {
 public:
  Changes() : by_key_(changes_), ready_(kChangeSliceBurst, kChangeSlicesPerSecond) {}

  // The record has changed. Telling that is charged to `network`.
  void Add(wire::Instant now, const protocol::KeyId& id, Network network);

  // Readers first, first + 1, ... of this record are to be told now; `first` is 0 when its telling begins.
  struct Due {
    protocol::KeyId id;
    size_t first = 0;
  };
  std::optional<Due> NextDue(wire::Instant now);
  // What became of it: the record has this many readers.
  void Told(wire::Instant now, const Due& due, size_t readers);

  wire::Instant NextTimeout() const;  // kNever for never
  size_t size() const { return changes_.size(); }

 private:
  struct Change {
    protocol::KeyId key;
    Network network = 0;
    Links turn;            // in ready_
    bool ready = false;    // in ready_, otherwise in timers_
    wire::Instant due;     // in timers_
    bool wanted = false;   // it has changed since its telling began
    bool telling = false;  // readers from `next` on are still to be told
    size_t next = 0;
    wire::Instant told{};       // when its telling began last
    wire::Duration interval{};  // after `told`
  };
  static void Begin(wire::Instant now, Change& change);
  void Schedule(Id id, wire::Instant due);

  Slab<Change> changes_;
  IdIndex<Change, protocol::KeyId, &Change::key> by_key_;
  std::set<std::pair<wire::Instant, Id>> timers_;
  FairQueue<Change, &Change::turn> ready_;  // whose time has come
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_REGISTRY_CHANGES_H_
