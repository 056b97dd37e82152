// Tells whether two nodes use one key: a machine was cloned, its key with it. Each of them ends the other's session, so
// that both flap, and nothing else names the cause.
//
//   session 1 from A  ────────────────── · ·                     A was heard after session 2 began: it does not know it
//   session 2 from C             ────────────────── · ·          C was heard after session 3 began: it does not know it
//   session 3 from A                           ──────────────    and this is A again
//
// One node alone speaks in the newest session that it knows. What it said in an older one may arrive late, over a slow
// link, but then the newer session comes over that link too. So its sessions have an address in common, however many
// links it has, and wherever it roams: sessions whose addresses are disjoint, and which go on side by side in both
// directions, are two nodes'. Two behind one address of a NAT are not told apart.
//
// What it finds is said to people and decides nothing: who delays somebody's datagrams and chooses their addresses
// can make it wrong.
#ifndef WARP_CONTROL_PROTOCOL_SESSION_TWIN_WATCH_H_
#define WARP_CONTROL_PROTOCOL_SESSION_TWIN_WATCH_H_

#include <cstdint>
#include <vector>

#include "control/protocol/constants.h"
#include "dataplane/wire/endpoint.h"

namespace warp::protocol {

class TwinWatch {
 public:
  // Something authentic came from `from` in the session of this order (Association::SessionOrder; 0 is nobody's). True
  // where twins are seen for the first time, or again after kMemory.
  bool Note(Instant now, uint64_t order, const wire::IpAddress& from);

  // An address of each, the smaller first, as seen last; empty: none were ever seen.
  const std::vector<wire::IpAddress>& twins() const { return twins_; }
  Instant seen() const { return seen_; }    // last
  Instant since() const { return since_; }  // when they were seen for the first time in a row

  // So long twins are spoken of after they were seen last.
  static constexpr Duration kMemory = std::chrono::seconds(60);

 private:
  // A session, as it was heard.
  struct Speech {
    uint64_t order = 0;
    Instant first;
    Instant last;
    std::vector<wire::IpAddress> addresses;
  };
  Speech& SpeechOf(Instant now, uint64_t order);
  bool Accuses(Instant now, const Speech& old, const Speech& other, const Speech& back) const;

  std::vector<Speech> speeches_;  // of the last sessions, in their order
  std::vector<wire::IpAddress> twins_;
  Instant seen_{};
  Instant since_{};
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_SESSION_TWIN_WATCH_H_
