#include "control/link/next_hop_table.h"

#include <utility>

namespace warp::control {

NextHopTable::NextHopTable(Netlink& netlink, ChangeHandler on_change)
    : netlink_(netlink), on_change_(std::move(on_change)) {}

const NextHop* NextHopTable::Request(wire::Instant now, wire::PortId port, const Outlet& outlet,
                                     const Flow& flow) {
  const Key key(port, flow);
  if (const auto known = entries_.find(key); known != entries_.end()) {
    known->second->requested = now;
    return &known->second->next_hop;
  }
  if (entries_.size() >= kMaxEntries) return nullptr;
  Entry* const entry = entries_.emplace(key, std::make_unique<Entry>()).first->second.get();
  looks_.push_back(key);
  entry->requested = now;
  entry->subscription =
      netlink_.WatchNextHop(outlet, flow, [this, entry, key](const NextHop& next_hop) {
        entry->next_hop = next_hop;
        on_change_(key.first, key.second);
      });
  return &entry->next_hop;
}

const NextHop* NextHopTable::Find(wire::PortId port, const Flow& flow) const {
  const auto known = entries_.find(Key(port, flow));
  return known == entries_.end() ? nullptr : &known->second->next_hop;
}

void NextHopTable::Expire(wire::Instant now) {
  for (size_t left = looks_.size() / kExpireCalls + 1; left > 0 && !looks_.empty(); --left) {
    const Key key = looks_.front();
    looks_.pop_front();
    const auto entry = entries_.find(key);
    if (now - entry->second->requested > kExpireAfter) {
      entries_.erase(entry);
    } else {
      looks_.push_back(key);
    }
  }
}

void NextHopTable::RemovePort(wire::PortId port) {
  absl::erase_if(entries_, [port](const auto& item) { return item.first.first == port; });
  std::erase_if(looks_, [port](const Key& key) { return key.first == port; });
}

}  // namespace warp::control
