#include "control/link/next_hop_table.h"

#include "absl/container/flat_hash_map.h"

namespace warp::control {

NextHopTable::NextHopTable(Netlink& netlink, ChangeHandler on_change)
    : netlink_(netlink), on_change_(std::move(on_change)) {}

const NextHop* NextHopTable::Request(wire::Instant now, wire::PortId port,
                                     absl::string_view interface, const wire::IpAddress& address) {
  const Key key(port, address);
  const auto found = entries_.find(key);
  if (found != entries_.end()) {
    found->second->requested = now;
    return &found->second->next_hop;
  }
  if (entries_.size() >= kMaxEntries) return nullptr;
  auto entry = std::make_unique<Entry>();
  entry->requested = now;
  Entry* const raw = entry.get();
  entries_.emplace(key, std::move(entry));
  raw->subscription =
      netlink_.WatchNextHop(interface, address, [this, raw, key](const NextHop& next_hop) {
        raw->next_hop = next_hop;
        on_change_(key.first, key.second);
      });
  return &raw->next_hop;
}

void NextHopTable::Expire(wire::Instant now) {
  absl::erase_if(entries_,
                 [now](const auto& item) { return now - item.second->requested > kExpireAfter; });
}

void NextHopTable::RemovePort(wire::PortId port) {
  absl::erase_if(entries_, [port](const auto& item) { return item.first.first == port; });
}

}  // namespace warp::control
