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
  if (use == Use::kAnswer && answers_.size() >= kMaxAnswers) ForgetOldestAnswer();
  if (use == Use::kEndpoint && entries_.size() >= kMaxEntries) return nullptr;
  std::unique_ptr<Entry>& place = use == Use::kAnswer ? answers_[key] : Add(key);
  place = std::make_unique<Entry>();
  Entry* const entry = place.get();
  entry->requested = now;
  entry->subscription =
      netlink_.WatchNextHop(interface, address, [this, entry, key](const NextHop& next_hop) {
        entry->next_hop = next_hop;
        on_change_(key.first, key.second);
      });
  return &entry->next_hop;
}

std::unique_ptr<NextHopTable::Entry>& NextHopTable::Add(const Key& key) {
  looks_.push_back(key);
  return entries_[key];
}

// An answer's entry moves to the others when its address turns out to be an endpoint.
NextHopTable::Entry* NextHopTable::Find(const Key& key, Use use) {
  const auto found = entries_.find(key);
  if (found != entries_.end()) return found->second.get();
  const auto answer = answers_.find(key);
  if (answer == answers_.end()) return nullptr;
  if (use == Use::kAnswer) return answer->second.get();
  if (entries_.size() >= kMaxEntries) return nullptr;
  std::unique_ptr<Entry>& place = Add(key);
  place = std::move(answer->second);
  answers_.erase(answer);
  return place.get();
}

void NextHopTable::ForgetOldestAnswer() {
  answers_.erase(std::min_element(
      answers_.begin(), answers_.end(),
      [](const auto& a, const auto& b) { return a.second->requested < b.second->requested; }));
}

void NextHopTable::Expire(wire::Instant now) {
  const auto due = [now](const auto& item) { return now - item.second->requested > kExpireAfter; };
  absl::erase_if(answers_, due);
  for (size_t left = looks_.size() / kExpireCalls + 1; left > 0 && !looks_.empty(); --left) {
    const Key key = looks_.front();
    looks_.pop_front();
    const auto entry = entries_.find(key);
    if (due(*entry)) {
      entries_.erase(entry);
    } else {
      looks_.push_back(key);
    }
  }
}

void NextHopTable::RemovePort(wire::PortId port) {
  const auto gone = [port](const auto& item) { return item.first.first == port; };
  absl::erase_if(entries_, gone);
  std::erase_if(looks_, [port](const Key& key) { return key.first == port; });
  absl::erase_if(answers_, gone);
}

}  // namespace warp::control
