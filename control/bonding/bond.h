// The paths to one peer as one: chooses by which paths each payload goes and when, so that the peer has payloads by the
// sum of its paths, nearly in their order, and no queue stands anywhere but here.
//
//   Offer ─► a path is chosen: where the payload arrives first ─► that path's queue, a part for each flow
//                                        │ the path's clock is open
//   Next  ◄──────────────────────────────┘ ─► NoteSent ─► flight ◄─ HandleFeedback ─► arrived, or lost: Next again
//
// A flow is a tunnel. The bond knows numbers and sizes; the payloads stay with their tunnels. The flows of a path take
// turns by bytes (deficit round robin) in proportion to their weights, so that a flood waits for itself. What was lost
// and goes again has its flow's next turns.
//
// What a tunnel has of small payloads that others wait for is a flow beside the tunnel's own, of the same weight: its
// number has the bit kAhead. So they wait for no more than a turn of the others, and what there is of them takes no
// more than half of what the tunnel has of a path. They have no place in the tunnel's order, so that the peer would not
// know one that came twice: they are not sent again, and go by a second path where the first one loses more than the
// policy's target.
//
// A path on which nothing has arrived for a moment that should have is silent: nothing is put there until something
// has. After a longer silence it is suspect: its queue goes to the others, and it carries only copies of what others
// carry, until enough of those have arrived. Where every path that a flow may use is so, none is worse than the others.
//
// Sans-IO, one thread; `now` never falls. Sizes are bytes of frames on the wire.
#ifndef WARP_CONTROL_BONDING_BOND_H_
#define WARP_CONTROL_BONDING_BOND_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "control/bonding/bond_path.h"
#include "control/bonding/capacity.h"
#include "control/bonding/codel.h"
#include "control/bonding/compact_queue.h"
#include "control/bonding/flow_queue.h"
#include "control/bonding/grant.h"
#include "control/bonding/port_shares.h"
#include "control/config/tunnel_policy.h"
#include "control/protocol/feedback.h"
#include "dataplane/wire/path_mask.h"

namespace warp::bonding {

using wire::PathMask;

// Of the number of a flow: it is what of the tunnel goes ahead. Tunnels have numbers below.
inline constexpr uint16_t kAhead = 0x8000;

struct FlowSpec {
  config::TunnelPolicy policy;
  Duration deadline{};  // from taking a payload until it is of no use
  PathMask allowed = wire::kAllPaths;
};

struct FlowStatus {
  uint64_t offered = 0;      // payloads
  uint64_t ahead = 0;        // of these, what went ahead
  uint64_t dropped = 0;      // refused by Offer
  uint64_t bytes = 0;        // sent for the first time, over one path
  uint64_t extra_bytes = 0;  // copies, resends and parity
  uint64_t resent = 0;       // payloads
  uint64_t copied = 0;
  uint64_t parity = 0;  // packets
  uint64_t lost = 0;    // payloads of which a packet was lost for good, as far as is known
};

class Bond {
 public:
  // `settled` is called for each payload of which nothing more will be told: it arrived, or it is too late to send it
  // again. From within HandleFeedback and HandleTimeout.
  explicit Bond(std::function<void(uint16_t flow, uint64_t number)> settled);

  // The paths that may send now. What waits for another one goes to these.
  void SetPaths(Instant now, std::span<const PathSpec> paths);
  // Of a tunnel; what of it goes ahead follows from that. What waits for a path that it may not use any more, or waited
  // for any, goes to those that it may use now.
  void SetFlow(Instant now, uint16_t flow, const FlowSpec& spec);
  // Adds each path whose port has a rate to `uses`. `waited` is since the last call.
  void TakeUses(Instant now, std::vector<PathUse>& uses);
  // `slot` is that of a path which TakeUses named just now.
  void SetShare(Instant now, wire::PathSlot slot, Rate share) { PathOf(slot).SetShare(now, share); }

  // Whether the peer tells what arrives. One that does not cannot prove a path either, so that none is suspect.
  void SetTold(bool told);

  // --- A payload's way. ---

  enum class Fate : uint8_t { kGranted, kQueued, kDropped };
  // A payload waits; numbers of a flow grow. kGranted: it may leave at once, as `paths` of the grant says. kQueued:
  // that says which path it waits for. kDropped: the queue stands, or the payload would come too late.
  Fate Offer(Instant now, Grant* payload);
  // The same for parity, which gives way to payloads: it is dropped where it would have to wait.
  Fate OfferParity(Instant now, Grant* parity);
  // What may leave by now; nullopt: nothing.
  std::optional<Grant> Next(Instant now);
  // The packets of a granted payload, of these sizes, were sealed with counters that begin at `first`. `session` is the
  // order of the session among those with the peer, from 1; 0: nothing will be told of these packets. Only now the
  // payload has had its turn, and has cost what it costs. Comes before the next call of Next.
  void NoteSent(Instant now, const Grant& grant, uint64_t session, uint64_t first,
                std::span<const uint32_t> sizes);
  // A granted payload could not be submitted: it is granted again, and has had no turn.
  void NoteUnsent(Instant now, const Grant& grant);
  // What waits of the flow is not granted before then, and holds up no other one's.
  void HoldBack(uint16_t flow, Instant until);
  // Bytes that others send over these paths.
  void Charge(Instant now, PathMask paths, uint32_t size);

  // --- What happens. ---
  // Feedback of the newest session, or of the one before: it says what came of what was under way at the change.
  void HandleFeedback(Instant now, uint64_t session, const protocol::Feedback& feedback);
  void HandleTimeout(Instant now);
  // When Next or HandleTimeout has something to do.
  Instant NextTimeout() const;

  // --- What is. ---
  // The paths that carry payloads of this flow, as far as they are needed.
  PathMask UsablePaths(uint16_t flow) const;
  // The share of packets that was lost on these paths lately.
  double LossOn(PathMask paths) const;
  // When a path died for the last time: it fell silent for long, or went with something under way.
  Instant last_death() const { return last_death_; }
  std::optional<PathStatus> StatusOf(Instant now, wire::PathId path) const;
  FlowStatus StatusOf(uint16_t flow) const;  // of a tunnel, with what goes ahead
  // Feedback that cannot be true, of which some part was ignored.
  uint64_t impossible() const { return impossible_; }

 private:
  friend class BondBooks;  // of tests: adds up what waits

  struct Flow {
    FlowSpec spec;
    Codel codel;
    std::vector<FlowQueue> queues;  // by slot
    CompactQueue<Grant> parked;     // there was no path for them
    FlowStatus status;
    uint64_t weight() const { return spec.policy.weight; }
    double again_bytes = 30e3;  // that its resends may still have
    wire::PathSlot backup =
        wire::kNoPathSlot;  // the path of mode backup, and the one before for some time
    wire::PathSlot before = wire::kNoPathSlot;
    Instant overlap_until{};
    Instant held_until{};
  };
  // Between looks at what is under way.
  static constexpr Duration kCheckInterval = std::chrono::milliseconds(5);
  // For how long a path is a risk that was silent, or lost several in a row.
  static constexpr Duration kRiskyFor = std::chrono::milliseconds(300);

  Flow* Find(uint16_t flow) const {
    const auto tunnel = static_cast<uint16_t>(flow & ~kAhead);
    if (tunnel >= flows_.size() || flows_[tunnel] == nullptr) return nullptr;
    return (flow & kAhead) != 0 ? &flows_[tunnel]->ahead : &flows_[tunnel]->in_order;
  }
  // Of something that waits or is under way, so that its flow is there.
  Flow& FlowOf(const Grant& grant) { return *Find(grant.flow); }
  uint64_t WaitingTunnels(const BondPath& path) const;
  BondPath& PathOf(wire::PathSlot slot) { return *paths_[slot]; }
  const BondPath& PathOf(wire::PathSlot slot) const { return *paths_[slot]; }
  FlowQueue& QueueOf(Flow& flow, wire::PathSlot slot);
  // One that no payload has shown yet is reckoned from the round trip; where that is unknown, too, it is taken for that
  // of the fastest path, so that the path is tried.
  Duration FloorOf(wire::PathSlot slot) const {
    const Capacity& capacity = PathOf(slot).capacity;
    if (capacity.has_floor()) return capacity.floor();
    const Duration round_trip = PathOf(slot).spec.round_trip;
    if (round_trip == Duration::zero()) return least_floor_;
    return least_floor_ + std::max(Duration::zero(), round_trip - least_trip_) / 2;
  }
  // How long a payload is on its way there, without what waits. What is told of all paths comes back by one of them, so
  // that a path's way is no half of its round trip, but for the fastest one: floors say by how much it is longer.
  Duration WayOf(wire::PathSlot slot) const {
    return least_way_ + std::max(Duration::zero(), FloorOf(slot) - least_floor_);
  }
  // When something arrives that was lost and is sent again now: it passes all of its flow but its like.
  Instant AgainBy(Instant now, const Flow& flow, wire::PathSlot slot, uint32_t size) const {
    return now + WaitBehind(now, flow, slot, size, AgainBytes(flow, slot)) + WayOf(slot);
  }

  // bond_choice.cc: which path.
  // Of these paths none is better than suspect, or silent.
  bool AllSuspect(PathMask paths) const { return (paths & mask_ & ~suspect_) == 0; }
  // Of these paths, those that are no last resort, where one of them is not silent; else all.
  PathMask WithoutLastResorts(PathMask paths) const;
  bool AllSilent(PathMask paths) const { return (paths & mask_ & ~silent_) == 0; }
  PathMask UsablePaths(const Flow& flow) const;
  bool Usable(const Flow& flow, wire::PathSlot slot) const {
    return (UsablePaths(flow) & wire::MaskOf(slot)) != 0;
  }
  Duration WaitOn(Instant now, const Flow& flow, wire::PathSlot slot, uint32_t size) const {
    return WaitBehind(now, flow, slot, size, QueuedBytes(flow, slot));
  }
  // `own`: of what the flow has waiting for the path, the bytes that go first.
  Duration WaitBehind(Instant now, const Flow& flow, wire::PathSlot slot, uint32_t size,
                      uint64_t own) const;
  static uint64_t QueuedBytes(const Flow& flow, wire::PathSlot slot) {
    return slot < flow.queues.size() ? flow.queues[slot].bytes : 0;
  }
  static uint64_t AgainBytes(const Flow& flow, wire::PathSlot slot) {
    return slot < flow.queues.size() ? flow.queues[slot].again_bytes : 0;
  }
  Duration LongestTrip(const Flow& flow) const;
  bool CodelDrops(Instant now, Flow& flow, wire::PathSlot slot, Duration wait);
  Duration ArrivalOn(Instant now, const Flow& flow, wire::PathSlot slot, uint32_t size) const;
  wire::PathSlot Fastest(Instant now, const Flow& flow, uint32_t size, PathMask without,
                         Duration* least_wait = nullptr) const;
  // The same, and not one of `avoid` unless all others would keep it waiting.
  wire::PathSlot FastestBut(Instant now, const Flow& flow, uint32_t size, PathMask avoid,
                            Duration* least_wait = nullptr) const;
  wire::PathSlot Backup(Instant now, Flow& flow);
  PathMask Replicas(Instant now, const Flow& flow, uint32_t size) const;
  PathMask CopiesBeside(Instant now, const Flow& flow, wire::PathSlot slot,
                        const Grant& grant) const;
  void UpdateSuspicion();
  void UpdateTiers(Instant now);

  // bond_queue.cc: what waits for which path.
  Fate Queue(Instant now, Flow& flow, wire::PathSlot slot, const Grant& payload);
  void Place(Instant now, Flow& flow, Grant payload, PathMask without);
  void PlaceAll(Instant now, std::vector<Grant> items);
  void Park(Instant now, Flow& flow, const Grant& payload);
  void Enqueue(Flow& flow, wire::PathSlot slot, const Grant& payload);
  void Pay(Instant now, Flow& flow, const Grant& grant, uint32_t size);
  void PutBack(Flow& flow, const Grant& grant);
  void Spread(Instant now, wire::PathSlot from);
  void SpreadAgain(Instant now, wire::PathSlot from);
  void PlaceAgain(Instant now, std::vector<Grant> items, wire::PathSlot from);
  void MoveToAllowed(Instant now, uint16_t tunnel);

  // bond_turns.cc: what leaves when.
  // What a flow may send more in each turn: the heaviest has a whole one, and the others their part, so that turns are
  // never long.
  int64_t QuantumOf(const Flow& flow) const {
    return std::max<int64_t>(
        1, kQuantum * static_cast<int64_t>(flow.weight()) / static_cast<int64_t>(heaviest_));
  }
  int64_t DebtOf(Flow& flow, wire::PathSlot slot);
  void SkipRounds(Instant now, wire::PathSlot slot);
  std::optional<Grant> TakeFrom(Instant now, wire::PathSlot slot);
  bool TooLateAgain(Instant now, const Flow& flow, const Grant& grant) const;
  void LeaveTurns(Flow& flow, uint16_t id, wire::PathSlot slot);
  void Direct(Instant now, const Flow& flow, wire::PathSlot slot, Grant* grant) const;

  // bond_feedback.cc.
  bool ReadClock(Instant now, uint64_t session, uint32_t time);
  bool BelieveClock(Instant now, uint32_t time);
  // The highest counter that was sent in this session or the one before.
  uint64_t HighestOf(uint64_t session) const {
    return session == session_ ? highest_ : highest_before_;
  }
  void NoteSpacing(Instant now);
  void HandlePath(Instant now, uint64_t session, const protocol::PathFeedback& one,
                  const Delivered& delivered);
  void Prove(Instant now, wire::PathSlot slot);
  bool LastCopy(const Record& record);
  // Nothing more will be told of it. Of parity, nothing is.
  void Tell(const Record& record) {
    if (!record.parity) settled_(record.flow, record.number);
  }
  void NoteArrived(const Record& record);
  void GiveUp(Instant now, wire::PathSlot slot, Instant sent);
  void GiveUpOvertaken(Instant now, wire::PathSlot slot, Instant sent);
  void SettleOvertaken(Instant now, uint64_t session, const Delivered& delivered);
  void Leave(Instant now, wire::PathSlot slot);
  void Settle(Instant now, wire::PathSlot slot, const Record& record, bool arrived);
  void NoteLost(Instant now, wire::PathSlot slot, const Record& record);
  PathMask ApartFrom(Instant now, const Flow& flow, wire::PathSlot slot,
                     const Grant& payload) const;
  std::optional<PathMask> AgainWithout(Instant now, const Flow& flow, wire::PathSlot slot,
                                       const Grant& payload) const;
  void LoseForGood(Flow& flow, const Grant& payload);
  void NoteLosses(Instant now, BondPath& path, uint32_t settled, uint32_t lost, uint32_t packets,
                  Instant began);
  // bond_health.cc.
  void CheckSilence(Instant now, wire::PathSlot slot, uint64_t newest, Duration age);
  void PresumeBeside(Instant now, wire::PathSlot slot);
  void MoveFrom(Instant now, wire::PathSlot slot);
  void Suspect(Instant now, wire::PathSlot slot);
  void CheckPath(Instant now, wire::PathSlot slot);
  bool Postpones(Instant now);

  const std::function<void(uint16_t, uint64_t)> settled_;
  std::vector<std::unique_ptr<BondPath>> paths_;  // by slot; null: there never was one
  std::vector<wire::PathSlot> order_;             // those that may send
  PathMask mask_ = 0;                             // the same
  PathMask suspect_ = 0, silent_ = 0;             // of these; the latter: or suspect
  Duration least_floor_{}, least_trip_{};         // of the fastest path
  Duration least_way_{};                          // about that of the same
  bool tiered_ = false;                           // the paths have several tiers
  uint8_t tier_ = 1;                              // paths of higher ones do not stripe
  Instant tier_full_since_{};
  Instant tier_used_{};
  size_t turn_ = 0;
  uint64_t flows_looked_at_ = 0;  // as they have their turns: what that costs
  bool told_ = true;
  // A clock of the peer's that is not believed yet.
  struct Doubted {
    Instant since{}, read{};
    uint32_t time = 0;
  };
  Doubted doubted_;
  struct TunnelFlows {
    Flow in_order, ahead;
  };
  std::vector<std::unique_ptr<TunnelFlows>> flows_;  // by tunnel; null: there never was one
  uint64_t heaviest_ = 1;                            // weight of a flow
  // Packets that went over several paths and have not arrived, by session and counter: on how many paths they may still
  // come.
  absl::flat_hash_map<std::pair<uint64_t, uint64_t>, uint8_t> copies_;
  // Of payloads that went in several pieces, of which none was lost: how many have not arrived, by session and counter
  // of the first one.
  absl::flat_hash_map<std::pair<uint64_t, uint64_t>, uint8_t> pieces_;
  bool placing_many_ = false;  // what is put into a queue is put behind the others, and the queue
  std::vector<std::pair<uint16_t, wire::PathSlot>> to_sort_;  // noted here
  Instant next_check_ = wire::kNever;
  bool postponed_ = false;  // the last check came late, and looked at nothing
  Instant no_codel_until_{};
  Instant last_death_{};

  // Of feedback.
  uint64_t session_ = 0;
  uint32_t time_ = 0;       // microseconds, as in the last feedback
  Duration clock_{};        // the same, unwrapped
  Instant clock_read_{};    // when it was
  Instant heard_{};         // the last feedback came
  bool under_way_ = false;  // something was, of which it did not tell, by a path that brings things
  Duration spacing_ = Capacity::kInterval;  // of feedback: about the longest lately
  uint64_t clock_session_ = 0;
  uint64_t highest_ = 0;  // counter sent in session_
  uint64_t session_before_ = 0;
  uint64_t highest_before_ = 0;
  uint64_t impossible_ = 0;
};

}  // namespace warp::bonding

#endif  // WARP_CONTROL_BONDING_BOND_H_
