// Spreads the payloads of the tunnels to one peer over its paths: joins the Bond, which chooses and paces and knows no
// bytes, with the loop's clock, the route, and the senders of the tunnels, which have the bytes.
//
//   sender: Offer ─► Bond's queues, a path each ─► Pump: a grant ─► sender: Leave ─► worker
//   feedback of the peer ─► Bond: arrived, lost ─► senders
//
// Control thread only.
#ifndef WARP_CONTROL_TUNNEL_BOND_PEER_BOND_H_
#define WARP_CONTROL_TUNNEL_BOND_PEER_BOND_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "control/bonding/bond.h"
#include "control/config/tunnel_policy.h"
#include "control/loop/loop.h"
#include "control/protocol/feedback.h"
#include "control/tunnel/route/peer_route.h"
#include "dataplane/wire/path_mask.h"

namespace warp::control {

// A tunnel's sender, as the bond sees it.
class BondMember {
 public:
  virtual ~BondMember() = default;
  // The payload may leave now, over these paths. What cannot be submitted now is granted again.
  enum class Left : uint8_t {
    kYes,       // or it was dropped
    kFull,      // the member has as much under way as it may: others may leave meanwhile
    kShortage,  // of what all need
  };
  virtual Left Leave(wire::Instant now, const bonding::Grant& grant) = 0;
  // The payload has arrived, or nothing more will be done for it.
  virtual void Settled(uint64_t number) = 0;
};

class PeerBond {
 public:
  // What the configuration says of a port.
  struct PortPolicy {
    uint8_t tier = 1;
    uint64_t max_rate = 0;  // bytes a second towards the network; 0: no bound
  };
  using PortPolicies = std::function<PortPolicy(wire::PortId)>;

  // `loop` and `route` outlive it.
  PeerBond(Loop& loop, const PeerRoute& route, PortPolicies ports);

  // `member` outlives it, or is removed. `allowed` says which paths the tunnel may use.
  using Allowed = std::function<bool(const RoutePath&)>;
  void AddMember(uint16_t flow, BondMember& member, Allowed allowed);
  // The member is about to go. What waits for a grant of it is granted to nobody, and what is told of it ends here. The
  // number of the flow is not given to another one.
  void RemoveMember(uint16_t flow);
  void SetAllowed(uint16_t flow, Allowed allowed);
  void SetPolicy(uint16_t flow, const config::TunnelPolicy& policy, wire::Duration deadline);

  // The route changed: other paths, or another session.
  void RouteChanged();
  // The peer cannot do what spreading needs: payloads go over all paths, or over those of the lowest tier.
  bool plain() const { return plain_; }

  void HandleFeedback(wire::Instant now, const wire::Session* session,
                      const protocol::Feedback& feedback);

  // --- For members. ---
  bonding::Bond& bond() { return bond_; }
  const bonding::Bond& bond() const { return bond_; }
  // The packets of a grant were submitted, with counters of the route's session that begin at `first`; nullopt: the
  // workers take the counters. `sizes` are those of their frames.
  void NoteSent(wire::Instant now, const bonding::Grant& grant, std::optional<uint64_t> first,
                std::span<const uint32_t> sizes);
  // Something was offered or charged: Pump runs when the next payload may go.
  void Arm();

 private:
  struct Member {
    BondMember* member = nullptr;
    Allowed allowed;
    bonding::FlowSpec spec;
  };
  void Pump();
  void GiveSpec(uint16_t flow, const Member& member);
  uint64_t OrderOf(const wire::Session* session) const;
  uint64_t OrderOfSending();
  wire::PathMask AllowedOf(const Member& member) const;

  Loop& loop_;
  const PeerRoute& route_;
  const PortPolicies ports_;
  bonding::Bond bond_;
  absl::flat_hash_map<uint16_t, Member> members_;
  Task pump_soon_;
  Timer pump_later_;
  bool plain_ = true;
  // The sessions that were in use lately, by their local index, with their place in time.
  std::deque<std::pair<uint32_t, uint64_t>> sessions_;
  uint64_t next_session_ = 1;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_TUNNEL_BOND_PEER_BOND_H_
