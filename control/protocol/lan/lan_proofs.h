// What tells an announcement that is made now from one that somebody has recorded: each announcement has a challenge,
// and a peer that has heard it proves so by a tag of its own next one (lan_message.h). No clock is needed for it.
//
// LanOwnChallenges are those of one port of ours: what is a proof of one of them was made within kLanFresh.
//
// LanPeerChallenges are those of one peer, as heard on one port, which are to be proven to it. Those that came with a
// proof are the peer's of now. One without may be a recording, and yet the peer has to be answered, since it has not
// heard us, perhaps. So of those that came since the last announcement to it, eight are kept by lot: whoever plays
// recordings of n lives of the peer makes a proof of its present one rarer, up to n times, and cannot keep it out.
//
// Pure; one thread.
#ifndef WARP_CONTROL_PROTOCOL_LAN_LAN_PROOFS_H_
#define WARP_CONTROL_PROTOCOL_LAN_LAN_PROOFS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "control/protocol/constants.h"
#include "control/protocol/lan/lan_key.h"
#include "control/protocol/lan/lan_message.h"
#include "dataplane/wire/bytes.h"

namespace warp::protocol {

// A proof of a challenge that is older counts no more: three intervals of announcements, as long as what is heard.
inline constexpr Duration kLanFresh = std::chrono::seconds(100);
// An announcement takes a new challenge where the last one is as old as this.
inline constexpr Duration kLanRenewal = std::chrono::seconds(10);
// So many of a port can be fresh at a time: what a proof costs in hashes.
inline constexpr size_t kLanOwnChallenges = kLanFresh / kLanRenewal + 1;
// Challenges of one peer that are kept: with a proof, and without.
inline constexpr size_t kLanKeptChallenges = 8;

class LanOwnChallenges {
 public:
  // What an announcement of now says.
  const LanChallenge& Next(Instant now);
  // Whether one of the tags proves a fresh one.
  bool Proven(Instant now, const LanKey& from_peer, wire::Bytes head,
              const absl::flat_hash_set<LanTag>& tags) const;
  void Clear() { made_.clear(); }

 private:
  struct Made {
    LanChallenge challenge;
    Instant at;
  };
  std::deque<Made> made_;  // the newest last
};

// What is to be proven, by the keys of the peer by which it was heard.
struct LanProof {
  std::shared_ptr<const LanKeys> keys;
  LanChallenge challenge;
};

class LanPeerChallenges {
 public:
  void Note(Instant now, const LanAnnouncement& announcement,
            const std::shared_ptr<const LanKeys>& keys, bool proven, std::mt19937_64& random);

  // `most` of them, to be proven now; `unproven` of these places are for such first. Unproven ones are given once.
  std::vector<LanProof> Choose(Instant now, size_t most, size_t unproven, std::mt19937_64& random);

 private:
  struct Noted {
    uint64_t epoch;
    uint16_t interface;
    uint64_t number;
    LanProof proof;
    Instant heard;  // with a proof, or without where it has had none
    Instant given{};
    bool IsOf(const LanAnnouncement& one) const {
      return epoch == one.epoch && interface == one.interface;
    }
  };
  void Offer(const Noted& noted, std::mt19937_64& random);
  uint64_t LotOf(const Noted& noted) const;

  std::vector<Noted> proven_;
  std::vector<Noted> unproven_;
  uint64_t lots_ = 0;  // decides what lot a life has drawn until the next announcement
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_LAN_LAN_PROOFS_H_
