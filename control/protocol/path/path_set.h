// The paths of one peer: every usable pair of a local port and a remote endpoint.
//
// An interface of the peer may have several addresses. Paths from one local port to one remote port are alternatives of
// each other, and one of them carries payloads: the one that has carried them so far, as long as it is active and the
// peer reports that they arrive, and else the one with the shortest round trip. So each pair of interfaces costs one
// copy. A learned endpoint may be a relay's, which must not keep what a told one could carry: it comes last. Of those
// that were told, one that turns round in the NAT before us (a hairpin) leaves it to one that reaches the peer inside.
// Paths through a map's relay carry while no other one works.
#ifndef WARP_CONTROL_PROTOCOL_PATH_PATH_SET_H_
#define WARP_CONTROL_PROTOCOL_PATH_PATH_SET_H_

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "control/protocol/path/endpoint_book.h"
#include "control/protocol/path/path.h"
#include "control/protocol/ports.h"

namespace warp::protocol {

class PathSet {
 public:
  // Brings the paths in line with ports and endpoints. New paths are candidates. Paths whose port or endpoint is gone
  // are gone. Paths whose port cannot reach the endpoint now are lost at once. One whose port reaches it in another way
  // than before, by another prefix of a NAT64, or by one and not by IPv4, is made anew. A path that was never usable is
  // not made. Where there are more pairs than kMaxPaths, ShareRoom chooses: a path that is active, carries payloads or
  // is LastActive makes room for none that does not exist yet, and any other one only for what is before it in the
  // turns of ports and sources. True when anything changed.
  bool Reconcile(Instant now, const Ports& ports, std::span<const EndpointBook::Known> endpoints,
                 PathId* next_id);

  // Pairs that have no path because the others need all of kMaxPaths.
  size_t without_room() const { return without_room_; }

  // Where maps see us: a path there is a hairpin, and stays one for some time. When our NAT gets another outside
  // address, the path to the one before is no better than that to the new one, but about to die. True when that changed
  // for any path.
  bool SetOutside(Instant now, std::span<const wire::IpAddress> outside);

  // Time passes for each path. Where a size turns out to be too large, all paths that use a larger one ask for theirs
  // at once: they may share the hop, and large payloads go where the size is said to be large. True when anything
  // changed.
  bool HandleTimeouts(Instant now);

  // As Node::HintSize has it. True where there is such a path.
  bool HintSize(Instant now, std::optional<PortId> port, const wire::IpAddress& remote,
                uint32_t size);

  Path* Find(const Route& route);
  bool IsActive(const wire::Endpoint& endpoint) const;
  bool Carries(const wire::Endpoint& endpoint) const;

  // Chooses anew who carries payloads. True when that changed. Where no path is active, those that were active lately
  // carry on: when everything looks lost, the reason may be that only probes are lost.
  bool Elect(Instant now);
  // Whether another path of the same pair of ports could carry instead, and delivers something.
  bool HasAlternative(const Path& path, Instant now) const;
  // When Elect should be called again although nothing happened; kNever: not.
  Instant NextElection(Instant now) const;

  // Up to `most` ways that are likely to get through: active ones, those that carry payloads before others and short
  // round trips before long ones, from other local ports than `avoid` and each other, and to other ports of the peer,
  // as far as possible. Those that are sparing come only where there is no other, or payloads go over them anyway.
  std::vector<Way> BestWays(Instant now, size_t most, std::optional<PortId> avoid);

  bool any_active() const;
  // The ports of which a path is active, each once.
  std::vector<PortId> ActivePorts() const;
  bool AnyUsable(PortId port) const;
  // Whether payloads arrive over a path that leads through no relay.
  bool WorksDirectly(Instant now) const;
  // Of the usable paths that are not active, the one that was active last. Null where none ever was.
  const Path* LastActive() const;
  // Calls `use` with each path. Where paths are refused (false), the next call begins with the first of those, so that
  // a budget that does not do for all reaches all in turn. `use` adds and removes no path.
  void InTurns(absl::FunctionRef<bool(Path&)> use);
  // The active paths' ways, then as many of the other usable ones as `allow` grants: LastActive, then the others in
  // turns.
  std::vector<Way> AllWays(absl::FunctionRef<bool()> allow);

  std::vector<Path>& paths() { return paths_; }
  const std::vector<Path>& paths() const { return paths_; }

 private:
  struct Wanted {
    Route route;
    wire::IpAddress target;            // see Path::target
    const EndpointBook::Known* known;  // the endpoint
    uint32_t mtu;                      // of the port
    PortUse use;
  };
  void Forget(const Route& route) {
    std::erase_if(paths_, [&](const Path& path) { return path.route() == route; });
  }
  // Makes the paths that are missing, and forgets those that are not wanted. True when anything changed.
  bool HaveExactly(Instant now, std::span<const Wanted> wanted, PathId* next_id);

  std::vector<Path> paths_;  // by port, then in the order in which they were made
  PathId turn_ = 0;          // whose turn it is; it may be gone
  size_t without_room_ = 0;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_PATH_PATH_SET_H_
