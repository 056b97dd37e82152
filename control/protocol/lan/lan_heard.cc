#include "control/protocol/lan/lan_heard.h"

#include <algorithm>

namespace warp::protocol {

LanHeard::Taken LanHeard::Take(Instant now, const Place& place,
                               const LanAnnouncement& announcement) {
  std::vector<Source>& sources = places_[place];
  const auto known = std::find_if(sources.begin(), sources.end(), [&](const Source& source) {
    return source.epoch == announcement.epoch && source.interface == announcement.interface;
  });
  if (known != sources.end()) {
    if (announcement.number <= known->number) return Taken::kRepeated;
    const bool same =
        known->udp_port == announcement.udp_port && known->addresses == announcement.addresses;
    known->number = announcement.number;
    known->heard = now;
    if (same) return Taken::kAgain;
    known->udp_port = announcement.udp_port;
    known->addresses = announcement.addresses;
    return Taken::kNew;
  }
  if (sources.size() >= kLanMaxSources) {
    const auto oldest =
        std::min_element(sources.begin(), sources.end(),
                         [](const Source& a, const Source& b) { return a.heard < b.heard; });
    if (now < oldest->heard + kLanHeld) return Taken::kRepeated;
    sources.erase(oldest);
  }
  sources.push_back({.epoch = announcement.epoch,
                     .interface = announcement.interface,
                     .number = announcement.number,
                     .udp_port = announcement.udp_port,
                     .addresses = announcement.addresses,
                     .heard = now});
  return Taken::kNew;
}

std::vector<wire::Endpoint> LanHeard::Endpoints(const Place& place) const {
  const auto found = places_.find(place);
  if (found == places_.end()) return {};
  std::vector<const Source*> newest;
  for (const Source& source : found->second) newest.push_back(&source);
  std::stable_sort(newest.begin(), newest.end(),
                   [](const Source* a, const Source* b) { return a->heard > b->heard; });
  std::vector<wire::Endpoint> endpoints;
  for (const Source* source : newest) {
    for (const wire::IpAddress& address : source->addresses) {
      const wire::Endpoint endpoint{address, source->udp_port};
      if (std::find(endpoints.begin(), endpoints.end(), endpoint) == endpoints.end())
        endpoints.push_back(endpoint);
    }
  }
  return endpoints;
}

void LanHeard::Expire(Instant now, std::vector<Place>* changed) {
  for (auto& [place, sources] : places_) {
    const size_t ended = std::erase_if(
        sources, [now](const Source& source) { return source.heard + kLanLifetime <= now; });
    if (ended > 0) changed->push_back(place);
  }
  std::erase_if(places_, [](const auto& entry) { return entry.second.empty(); });
}

Instant LanHeard::NextExpiry() const {
  Instant next = kNever;
  for (const auto& [place, sources] : places_) {
    for (const Source& source : sources) next = std::min(next, source.heard + kLanLifetime);
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
