#include "dataplane/lcore/exchange/forwarding_table.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace warp::lcore {

ForwardingTable::ForwardingTable(std::unique_ptr<const Snapshot> snapshot,
                                 std::span<PortSlot> slots, uint16_t workers)
    : snapshot_(std::move(snapshot)),
      ports_(slots.size()),
      polled_(workers),
      peers_(snapshot_->peers.size()),
      known_sources_(*snapshot_) {
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
  for (size_t id = 0; id < peers_.size(); ++id) {
    peers_[id].session = snapshot_->peers[id].send_session.get();
    peers_[id].sources.resize(slots.size());
    AddLegs(snapshot_->peers[id], &peers_[id]);
  }
}

void ForwardingTable::AddLegs(const PeerEntry& entry, PeerView* view) const {
  for (const PathEntry& path : entry.paths) {
    if (path.port < view->sources.size()) {
      view->sources[path.port].push_back({.remote = path.remote, .counters = path.counters.get()});
    }
    const PortView* port = FindPort(path.port);
    if (!path.send || port == nullptr || !port->entry->up) continue;
    const WorkerId worker = port->slot->worker;
    auto leg = std::find_if(view->legs.begin(), view->legs.end(),
                            [&](const Leg& l) { return l.worker == worker; });
    if (leg == view->legs.end()) leg = view->legs.insert(leg, Leg{.worker = worker});
    const bool by_reference = port->port->multi_segment_tx() && !port->port->own_pool_only();
    leg->copies.push_back({.frame = &path.frame,
                           .counters = path.counters.get(),
                           .slot = port->slot,
                           .device = port->port,
                           .port = path.port,
                           .own_pool = port->port->own_pool_only(),
                           .by_reference = by_reference});
    leg->references += by_reference ? 1 : 0;
    ++view->copies;
    view->needs_sum |= path.frame.is_v6();
  }
}

}  // namespace warp::lcore
