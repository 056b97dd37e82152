// The snapshot as the workers read it: control's tables and what follows from them, worked out once per change instead
// of once per packet. It is immutable. Control makes it, and publisher.h publishes it.
#ifndef WARP_DATAPLANE_LCORE_EXCHANGE_FORWARDING_TABLE_H_
#define WARP_DATAPLANE_LCORE_EXCHANGE_FORWARDING_TABLE_H_

#include <bit>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/facade/snapshot.h"
#include "dataplane/lcore/constants.h"
#include "dataplane/lcore/exchange/cycle_clock.h"
#include "dataplane/lcore/exchange/known_sources.h"
#include "dataplane/lcore/exchange/port_slot.h"
#include "dataplane/wire/path_mask.h"

namespace warp::lcore {

// One copy of every payload for a peer, of those that fit the path and whose mask names it.
struct Copy {
  const wire::FrameTemplate* frame = nullptr;
  PathCounters* counters = nullptr;
  PortSlot* slot = nullptr;
  Port* device = nullptr;
  PortId port = 0;
  wire::PathSlot path = wire::kNoPathSlot;
  bool own_pool = false;  // the port sends only buffers of its own pool
  // The port takes chains of buffers of any pool, so that payloads that are large enough go by reference.
  bool by_reference = false;

  bool IsIn(wire::PathMask paths) const {
    return paths == wire::kAllPaths || (wire::MaskOf(path) & paths) != 0;
  }
};

// The copies that one worker sends.
struct Leg {
  WorkerId worker = 0;
  uint32_t references = 0;          // copies with by_reference
  wire::PathMask paths = 0;         // of the copies that have a slot
  wire::PathMask by_reference = 0;  // of those of them with by_reference
  std::vector<Copy> copies;         // neighbours share a port where they can

  // The copies of a payload with this mask.
  uint32_t CopiesIn(wire::PathMask mask) const {
    return mask == wire::kAllPaths ? static_cast<uint32_t>(copies.size())
                                   : static_cast<uint32_t>(std::popcount(paths & mask));
  }
  // The first of them; there is one.
  const Copy* FirstIn(wire::PathMask mask) const {
    const Copy* copy = copies.data();
    while (!copy->IsIn(mask)) ++copy;
    return copy;
  }
  // Those that refer to it, where its size is this one once it is sealed.
  uint32_t ReferencesOf(uint32_t size, wire::PathMask mask) const {
    if (size < kReferenceFrom) return 0;
    return mask == wire::kAllPaths ? references
                                   : static_cast<uint32_t>(std::popcount(by_reference & mask));
  }
};

// A path as received packets show it: by their source.
struct Source {
  wire::Endpoint remote;
  PathCounters* counters = nullptr;
};

struct PeerParts;

struct PeerView {
  wire::Session* session = nullptr;  // to send with
  std::span<const Leg> legs;         // each has copies
  uint32_t copies = 0;               // of all legs
  wire::PathMask paths = 0;          // of the copies that have a slot
  bool needs_sum = false;            // some copy has a UDP checksum
  // The largest datagram that fits all these paths, and what to use for larger ones: the same peer without the paths
  // that those do not fit. Null: these are the widest paths.
  uint32_t max_datagram = UINT32_MAX;
  const PeerView* wider = nullptr;
  // The sources of all paths by PortId, whether the paths carry copies or not.
  std::span<const std::span<const Source>> sources;
  std::shared_ptr<const PeerParts>
      parts;  // holds legs, sources and wider views; null in a wider view

  // Whether a payload with this mask has a copy at all.
  bool Carries(wire::PathMask mask) const {
    return mask == wire::kAllPaths ? copies > 0 : (paths & mask) != 0;
  }
  // How many legs have copies of a payload with this mask.
  uint32_t LegsIn(wire::PathMask mask) const {
    if (mask == wire::kAllPaths) return static_cast<uint32_t>(legs.size());
    uint32_t count = 0;
    for (const Leg& leg : legs) count += (leg.paths & mask) != 0 ? 1 : 0;
    return count;
  }
  const Leg* LegOf(WorkerId worker) const {
    for (const Leg& leg : legs) {
      if (leg.worker == worker) return &leg;
    }
    return nullptr;
  }
};

// What a peer's view refers to. Tables that follow each other share it while neither the peer nor a port changes.
struct PeerParts {
  std::vector<std::vector<Leg>> legs;            // those of the view, and of each wider one
  std::vector<PeerView> wider;                   // the widest last
  std::vector<Source> all_sources;               // port by port
  std::vector<std::span<const Source>> sources;  // by PortId
  std::vector<uint64_t> source_hashes;           // as KnownSources has them
};

struct PortView {
  PortSlot* slot = nullptr;  // null: not present
  const PortEntry* entry = nullptr;
  Port* port = nullptr;
  PortId id = 0;
  uint32_t generation = 0;
};

class ForwardingTable {
 public:
  // `slots` are by PortId. A port of the snapshot whose slot is empty counts as not present. `before` is the table that
  // this one replaces, with which it shares what did not change; null: there is none.
  ForwardingTable(std::unique_ptr<const Snapshot> snapshot, std::span<PortSlot> slots,
                  uint16_t workers, const CycleClock& clock,
                  const ForwardingTable* before = nullptr);

  const Snapshot& snapshot() const { return *snapshot_; }
  // Set when control made the table.
  const CycleClock& clock() const { return clock_; }
  // The ports that a worker polls.
  std::span<const PortView> PortsOf(WorkerId worker) const { return polled_[worker]; }
  const PortView* FindPort(PortId port) const {
    return port < ports_.size() && ports_[port].slot != nullptr ? &ports_[port] : nullptr;
  }
  const PeerView* FindPeer(PeerId peer) const {
    return peer < peers_.size() ? &peers_[peer] : nullptr;
  }
  // The peer with the paths that a datagram of this size fits. One that fits no path of its mask gets the widest of
  // them: the size of a path may have changed since the datagram was sealed.
  const PeerView* FindPeer(PeerId peer, uint32_t datagram_size, wire::PathMask mask) const {
    const PeerView* view = FindPeer(peer);
    while (view != nullptr && datagram_size > view->max_datagram && view->wider != nullptr &&
           view->wider->Carries(mask))
      [[unlikely]] view = view->wider;
    return view;
  }
  // The live session of a receiver index; null if there is none.
  const SessionEntry* FindSession(uint32_t receiver_index) const {
    if (snapshot_->sessions.empty()) return nullptr;
    const SessionEntry& entry =
        snapshot_->sessions[receiver_index & (snapshot_->sessions.size() - 1)];
    if (entry.session == nullptr || entry.session->local_index() != receiver_index) return nullptr;
    return &entry;
  }
  // Whether a path of some peer leads there.
  bool IsKnownSource(PortId port, const wire::Endpoint& from) const {
    return known_sources_.Has(port, from);
  }
  // The counters of the path by which a frame arrived; null where its source is no known endpoint of the peer.
  PathCounters* FindPath(PeerId peer, PortId port, const wire::UdpFrame& frame) const {
    if (peer >= peers_.size()) return nullptr;
    for (const Source& source : peers_[peer].sources[port]) {
      if (frame.IsFrom(source.remote)) return source.counters;
    }
    return nullptr;
  }
  // The counters of a path that the peer had in this table or an earlier one; null where the path is gone.
  PathCounters* FindPath(PeerId peer, const PathCounters* known) const {
    if (peer >= peers_.size()) return nullptr;
    for (const std::span<const Source>& port : peers_[peer].sources) {
      for (const Source& source : port) {
        if (source.counters == known) return source.counters;
      }
    }
    return nullptr;
  }

 private:
  bool SamePorts(const ForwardingTable& before) const;
  PeerView MakeView(const PeerEntry& entry) const;
  // Fills in the copies for datagrams that are larger than `above`.
  void AddCopies(const PeerEntry& entry, uint32_t above, std::vector<Leg>* legs,
                 PeerView* view) const;

  const std::unique_ptr<const Snapshot> snapshot_;
  const CycleClock clock_;
  std::vector<PortView> ports_;                // by PortId
  std::vector<std::vector<PortView>> polled_;  // by WorkerId
  std::vector<PeerView> peers_;                // by PeerId
  KnownSources known_sources_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_EXCHANGE_FORWARDING_TABLE_H_
