#include "control/protocol/lan/lan_discovery.h"

#include <sodium.h>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/hash/hash.h"

namespace warp::protocol {
namespace {

constexpr size_t kCopies = 32;
constexpr size_t kMet = 64;
// Peers that one answer has proofs for. Others have theirs with the next announcement.
constexpr size_t kAnswered = 4;

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
    port.challenges.Clear();
    std::erase_if(theirs_, [id](const auto& entry) { return entry.first.second == id; });
  }
  port.state = state;
  if (port.state.addresses.size() > kLanMaxAddresses) port.state.addresses.resize(kLanMaxAddresses);
  if (same && !added) return;
  port.to_tell.clear();
  port.to_answer.clear();
  port.answers = false;
  port.search = port.keep = port.answer = kNever;
  if (state.addresses.empty()) return;
  port.keep = std::max(now + Upto(kLanSoon), port.last + kLanApart);
  port.interval = port.kept = kLanSearch;
  if (searching()) port.search = port.keep + Jitter(port.interval);
}

void LanDiscovery::RemovePort(wire::PortId port) {
  ports_.erase(port);
  std::erase_if(theirs_, [port](const auto& entry) { return entry.first.second == port; });
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
  std::erase_if(theirs_, [id](const auto& entry) { return entry.first.first == id; });
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
  if (!budget_.Spend(now, from, keys_ + kLanOwnChallenges)) return LanDrop::kBudget;
  const Tags tags(announcement->tags.begin(), announcement->tags.end());
  const wire::Bytes head = LanHeadOf(*announcement, datagram);
  AnswerSoon(now, port, here->second, *announcement);
  const Recognised sender = Recognise(head, tags);
  if (sender.peer == nullptr) return LanDrop::kStranger;
  const LanHeard::Place place{sender.id, port};
  const bool proven = here->second.challenges.Proven(now, sender.keys->from_peer, head, tags);
  theirs_[place].Note(now, *announcement, sender.keys, proven, random_);
  std::vector<wire::PeerId>& to_answer = here->second.to_answer;
  if (here->second.answer != kNever && to_answer.size() < kAnswered &&
      std::find(to_answer.begin(), to_answer.end(), sender.id) == to_answer.end()) {
    to_answer.push_back(sender.id);
  }
  if (!proven) return LanDrop::kUnproven;
  const LanHeard::Taken taken = heard_.Take(now, place, *announcement);
  if (taken == LanHeard::Taken::kRepeated) return LanDrop::kRepeated;
  if (taken == LanHeard::Taken::kTooMany) return LanDrop::kBudget;
  copies_.push_back(copy);
  if (copies_.size() > kCopies) copies_.pop_front();
  if (taken == LanHeard::Taken::kNew) changed_.push_back(place);
  // It may not have heard us yet.
  if (taken == LanHeard::Taken::kNew && !sender.peer->connected) SearchSoon(now, here->second);
  return LanDrop::kNone;
}

LanDiscovery::Recognised LanDiscovery::Recognise(wire::Bytes head, const Tags& tags) const {
  for (const auto& [id, peer] : peers_) {
    for (const SharedKeys& keys : peer.keys) {
      if (tags.contains(ComputeLanTag(keys->from_peer, head))) return {id, &peer, keys};
    }
  }
  return {};
}

// Before it is known whose the announcement is, and whether it is a recording.
void LanDiscovery::AnswerSoon(Instant now, wire::PortId id, Port& port,
                              const LanAnnouncement& heard) {
  if (port.state.addresses.empty() || peers_.empty() || port.answer != kNever) return;
  const size_t addresses = absl::HashOf(heard.addresses);
  auto met = std::find_if(met_.begin(), met_.end(), [&](const Met& one) {
    return one.port == id && one.epoch == heard.epoch;
  });
  if (met == met_.end()) {
    if (met_.size() == kMet) met_.pop_front();
    met = met_.insert(met_.end(), {.port = id, .epoch = heard.epoch});
  }
  const bool is_new = now >= met->heard + kLanSilence || met->addresses != addresses;
  met->heard = now;
  met->addresses = addresses;
  if (is_new) met->answers = kLanAnswersToOne;
  if (met->answers == 0) return;
  --met->answers;
  const Duration every = port.state.sparing ? kLanAnswerEverySparing : kLanAnswerEvery;
  if (port.answers_paid > now + (kLanAnswersAtOnce - 1) * every) return;
  port.answers_paid = std::max(port.answers_paid, now) + every;
  port.answer = now + Upto(kLanSoon);
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
    next = std::min({next, port.keep, port.answer});
    if (searching()) next = std::min(next, port.search);
  }
  return next;
}

void LanDiscovery::HandleTimeout(Instant now) {
  turn_ = now;
  heard_.Expire(now, &changed_);
  for (auto& [id, port] : ports_) {
    if (port.answer <= now) {
      port.answer = kNever;
      port.answers = true;
    }
    if (port.keep <= now) {
      Announce(now, port, /*all=*/true);
      port.keep = now + Jitter(port.kept);
      port.kept = std::min(port.kept * 2, port.state.sparing ? kLanKeepSparing : kLanKeep);
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
    if (port.answers) return Answer(id, port);
    std::vector<SharedKeys> keys;
    std::vector<LanProof> proofs;
    size_t places = 0;
    while (!port.to_tell.empty()) {
      const auto peer = peers_.find(port.to_tell.front());
      if (peer != peers_.end()) {
        const std::vector<SharedKeys>& of_peer = peer->second.keys;
        if (places + of_peer.size() + kLanProofs > kLanMaxTags) break;
        places += of_peer.size() + kLanProofs;
        keys.insert(keys.end(), of_peer.begin(), of_peer.end());
        for (LanProof& proof : ProofsFor(peer->first, peer->second, id, kLanProofs, 1)) {
          proofs.push_back(std::move(proof));
        }
      }
      port.to_tell.pop_front();
    }
    if (keys.empty()) continue;
    return Announcement(id, port, (places + kLanTagStep - 1) / kLanTagStep * kLanTagStep, keys,
                        proofs);
  }
  return std::nullopt;
}

// Always of the same size: it does not tell whether any of it is for somebody.
LanTransmit LanDiscovery::Answer(wire::PortId id, Port& port) {
  std::vector<SharedKeys> keys;
  std::vector<LanProof> proofs;
  const size_t share = kLanTagStep / std::max<size_t>(1, port.to_answer.size());
  for (const wire::PeerId one : port.to_answer) {
    const auto peer = peers_.find(one);
    if (peer == peers_.end()) continue;
    size_t left = share;
    for (LanProof& proof : ProofsFor(one, peer->second, id, share - 1, share / 2)) {
      const bool has_tag = std::find(keys.begin(), keys.end(), proof.keys) != keys.end();
      if (left < (has_tag ? 1u : 2u)) break;
      left -= has_tag ? 1 : 2;
      if (!has_tag) keys.push_back(proof.keys);
      proofs.push_back(std::move(proof));
    }
  }
  port.answers = false;
  port.to_answer.clear();
  return Announcement(id, port, kLanTagStep, keys, proofs);
}

std::vector<LanProof> LanDiscovery::ProofsFor(wire::PeerId id, const Peer& peer, wire::PortId port,
                                              size_t most, size_t unproven) {
  const auto known = theirs_.find({id, port});
  if (known == theirs_.end()) return {};
  std::vector<LanProof> proofs = known->second.Choose(turn_, most, unproven, random_);
  std::erase_if(proofs, [&peer](const LanProof& proof) {  // its keys serve no more
    return std::find(peer.keys.begin(), peer.keys.end(), proof.keys) == peer.keys.end();
  });
  return proofs;
}

LanTransmit LanDiscovery::Announcement(wire::PortId id, Port& port, size_t tags,
                                       const std::vector<SharedKeys>& keys,
                                       const std::vector<LanProof>& proofs) {
  LanAnnouncement announcement{.interface = id,
                               .epoch = port.epoch,
                               .number = ++port.number,
                               .challenge = port.challenges.Next(turn_),
                               .udp_port = listen_port_,
                               .addresses = port.state.addresses};
  const std::vector<uint8_t> head = EncodeLanHead(announcement, tags);
  for (const SharedKeys& one : keys) announcement.tags.push_back(ComputeLanTag(one->to_peer, head));
  for (const LanProof& proof : proofs)
    announcement.tags.push_back(ComputeLanProof(proof.keys->to_peer, head, proof.challenge));
  assert(announcement.tags.size() <= tags);
  while (announcement.tags.size() < tags) {
    LanTag& random = announcement.tags.emplace_back();
    randombytes_buf(random.data(), random.size());
  }
  ++counts_.sent;
  return {.port = id, .datagram = EncodeLanAnnouncement(announcement)};
}

std::optional<LanFound> LanDiscovery::TakeFound() {
  if (changed_.empty()) return std::nullopt;
  const LanHeard::Place place = changed_.back();
  changed_.pop_back();
  return LanFound{.peer = place.first, .port = place.second, .endpoints = heard_.Endpoints(place)};
}

}  // namespace warp::protocol
