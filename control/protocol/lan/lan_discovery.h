// LAN discovery (node.discover): announces this node on the links of its ports, to each of its peers by a tag that none
// but that peer recognises, and recognises what peers announce. Sans-IO: control tells it what happened, with the time,
// and pulls what to send and what was found.
//
//   ports, peers, who is connected ──► SetPort, SetPeer, SetConnected
//   datagrams of the groups        ──► Handle
//   time: NextTimeout()            ──► HandleTimeout
//   and then: send what NextTransmit gives; tell the protocol what TakeFound gives (EndpointSource::kLan)
//
// What is announced counts only where it proves a challenge of this port (lan_proofs.h): what does not may be a
// recording. Whoever is heard for the first time, or after a silence, or with other addresses, is answered by a short
// announcement, so that both nodes can soon prove each other's challenges. A stranger is answered, too, by random tags:
// nobody sees by it who is known here, whatever he has recorded elsewhere. Answers are bounded for each port.
//
// A port that has come, or has another address, is announced to all peers at once, and again after a second, two, four
// and so on: who comes at the same moment may hear nothing yet. While a peer is not connected, what
// is for it is announced again after a second, two, four and so on; whatever makes a meeting more likely begins that
// anew: a peer is lost or new, or one is found that is not connected. At last all peers are told every half minute.
//
// Recognising costs a keyed hash for each key by which a peer may be known, so that a flood of announcements is bounded
// by a budget of hashes (LanBudget). What a peer itself may make the node do by its announcements is bounded, too.
//
// Each port announces under an epoch of its own, and under another one where all its addresses have become other ones
// after it had none: whoever listens on two links is not told by it that both are of one node, nor that a node has
// moved from one to the other. Pure; one thread.
#ifndef WARP_CONTROL_PROTOCOL_LAN_LAN_DISCOVERY_H_
#define WARP_CONTROL_PROTOCOL_LAN_LAN_DISCOVERY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "control/protocol/constants.h"
#include "control/protocol/lan/lan_budget.h"
#include "control/protocol/lan/lan_drop.h"
#include "control/protocol/lan/lan_heard.h"
#include "control/protocol/lan/lan_key.h"
#include "control/protocol/lan/lan_message.h"
#include "control/protocol/lan/lan_proofs.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/ids.h"

namespace warp::protocol {

// The port of the groups, and what hop limit announcements have: no router passes such a packet on undiminished, so
// that whoever sent it is on the link (RFC 5082).
inline constexpr uint16_t kLanUdpPort = 13115;
inline constexpr int kLanHops = 255;
// A peer that is not connected is announced to at these intervals, from the first one doubling up to the second.
inline constexpr Duration kLanSearch = std::chrono::seconds(1);
inline constexpr Duration kLanSearchMax = std::chrono::seconds(16);
// All are announced to so often anyway, by ports that are used like any other.
inline constexpr Duration kLanKeep = std::chrono::seconds(30);
inline constexpr Duration kLanKeepSparing = std::chrono::minutes(10);
// What happens at once happens within the first time, and on one port not sooner again than the second.
inline constexpr Duration kLanSoon = std::chrono::milliseconds(100);
inline constexpr Duration kLanApart = std::chrono::milliseconds(400);
// Keys of one peer that are announced by, or recognised: the newest of both ends, and others while keys change.
inline constexpr size_t kLanMaxKeys = 8;
// Places for proofs that each peer has in an announcement, whether they are needed or not: one for each of its ports on
// the link, in turns.
inline constexpr size_t kLanProofs = 2;
static_assert(kLanMaxKeys + kLanProofs <= kLanMaxTags);
// Whoever was not heard for so long is answered as if it were new.
inline constexpr Duration kLanSilence = std::chrono::seconds(40);
// So many of its announcements are: an answer may be lost.
inline constexpr int kLanAnswersToOne = 2;
// Answers of one port: so many at once, and then one in each such time.
inline constexpr int kLanAnswersAtOnce = 8;
inline constexpr Duration kLanAnswerEvery = std::chrono::seconds(2);
inline constexpr Duration kLanAnswerEverySparing = std::chrono::minutes(1);

struct LanPort {
  // Where this node can be reached by this port, the first kLanMaxAddresses of them. Empty: nothing is announced there.
  std::vector<wire::IpAddress> addresses;
  bool sparing = false;  // it costs something
  friend bool operator==(const LanPort&, const LanPort&) = default;
};

struct LanTransmit {
  wire::PortId port = 0;
  std::vector<uint8_t> datagram;
};

// All that was heard of the peer on this port, or none of it any more.
struct LanFound {
  wire::PeerId peer = 0;
  wire::PortId port = 0;
  std::vector<wire::Endpoint> endpoints;
};

struct LanCounts {
  uint64_t sent = 0;   // announcements
  uint64_t heard = 0;  // of peers, with a proof
  std::array<uint64_t, kLanDropNames.size()> drops{};
  uint64_t dropped(LanDrop drop) const { return drops[static_cast<size_t>(drop)]; }
};

class LanDiscovery {
 public:
  using SharedKeys = std::shared_ptr<const LanKeys>;

  // `seed`: of jitter alone. Epochs, and tags that are nobody's, are random always.
  LanDiscovery(uint16_t listen_port, uint64_t seed);

  // --- What is there. Idempotent. ---
  void SetPort(Instant now, wire::PortId port, const LanPort& state);
  void RemovePort(wire::PortId port);
  // The peer is known by these, the newest first; kLanMaxKeys count.
  void SetPeer(Instant now, wire::PeerId peer, std::vector<SharedKeys> keys);
  void RemovePeer(wire::PeerId peer);
  // A new peer is not connected.
  void SetConnected(Instant now, wire::PeerId peer, bool connected);

  // What was heard is known no more.
  void Forget() {
    heard_.Clear(&changed_);
    theirs_.clear();
  }

  // --- What arrives on the port from somebody, with its hop limit. ---
  // Every drop is counted. The address serves for nothing but to tell senders apart.
  LanDrop Handle(Instant now, wire::PortId port, int hops, const wire::IpAddress& from,
                 wire::Bytes datagram);

  // --- Time. ---
  Instant NextTimeout() const;
  void HandleTimeout(Instant now);

  // --- What comes of it. ---
  // Each costs a hash for each tag.
  std::optional<LanTransmit> NextTransmit();
  std::optional<LanFound> TakeFound();
  const LanCounts& counts() const { return counts_; }

 private:
  struct Port {
    LanPort state;
    std::vector<wire::IpAddress> last_had;  // addresses: the last ones, where it has none now
    uint64_t epoch = 0;
    uint64_t number = 0;             // of the last announcement of the epoch
    Duration interval = kLanSearch;  // of the next search
    Instant search = kNever;         // while a peer is not connected
    Duration kept = kLanSearch;      // until the next announcement to all but one
    Instant keep = kNever;
    Instant last{};  // announcement
    std::deque<wire::PeerId> to_tell;
    LanOwnChallenges challenges;
    Instant answer = kNever;
    bool answers = false;                 // now
    std::vector<wire::PeerId> to_answer;  // of whoever is answered, the peers
    Instant answers_paid{};               // up to when the allowance is used up
  };
  struct Peer {
    std::vector<SharedKeys> keys;
    bool connected = false;
  };
  struct Copy {
    wire::PortId port;
    uint64_t epoch;
    uint64_t number;
    friend bool operator==(const Copy&, const Copy&) = default;
  };

  struct Met {
    wire::PortId port;
    uint64_t epoch;
    Instant heard{};
    size_t addresses = 0;  // a hash of them
    int answers = 0;       // that are left
  };

  LanDrop Judge(Instant now, wire::PortId port, int hops, const wire::IpAddress& from,
                wire::Bytes datagram);
  bool IsOwn(uint64_t epoch) const;
  void AnswerSoon(Instant now, wire::PortId id, Port& port, const LanAnnouncement& heard);
  bool searching() const { return connected_ < peers_.size(); }
  // Tells of all peers, or of those alone that are not connected.
  void Announce(Instant now, Port& port, bool all);
  void SearchSoon(Instant now);
  void SearchSoon(Instant now, Port& port);
  Duration Upto(Duration most);
  Duration Jitter(Duration nominal);  // 80 % to 120 % of it
  using Tags = absl::flat_hash_set<LanTag>;
  struct Recognised {
    wire::PeerId id;
    const Peer* peer;  // null: it is nobody's
    SharedKeys keys;
  };
  Recognised Recognise(wire::Bytes head, const Tags& tags) const;
  std::vector<LanProof> ProofsFor(wire::PeerId id, const Peer& peer, wire::PortId port, size_t most,
                                  size_t unproven);
  LanTransmit Announcement(wire::PortId id, Port& port, size_t tags,
                           const std::vector<SharedKeys>& keys,
                           const std::vector<LanProof>& proofs);
  LanTransmit Answer(wire::PortId id, Port& port);

  const uint16_t listen_port_;
  std::mt19937_64 random_;
  std::map<wire::PortId, Port> ports_;
  std::map<wire::PeerId, Peer> peers_;
  size_t connected_ = 0;  // of the peers
  size_t keys_ = 0;       // of all peers
  LanHeard heard_;
  std::vector<LanHeard::Place> changed_;
  std::map<LanHeard::Place, LanPeerChallenges> theirs_;
  std::deque<Met> met_;      // not long ago
  Instant turn_{};           // of time, the last one
  std::deque<Copy> copies_;  // of what was taken lately: it comes by both families
  LanBudget budget_;
  LanCounts counts_;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_LAN_LAN_DISCOVERY_H_
