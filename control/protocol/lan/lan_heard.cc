#include "control/protocol/lan/lan_heard.h"

#include <algorithm>

namespace warp::protocol {

LanHeard::Taken LanHeard::Take(Instant now, const Place& place,
                               const LanAnnouncement& announcement) {
  Heard& heard = places_[place];
  std::vector<Source>& sources = heard.sources;
  const auto known = std::find_if(sources.begin(), sources.end(), [&](const Source& source) {
    return source.epoch == announcement.epoch && source.interface == announcement.interface;
  });
  if (known != sources.end()) {
    if (announcement.number <= known->number) return Taken::kRepeated;
    if (!Spend(now, heard)) return Taken::kTooMany;
    const bool same =
        known->udp_port == announcement.udp_port && known->addresses == announcement.addresses;
    known->number = announcement.number;
    known->heard = now;
    if (same) return Taken::kAgain;
    known->udp_port = announcement.udp_port;
    known->addresses = announcement.addresses;
    return Taken::kNew;
  }
  const auto oldest =
      std::min_element(sources.begin(), sources.end(),
                       [](const Source& a, const Source& b) { return a.heard < b.heard; });
  const bool full = sources.size() >= kLanMaxSources;
  if (full && now < oldest->heard + kLanHeld) return Taken::kRepeated;
  if (!Spend(now, heard)) return Taken::kTooMany;
  if (full) sources.erase(oldest);
  sources.push_back({.epoch = announcement.epoch,
                     .interface = announcement.interface,
                     .number = announcement.number,
                     .udp_port = announcement.udp_port,
                     .addresses = announcement.addresses,
                     .heard = now});
  return Taken::kNew;
}

bool LanHeard::Spend(Instant now, Heard& heard) {
  constexpr Duration kPeriod = Duration(std::chrono::seconds(1)) / kLanTakenPerSecond;
  if (now > heard.refilled) {
    const int64_t earned = (now - heard.refilled) / kPeriod;
    heard.refilled += earned * kPeriod;
    heard.left = std::min(heard.left + earned, kLanTakenAtOnce);
  }
  if (heard.left <= 0) return false;
  --heard.left;
  return true;
}

std::vector<wire::Endpoint> LanHeard::Endpoints(const Place& place) const {
  const auto found = places_.find(place);
  if (found == places_.end()) return {};
  std::vector<const Source*> newest;
  for (const Source& source : found->second.sources) newest.push_back(&source);
  std::stable_sort(newest.begin(), newest.end(),
                   [](const Source* a, const Source* b) { return a->heard > b->heard; });
  std::vector<wire::Endpoint> endpoints;
  for (size_t turn = 0; turn < kLanMaxAddresses; ++turn) {
    for (const Source* source : newest) {
      if (turn >= source->addresses.size()) continue;
      const wire::Endpoint endpoint{source->addresses[turn], source->udp_port};
      if (std::find(endpoints.begin(), endpoints.end(), endpoint) == endpoints.end())
        endpoints.push_back(endpoint);
    }
  }
  return endpoints;
}

void LanHeard::Expire(Instant now, std::vector<Place>* changed) {
  for (auto& [place, heard] : places_) {
    bool ended = false;
    for (Source& source : heard.sources) {
      if (source.addresses.empty() || now < source.heard + kLanLifetime) continue;
      source.addresses.clear();
      ended = true;
    }
    if (ended) changed->push_back(place);
  }
}

Instant LanHeard::NextExpiry() const {
  Instant next = kNever;
  for (const auto& [place, heard] : places_) {
    for (const Source& source : heard.sources) {
      if (!source.addresses.empty()) next = std::min(next, source.heard + kLanLifetime);
    }
  }
  return next;
}

void LanHeard::RemovePeer(wire::PeerId peer, std::vector<Place>* changed) {
  std::erase_if(places_, [&](const auto& entry) {
    if (entry.first.first != peer) return false;
    changed->push_back(entry.first);
    return true;
  });
}

void LanHeard::RemovePort(wire::PortId port, std::vector<Place>* changed) {
  std::erase_if(places_, [&](const auto& entry) {
    if (entry.first.second != port) return false;
    changed->push_back(entry.first);
    return true;
  });
}

void LanHeard::Clear(std::vector<Place>* changed) {
  for (const auto& [place, sources] : places_) changed->push_back(place);
  places_.clear();
}

}  // namespace warp::protocol
