#include "dataplane/lcore/exchange/forwarding_table.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace warp::lcore {
namespace {

size_t CountPaths(const Snapshot& snapshot) {
  size_t paths = 0;
  for (const auto& peer : snapshot.peers) paths += peer->paths.size();
  return paths;
}

// Control makes the peers anew some at a time, so that a path may still have the frame of a port that was closed, while
// another has its id already.
bool IsFrameOf(const wire::FrameTemplate& frame, const Port& port) {
  return std::equal(port.mac().bytes.begin(), port.mac().bytes.end(), frame.bytes.begin() + 6);
}

bool HasWider(const PeerEntry& entry, uint32_t size) {
  return std::any_of(entry.paths.begin(), entry.paths.end(), [size](const PathEntry& path) {
    return path.send && path.max_datagram > size;
  });
}

}  // namespace

ForwardingTable::ForwardingTable(std::unique_ptr<const Snapshot> snapshot,
                                 std::span<PortSlot> slots, uint16_t workers,
                                 const CycleClock& clock, const ForwardingTable* before)
    : snapshot_(std::move(snapshot)),
      clock_(clock),
      ports_(slots.size()),
      polled_(workers),
      known_sources_(CountPaths(*snapshot_)) {
  assert(snapshot_->sessions.empty() || std::has_single_bit(snapshot_->sessions.size()));
  for (size_t id = 0; id < std::min(slots.size(), snapshot_->ports.size()); ++id) {
    if (!snapshot_->ports[id].present || slots[id].port == nullptr) continue;
    ports_[id] = {.slot = &slots[id],
                  .entry = &snapshot_->ports[id],
                  .port = slots[id].port.get(),
                  .id = static_cast<PortId>(id),
                  .generation = slots[id].generation};
    polled_[slots[id].worker].push_back(ports_[id]);
  }
  const size_t known = before != nullptr && SamePorts(*before) ? before->peers_.size() : 0;
  peers_.reserve(snapshot_->peers.size());
  for (size_t id = 0; id < snapshot_->peers.size(); ++id) {
    const PeerEntry& entry = *snapshot_->peers[id];
    const bool same = id < known && before->snapshot_->peers[id].get() == &entry;
    peers_.push_back(same ? before->peers_[id] : MakeView(entry));
  }
  for (const PeerView& peer : peers_) {
    for (const uint64_t hash : peer.parts->source_hashes) known_sources_.Add(hash);
  }
}

// Whether views of `before` that refer to ports are right here too. Whether a port is up does not matter: a view shows
// that as it was when its entry was made, and control makes an entry anew for it.
bool ForwardingTable::SamePorts(const ForwardingTable& before) const {
  return std::equal(ports_.begin(), ports_.end(), before.ports_.begin(), before.ports_.end(),
                    [](const PortView& a, const PortView& b) {
                      return a.slot == b.slot && a.port == b.port && a.generation == b.generation;
                    });
}

PeerView ForwardingTable::MakeView(const PeerEntry& entry) const {
  const auto parts = std::make_shared<PeerParts>();
  parts->sources.resize(ports_.size());
  parts->all_sources.reserve(entry.paths.size());
  parts->source_hashes.reserve(entry.paths.size());
  for (size_t id = 0; id < ports_.size(); ++id) {
    const Source* const first = parts->all_sources.data() + parts->all_sources.size();
    for (const PathEntry& path : entry.paths) {
      if (path.port != id) continue;
      parts->all_sources.push_back({.remote = path.remote, .counters = path.counters.get()});
    }
    parts->sources[id] = {first, parts->all_sources.data() + parts->all_sources.size()};
  }
  for (const PathEntry& path : entry.paths) {
    parts->source_hashes.push_back(KnownSources::Hash(path.port, path.remote));
  }
  // A view for each size of which there are paths, the narrowest first. `legs` may not grow any more once a view
  // refers to its elements.
  std::vector<PeerView> views;
  uint32_t above = 0;
  parts->legs.reserve(entry.paths.size() + 1);
  do {
    PeerView& view = views.emplace_back(PeerView{.session = entry.send_session.get()});
    std::vector<Leg>& legs = parts->legs.emplace_back();
    AddCopies(entry, above, &legs, &view);
    view.legs = legs;
    view.sources = parts->sources;
    above = view.max_datagram;
  } while (HasWider(entry, above));
  if (views.size() > 1 && views.back().copies == 0) views.pop_back();
  PeerView view = views.front();
  parts->wider.assign(views.begin() + 1, views.end());
  const PeerView* wider = nullptr;
  for (auto it = parts->wider.rbegin(); it != parts->wider.rend(); ++it) {
    it->wider = wider;
    wider = &*it;
  }
  view.wider = wider;
  view.parts = parts;
  return view;
}

void ForwardingTable::AddCopies(const PeerEntry& entry, uint32_t above, std::vector<Leg>* legs,
                                PeerView* view) const {
  for (const PathEntry& path : entry.paths) {
    const PortView* port = FindPort(path.port);
    if (!path.send || path.max_datagram <= above || port == nullptr || !port->entry->up) continue;
    if (!IsFrameOf(path.frame, *port->port)) continue;
    const WorkerId worker = port->slot->worker;
    auto leg =
        std::find_if(legs->begin(), legs->end(), [&](const Leg& l) { return l.worker == worker; });
    if (leg == legs->end()) leg = legs->insert(leg, Leg{.worker = worker});
    const bool by_reference = port->port->multi_segment_tx() && !port->port->own_pool_only();
    if (leg->copies.empty()) leg->copies.reserve(entry.paths.size());
    leg->copies.push_back({.frame = &path.frame,
                           .counters = path.counters.get(),
                           .slot = port->slot,
                           .device = port->port,
                           .port = path.port,
                           .path = path.slot,
                           .own_pool = port->port->own_pool_only(),
                           .by_reference = by_reference});
    const wire::PathMask bit = wire::MaskOf(path.slot);
    assert((view->paths & bit) == 0);
    view->paths |= bit;
    leg->paths |= bit;
    if (by_reference) {
      ++leg->references;
      leg->by_reference |= bit;
    }
    ++view->copies;
    view->needs_sum |= path.frame.has_udp_checksum;
    view->max_datagram = std::min(view->max_datagram, path.max_datagram);
  }
}

}  // namespace warp::lcore
