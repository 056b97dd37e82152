// What other maps changed: redis's stream of changes, read as it grows (XREAD), by a connection that does nothing else.
// A stream and no subscription, because what was written while the connection was away is still there.
//
//   up ──► the stream's first and last entry (XRANGE, XREVRANGE) ──► read on from the last one seen ──► names
//              └── entries are gone, or the server began another life ──► missed
//              └── no connection of the last ones could read on ──► missed, and what stands there is passed over
#ifndef WARP_MAP_SERVER_REDIS_CHANGE_FEED_H_
#define WARP_MAP_SERVER_REDIS_CHANGE_FEED_H_

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "map-server/redis/link.h"
#include "map-server/redis/value.h"

namespace warp::map {

class ChangeFeed {
 public:
  // Entries kept by redis, about 100 bytes each; and read at once.
  static constexpr uint64_t kMostKept = 100'000;
  static constexpr uint64_t kMostRead = 256;
  // Redis answers after this time where there is nothing.
  static constexpr wire::Duration kBlock = std::chrono::seconds(1);
  // Connections in a row without an entry or the end of the stream: whoever may write to redis could put one there that
  // is too large to be read.
  static constexpr int kMostFruitless = 3;

  struct Events {
    std::function<void(wire::Instant now, const RecordName&)> changed;
    std::function<void(wire::Instant now)> missed;
  };
  // `map`: a name of this process, whose own changes are left out.
  ChangeFeed(const Link::Options& options, const MakeTransport& make, std::string stream,
             std::string map, Events events);

  const Link& link() const { return link_; }
  wire::Instant NextTimeout() const { return link_.NextTimeout(); }
  void HandleTimeout(wire::Instant now) { link_.HandleTimeout(now); }
  uint64_t read() const { return read_; }
  uint64_t foreign() const { return foreign_; }

  // Of an entry: milliseconds and a number.
  using EntryId = std::pair<uint64_t, uint64_t>;
  static std::optional<EntryId> ParseId(absl::string_view text);

 private:
  void OnUp(wire::Instant now, const std::string& run);
  void SkipToNow(wire::Instant now);
  void OnEnds(wire::Instant now, const std::optional<EntryId>& last, bool another_life);
  void Read(wire::Instant now);
  bool OnEntries(wire::Instant now, const Reply& reply);
  bool OnEntry(wire::Instant now, const Reply& entry);
  static std::optional<EntryId> OnlyId(const Reply& entries);

  const std::string stream_;
  const std::string map_;
  const Events events_;
  std::string run_;
  std::optional<EntryId> seen_;
  std::optional<EntryId> first_;  // of the stream, when the connection came up
  int fruitless_ = 0;             // connections since one that could read
  uint64_t read_ = 0;
  uint64_t foreign_ = 0;
  Link link_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_REDIS_CHANGE_FEED_H_
