#include "control/link/next_hop_table.h"

#include <algorithm>
#include <utility>

namespace warp::control {

NextHopTable::NextHopTable(Netlink& netlink, ChangeHandler on_change)
    : netlink_(netlink), on_change_(std::move(on_change)) {}

const NextHop* NextHopTable::Request(wire::Instant now, Use use, wire::PortId port,
                                     absl::string_view interface, const wire::IpAddress& address) {
  const Key key(port, address);
  if (Entry* const known = Find(key, use)) {
    known->requested = now;
    return &known->next_hop;
  }
  Entries& entries = use == Use::kAnswer ? answers_ : entries_;
  if (use == Use::kAnswer && answers_.size() >= kMaxAnswers) ForgetOldestAnswer();
  if (entries.size() >= kMaxEntries) return nullptr;
  Entry* const entry = entries.emplace(key, std::make_unique<Entry>()).first->second.get();
  entry->requested = now;
  entry->subscription =
      netlink_.WatchNextHop(interface, address, [this, entry, key](const NextHop& next_hop) {
        entry->next_hop = next_hop;
        on_change_(key.first, key.second);
      });
  return &entry->next_hop;
}

// An answer's entry moves to the others when its address turns out to be an endpoint.
NextHopTable::Entry* NextHopTable::Find(const Key& key, Use use) {
  auto found = entries_.find(key);
  if (found == entries_.end()) {
    const auto answer = answers_.find(key);
    if (answer == answers_.end()) return nullptr;
    if (use == Use::kAnswer) return answer->second.get();
    if (entries_.size() >= kMaxEntries) return nullptr;
    found = entries_.emplace(key, std::move(answer->second)).first;
    answers_.erase(answer);
  }
  return found->second.get();
}

void NextHopTable::ForgetOldestAnswer() {
  answers_.erase(std::min_element(
      answers_.begin(), answers_.end(),
      [](const auto& a, const auto& b) { return a.second->requested < b.second->requested; }));
}

void NextHopTable::Expire(wire::Instant now) {
  const auto due = [now](const auto& item) { return now - item.second->requested > kExpireAfter; };
  absl::erase_if(entries_, due);
  absl::erase_if(answers_, due);
}

void NextHopTable::RemovePort(wire::PortId port) {
  const auto gone = [port](const auto& item) { return item.first.first == port; };
  absl::erase_if(entries_, gone);
  absl::erase_if(answers_, gone);
}

}  // namespace warp::control
