// The tunnels whose gate an interface is, and which of them a packet goes to:
//
//   packet ─► routes: the longest prefix ─► a tunnel ─► its classes: the first that matches ─► the class's tunnel
//                                                                   none, or it is not there ─► the tunnel itself
//
// Within each, those that others wait for (packet/interactive_flows.h) need not wait for the rest.
//
// Control thread only.
#ifndef WARP_CONTROL_GATE_TUN_TUN_MEMBERS_H_
#define WARP_CONTROL_GATE_TUN_TUN_MEMBERS_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "control/gate/tun/packet/classifier.h"
#include "control/gate/tun/packet/interactive_flows.h"
#include "control/gate/tun/tun_routes.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/drop.h"
#include "dataplane/wire/time.h"

namespace warp::control {

// The part of a tunnel's gate that the interface knows.
class TunMember {
 public:
  virtual ~TunMember() = default;
  // As GateSink::OnPayloads, or OnInteractive.
  virtual size_t OnPackets(std::span<const wire::Bytes> packets, bool interactive) = 0;
  // A packet from inside ended.
  virtual void OnDrop(wire::Drop reason) = 0;
  // A super-packet from inside was cut.
  virtual void OnCut() = 0;
  // The largest payload that goes in one piece; 0: that is not known.
  virtual size_t room() const = 0;
};

struct TunClass {
  PacketMatch match;
  std::string tunnel;  // the name of the tunnel that its packets go by
};

// What a tunnel has of an interface.
struct TunRole {
  std::string tunnel;             // its name
  std::vector<TunPrefix> routes;  // none: it takes everything, and no other may take a part
  std::vector<TunClass> classes;  // of what its routes take
  std::string class_of;  // not empty: it is for classes of this tunnel, and its routes mean nothing
};

class TunMembers {
 public:
  // `member` is there until Remove.
  void Add(TunMember& member, TunRole role);
  void Remove(const TunMember& member);

  bool empty() const { return members_.empty(); }
  size_t size() const { return members_.size(); }
  // Whether what the member's sink did not take may wait for it, and all others meanwhile. Not where it kept others
  // waiting for too long a moment ago.
  bool MayWait(const TunMember& member, wire::Instant now);
  // It keeps the others waiting for too long: nothing waits for it until its sink has had room for kImpatientFor.
  void LosePatience(const TunMember& member, wire::Instant now);
  // Counts a packet from inside that is of no tunnel. There is a member.
  void OnDrop(wire::Drop reason) { members_.front()->member.OnDrop(reason); }

  // The member is null where no route leads anywhere. `packet` is one of IP, unless there are no routes.
  struct Target {
    TunMember* member = nullptr;
    bool interactive = false;
  };
  Target TargetOf(wire::Instant now, wire::Bytes packet, const InnerPacket& inner);
  // The least room of all tunnels that packets of one connection may take which goes through this member: of the tunnel
  // that its routes say, and of those for its classes. 0: none is known.
  size_t LeastRoom(const TunMember& member) const;
  // Whether the peer behind `member` may send packets from this address.
  bool MayComeFrom(const TunMember& member, const wire::IpAddress& source) const;

  template <typename Each>
  void ForEach(Each each) const {
    for (const std::unique_ptr<Entry>& entry : members_) each(entry->member);
  }

 private:
  static constexpr wire::Duration kImpatientFor = std::chrono::seconds(1);

  struct Entry {
    Entry(TunMember& of, TunRole with);
    TunMember& member;
    const TunRole role;
    wire::Instant impatient_until{};  // nothing waits for its sink
    Classifier classifier;
    std::vector<TunMember*> class_members;  // by class: where its packets go
    std::vector<const TunMember*>
        sharers;                   // all that are for its classes, whether it has these or not
    const Entry* owner = nullptr;  // whose classes it is for; itself: its own
  };

  void Link();
  Entry* Find(const TunMember& member) const;

  std::vector<std::unique_ptr<Entry>> members_;
  InteractiveFlows interactive_;
  TunRoutes<Entry*> routes_;
  Entry* only_ =
      nullptr;  // the one without routes that is for no class; null: there are routes, or no member
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_TUN_TUN_MEMBERS_H_
