// What peers have announced, by the port of ours that heard it: a bounded number of announcements of each peer and
// port, each for a while. Pure; one thread.
//
// An announcement is its sender's, and what comes here was proven to have been made lately (lan_proofs.h). Somebody may
// have recorded it even so. Within one epoch of the sender no announcement counts twice, as long as there is room to
// remember it. One of an epoch just before takes the place of nothing that was heard lately, and of what is told, each
// source has its part. All of it is no more than candidates, which have to answer a probe inside a session before they
// carry anything.
//
// A peer that announces something new again and again is taken at its word so often only (kLanTakenPerSecond).
#ifndef WARP_CONTROL_PROTOCOL_LAN_LAN_HEARD_H_
#define WARP_CONTROL_PROTOCOL_LAN_LAN_HEARD_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "control/protocol/constants.h"
#include "control/protocol/lan/lan_message.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/ids.h"

namespace warp::protocol {

// Of one peer and port: interfaces of the peer on the same link, in all lives of it.
inline constexpr size_t kLanMaxSources = 8;
// An announcement counts for so long: three of the intervals at which it is repeated, and some more.
inline constexpr Duration kLanLifetime = std::chrono::seconds(100);
// One that was heard so lately makes room for none.
inline constexpr Duration kLanHeld = std::chrono::seconds(40);
// Announcements of one peer that are taken on one port: so many at once, and so many a second. A peer with as many
// interfaces as are remembered, all of them searching, stays below it.
inline constexpr int64_t kLanTakenAtOnce = 64;
inline constexpr int64_t kLanTakenPerSecond = 16;

class LanHeard {
 public:
  using Place = std::pair<wire::PeerId, wire::PortId>;

  enum class Taken : uint8_t { kNew, kAgain, kRepeated, kTooMany };
  // The peer's, on this port. kNew: what Endpoints says may have changed; kAgain: it has not. kRepeated: it is no newer
  // than what was heard, or there is no room. kTooMany: the peer has said too much lately.
  Taken Take(Instant now, const Place& place, const LanAnnouncement& announcement);

  // Where the peer is, as heard on the port, each once: the first address of each source, beginning with that which was
  // heard last, then the second of each, and so on. So no source's addresses push out all those of another.
  std::vector<wire::Endpoint> Endpoints(const Place& place) const;

  // Forgets what is due, and adds the places of which Endpoints has changed.
  void Expire(Instant now, std::vector<Place>* changed);
  Instant NextExpiry() const;
  // Forgets the peer, or what was heard on the port.
  void RemovePeer(wire::PeerId peer, std::vector<Place>* changed);
  void RemovePort(wire::PortId port, std::vector<Place>* changed);
  void Clear(std::vector<Place>* changed);

 private:
  struct Source {
    uint64_t epoch;
    uint16_t interface;
    uint64_t number;  // the newest
    uint16_t udp_port;
    std::vector<wire::IpAddress>
        addresses;  // empty: forgotten. Its number stays, so that it does not count again
    Instant heard;
  };
  struct Heard {
    std::vector<Source> sources;
    int64_t left = kLanTakenAtOnce;  // that are taken
    Instant refilled{};
  };
  static bool Spend(Instant now, Heard& heard);

  std::map<Place, Heard> places_;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_LAN_LAN_HEARD_H_
