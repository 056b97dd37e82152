#include "control/protocol/lan/lan_discovery.h"

#include <sodium.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/container/flat_hash_set.h"

namespace warp::protocol {
namespace {

constexpr size_t kCopies = 32;

bool HaveCommon(const std::vector<wire::IpAddress>& a, const std::vector<wire::IpAddress>& b) {
  return std::find_first_of(a.begin(), a.end(), b.begin(), b.end()) != a.end();
}

uint64_t RandomEpoch() {
  uint64_t epoch;
  randombytes_buf(&epoch, sizeof(epoch));
  return epoch;
}

}  // namespace

LanDiscovery::LanDiscovery(uint16_t listen_port, uint64_t seed)
    : listen_port_(listen_port), random_(seed) {}

// --- What is there. ---

void LanDiscovery::SetPort(Instant now, wire::PortId id, const LanPort& state) {
  const auto [it, added] = ports_.try_emplace(id);
  Port& port = it->second;
  if (!added && port.state == state) return;
  const bool same = port.state.addresses == state.addresses;
  if (state.addresses.empty() && !port.state.addresses.empty())
    port.last_had = port.state.addresses;
  const bool elsewhere = port.state.addresses.empty() && !state.addresses.empty() &&
                         !HaveCommon(port.last_had, state.addresses);
  if (added || elsewhere) {
    port.epoch = RandomEpoch();
    port.number = 0;
  }
  port.state = state;
  if (port.state.addresses.size() > kLanMaxAddresses) port.state.addresses.resize(kLanMaxAddresses);
  if (same && !added) return;
  port.to_tell.clear();
  port.search = port.keep = kNever;
  if (state.addresses.empty()) return;
  port.keep = std::max(now + Upto(kLanSoon), port.last + kLanApart);
  port.interval = kLanSearch;
  if (searching()) port.search = port.keep + Jitter(port.interval);
}

void LanDiscovery::RemovePort(wire::PortId port) {
  ports_.erase(port);
  heard_.RemovePort(port, &changed_);
}

void LanDiscovery::SetPeer(Instant now, wire::PeerId id, std::vector<SharedKeys> keys) {
  if (keys.size() > kLanMaxKeys) keys.resize(kLanMaxKeys);
  const auto [it, added] = peers_.try_emplace(id);
  Peer& peer = it->second;
  if (!added && peer.keys == keys) return;
  keys_ = keys_ - peer.keys.size() + keys.size();
  peer.keys = std::move(keys);
  if (!peer.connected) SearchSoon(now);
}

void LanDiscovery::RemovePeer(wire::PeerId id) {
  const auto it = peers_.find(id);
  if (it == peers_.end()) return;
  keys_ -= it->second.keys.size();
  if (it->second.connected) --connected_;
  peers_.erase(it);
  heard_.RemovePeer(id, &changed_);
}

void LanDiscovery::SetConnected(Instant now, wire::PeerId id, bool connected) {
  const auto it = peers_.find(id);
  if (it == peers_.end() || it->second.connected == connected) return;
  it->second.connected = connected;
  connected ? ++connected_ : --connected_;
  if (!connected) SearchSoon(now);
}

void LanDiscovery::SearchSoon(Instant now) {
  for (auto& [id, port] : ports_) SearchSoon(now, port);
}

void LanDiscovery::SearchSoon(Instant now, Port& port) {
  if (port.state.addresses.empty()) return;
  port.interval = kLanSearch;
  const Instant soon = std::max(now + Upto(kLanSoon), port.last + kLanApart);
  port.search = std::min(port.search, soon);
}

// --- What arrives. ---

LanDrop LanDiscovery::Handle(Instant now, wire::PortId port, int hops, const wire::IpAddress& from,
                             wire::Bytes datagram) {
  const LanDrop drop = Judge(now, port, hops, from, datagram);
  ++(drop == LanDrop::kNone ? counts_.heard : counts_.drops[static_cast<size_t>(drop)]);
  return drop;
}

LanDrop LanDiscovery::Judge(Instant now, wire::PortId port, int hops, const wire::IpAddress& from,
                            wire::Bytes datagram) {
  if (hops != kLanHops) return LanDrop::kRouted;
  const std::optional<LanAnnouncement> announcement = DecodeLanAnnouncement(datagram);
  if (!announcement) return LanDrop::kMalformed;
  const auto here = ports_.find(port);
  if (here == ports_.end() || IsOwn(announcement->epoch)) return LanDrop::kOwn;
  const Copy copy{port, announcement->epoch, announcement->number};
  if (std::find(copies_.begin(), copies_.end(), copy) != copies_.end()) return LanDrop::kRepeated;
  if (!budget_.Spend(now, from, keys_)) return LanDrop::kBudget;
  const auto* const peer = Recognise(LanHeadOf(*announcement, datagram), *announcement);
  if (peer == nullptr) return LanDrop::kStranger;
  const LanHeard::Place place{peer->first, port};
  const LanHeard::Taken taken = heard_.Take(now, place, *announcement);
  if (taken == LanHeard::Taken::kRepeated) return LanDrop::kRepeated;
  if (taken == LanHeard::Taken::kTooMany) return LanDrop::kBudget;
  copies_.push_back(copy);
  if (copies_.size() > kCopies) copies_.pop_front();
  if (taken == LanHeard::Taken::kNew) changed_.push_back(place);
  // It may not have heard us yet.
  if (taken == LanHeard::Taken::kNew && !peer->second.connected) SearchSoon(now, here->second);
  return LanDrop::kNone;
}

const std::pair<const wire::PeerId, LanDiscovery::Peer>* LanDiscovery::Recognise(
    wire::Bytes head, const LanAnnouncement& announcement) const {
  const absl::flat_hash_set<LanTag> tags(announcement.tags.begin(), announcement.tags.end());
  for (const auto& peer : peers_) {
    for (const SharedKeys& keys : peer.second.keys) {
      if (tags.contains(ComputeLanTag(keys->from_peer, head))) return &peer;
    }
  }
  return nullptr;
}

bool LanDiscovery::IsOwn(uint64_t epoch) const {
  return std::any_of(ports_.begin(), ports_.end(),
                     [epoch](const auto& port) { return port.second.epoch == epoch; });
}

// --- Time. ---

Instant LanDiscovery::NextTimeout() const {
  if (peers_.empty()) return heard_.NextExpiry();
  Instant next = heard_.NextExpiry();
  for (const auto& [id, port] : ports_) {
    next = std::min(next, port.keep);
    if (searching()) next = std::min(next, port.search);
  }
  return next;
}

void LanDiscovery::HandleTimeout(Instant now) {
  heard_.Expire(now, &changed_);
  for (auto& [id, port] : ports_) {
    if (port.keep <= now) {
      Announce(now, port, /*all=*/true);
      port.keep = now + Jitter(port.state.sparing ? kLanKeepSparing : kLanKeep);
    }
    if (port.search > now) continue;
    if (!searching()) {
      port.search = kNever;
      continue;
    }
    Announce(now, port, /*all=*/false);
    port.search = now + Jitter(port.interval);
    port.interval = std::min(port.interval * 2, kLanSearchMax);
  }
}

void LanDiscovery::Announce(Instant now, Port& port, bool all) {
  if (port.to_tell.size() > 0 && !all) return;  // it is under way
  port.to_tell.clear();
  port.last = now;
  for (const auto& [id, peer] : peers_) {
    if (all || !peer.connected) port.to_tell.push_back(id);
  }
  // Where there are so many that a receiver looks at some of the datagrams only, these are other ones each time.
  if (port.to_tell.size() > kLanMaxTags) {
    const auto first = static_cast<std::ptrdiff_t>(random_() % port.to_tell.size());
    std::rotate(port.to_tell.begin(), port.to_tell.begin() + first, port.to_tell.end());
  }
}

Duration LanDiscovery::Upto(Duration most) {
  return Duration(std::uniform_int_distribution<int64_t>(0, most.count())(random_));
}

Duration LanDiscovery::Jitter(Duration nominal) { return nominal * 4 / 5 + Upto(nominal * 2 / 5); }

// --- What comes of it. ---

std::optional<LanTransmit> LanDiscovery::NextTransmit() {
  for (auto& [id, port] : ports_) {
    std::vector<SharedKeys> keys;
    while (!port.to_tell.empty()) {
      const auto peer = peers_.find(port.to_tell.front());
      if (peer != peers_.end()) {
        if (keys.size() + peer->second.keys.size() > kLanMaxTags) break;
        keys.insert(keys.end(), peer->second.keys.begin(), peer->second.keys.end());
      }
      port.to_tell.pop_front();
    }
    if (keys.empty()) continue;
    LanAnnouncement announcement{.interface = id,
                                 .epoch = port.epoch,
                                 .number = ++port.number,
                                 .udp_port = listen_port_,
                                 .addresses = port.state.addresses};
    announcement.tags.resize((keys.size() + kLanTagStep - 1) / kLanTagStep * kLanTagStep);
    const std::vector<uint8_t> head = EncodeLanHead(announcement, announcement.tags.size());
    for (size_t i = 0; i < announcement.tags.size(); ++i) {
      LanTag& tag = announcement.tags[i];
      if (i < keys.size()) {
        tag = ComputeLanTag(keys[i]->to_peer, head);
      } else {
        randombytes_buf(tag.data(), tag.size());
      }
    }
    ++counts_.sent;
    return LanTransmit{.port = id, .datagram = EncodeLanAnnouncement(announcement)};
  }
  return std::nullopt;
}

std::optional<LanFound> LanDiscovery::TakeFound() {
  if (changed_.empty()) return std::nullopt;
  const LanHeard::Place place = changed_.back();
  changed_.pop_back();
  return LanFound{.peer = place.first, .port = place.second, .endpoints = heard_.Endpoints(place)};
}

}  // namespace warp::protocol
