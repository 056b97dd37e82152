// What each link did for each peer, over paths that come and go: looks about once a second what their counters have
// added. What a path counted in the second before it went is not there, and which payloads nobody else brought is known
// some ten seconds later, when nothing more can come of them.
//
// Interfaces that a pattern takes may have a new name each time. So of more than kMostLinks the one is forgotten that
// has had no path for the longest time. Control thread.
#ifndef WARP_CONTROL_VERDICT_LINK_BOOK_H_
#define WARP_CONTROL_VERDICT_LINK_BOOK_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "control/protocol/node/node.h"
#include "control/verdict/link_totals.h"
#include "dataplane/facade/counters.h"

namespace warp::verdict {

class LinkBook {
 public:
  static constexpr size_t kMostLinks = 64;  // as many as there are ports at a time, at most

  using Links = std::map<std::string, LinkTotals>;  // by the name of the port
  // The name of an open port; empty where it is closed.
  using PortNameFunction = absl::FunctionRef<std::string(wire::PortId)>;
  // Null where the path has none yet.
  using CountersFunction = absl::FunctionRef<const lcore::PathCounters*(wire::PathId)>;

  void Look(const protocol::PeerStatus& peer, PortNameFunction port_name,
            CountersFunction counters);

  // The peer is gone. What links have done for it stays in all().
  void Forget(wire::PeerId peer) { peers_.erase(peer); }

  // Of one peer, since the process began.
  const Links& Of(wire::PeerId peer) const;
  // Of all peers together.
  const Links& all() const { return all_; }

 private:
  struct Path {
    uint64_t SoleOf(const lcore::PathCounters& counters);
    std::string port;
    LinkTotals counted;                 // as of the last look
    std::array<uint64_t, 2> sampled{};  // by set, likewise
    std::array<uint64_t, 2> sole{};     // of those, as of the last time that the set stood still
  };
  struct Peer {
    absl::flat_hash_map<wire::PathId, Path> paths;
    Links links;
  };
  void ForgetOldest();

  absl::flat_hash_map<wire::PeerId, Peer> peers_;
  Links all_;
  uint64_t looks_ = 0;
  std::map<std::string, uint64_t>
      seen_;  // the last look in which a path had the link, of those in all_
};

}  // namespace warp::verdict

#endif  // WARP_CONTROL_VERDICT_LINK_BOOK_H_
