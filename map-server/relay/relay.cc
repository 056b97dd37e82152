#include "map-server/relay/relay.h"

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

namespace warp::map {

using protocol::MapRelay;
using protocol::MapRelayed;
using protocol::RelayState;
using wire::Drop;

namespace {

// Which port of one node is joined with which of the other, the most useful first: each port comes once before any
// comes twice, where both nodes have as many.
std::vector<std::pair<size_t, size_t>> Spread(size_t a, size_t b) {
  std::vector<std::pair<size_t, size_t>> joined;
  for (size_t round = 0; round < std::min(a, b); ++round) {
    for (size_t i = 0; i < std::max(a, b); ++i) {
      joined.emplace_back(a >= b ? std::pair(i, (i + round) % b) : std::pair((i + round) % a, i));
    }
  }
  return joined;
}

}  // namespace

Relay::Relay(Duration lifetime, Store& store, wire::DropCounters& drops)
    : lifetime_(std::min<Duration>(lifetime, kRelayLifetime)),
      store_(store),
      drops_(drops),
      challenger_(lifetime_) {}

void Relay::SetTerms(const RelayTerms& terms, uint16_t first_port, uint16_t ports) {
  terms_ = terms;
  table_.SetPorts(first_port, ports);
}

void Relay::SetLifetime(Duration lifetime) {
  lifetime_ = std::min<Duration>(lifetime, kRelayLifetime);
  challenger_.SetPeriod(lifetime_);
}

// --- A node asks for channels. ---

void Relay::Handle(Instant, const Origin& origin, const MapRelay& message) {
  store_.GetHere(origin.id, [this, origin, message](Instant, const Record* asker) {
    if (asker == nullptr || !asker->Verified(message.port, origin.from, origin.local_address)) {
      drops_.Add(Drop::kNotAuthorized);
      return;
    }
    ++counts_.requests;
    if (!on()) {
      MapRelayed off = Relayed(message.key);
      off.request = message.request;
      off.state = RelayState::kOff;
      outgoing_.push_back({origin.key, origin.from, origin.local_address, std::move(off)});
      return;
    }
    std::vector<ChannelEnd> ends;
    const KeyId wanted = KeyId::Of(message.key);
    if (asker->Allows(wanted) && wanted != origin.id) ends = EndsOf(*asker);
    store_.GetHere(wanted, [this, origin, message, ends](Instant then, const Record* other) {
      Answer(then, origin, message, ends, other);
    });
  });
}

std::vector<ChannelEnd> Relay::EndsOf(const Record& record) {
  std::vector<ChannelEnd> ends;
  const KeyId node = KeyId::Of(record.key());
  record.ForEach([&](const StoredRegistration& registration) {
    const bool known = std::any_of(ends.begin(), ends.end(), [&](const ChannelEnd& end) {
      return end.port == registration.port;
    });
    if (registration.live() && !known)
      ends.push_back({.node = node, .key = record.key(), .port = registration.port});
  });
  std::sort(ends.begin(), ends.end(),
            [](const ChannelEnd& a, const ChannelEnd& b) { return a.port < b.port; });
  return ends;
}

void Relay::Answer(Instant now, const Origin& origin, const MapRelay& message,
                   const std::vector<ChannelEnd>& asker, const Record* other) {
  MapRelayed answer = Relayed(message.key);
  answer.request = message.request;
  const bool allowed =
      on() && !asker.empty() && other != nullptr && other->live() && other->Allows(origin.id);
  if (allowed) {
    const KeyId peer = KeyId::Of(message.key);
    const Pair pair = ChannelTable::PairOf(origin.id, peer);
    const size_t before = ChannelsOf(pair, origin.id).size();
    std::vector<ChannelEnd> a = asker, b = EndsOf(*other);
    for (ChannelEnd& end : a) end.needed = true;
    const Network network = NetworkOf(origin.from.address);
    // In the order of the ids, so that it does not matter who asks.
    if (origin.id < peer) {
      MakeChannels(now, network, a, b);
    } else {
      MakeChannels(now, network, b, a);
    }
    answer.channels = ChannelsOf(pair, origin.id);
    if (answer.channels.empty()) {
      drops_.Add(Drop::kMapFull);
      answer.state = RelayState::kRefused;
    } else {
      ++counts_.granted;
      BeginTelling(now, pair, peer, answer.channels.size() > before);
    }
  }
  outgoing_.push_back({origin.key, origin.from, origin.local_address, std::move(answer)});
}

void Relay::MakeChannels(Instant now, Network network, const std::vector<ChannelEnd>& a,
                         const std::vector<ChannelEnd>& b) {
  if (a.empty() || b.empty()) return;
  const Pair pair = ChannelTable::PairOf(a.front().node, b.front().node);
  ChannelTable::PairState* state = table_.FindPair(pair);
  if (state != nullptr && state->allowance.exhausted(now, terms_)) {
    ++counts_.refused_bytes;
    return table_.EndPair(pair);
  }
  if ((state == nullptr || state->channels.empty()) && table_.active_pairs() >= terms_.pairs) {
    ++counts_.refused_pairs;
    const std::optional<Pair> victim = table_.Victim(network);
    if (!victim.has_value()) return;
    table_.EndPair(*victim);
    state = table_.FindPair(pair);
  }
  std::vector<std::pair<uint16_t, uint16_t>> there;
  if (state != nullptr) {
    for (const uint32_t id : state->channels) {
      Channel& channel = *table_.Find(id);
      there.emplace_back(channel.ends[0].port, channel.ends[1].port);
      for (ChannelEnd& end : channel.ends)
        end.needed |= end.node == a.front().node ? a.front().needed : b.front().needed;
    }
  }
  bool lacked = false;
  for (const auto& [i, j] : Spread(a.size(), b.size())) {
    if (there.size() >= kRelayChannelsOfPair) break;
    const std::pair ports(a[i].port, b[j].port);
    if (std::find(there.begin(), there.end(), ports) != there.end()) continue;
    if (table_.Make(a[i], b[j], network, now + kRelayBeginning) != nullptr) {
      there.push_back(ports);
    } else {
      lacked = true;
    }
  }
  if (lacked) ++counts_.refused_channels;
}

MapRelayed Relay::Relayed(const wire::PublicKey& about) const {
  return {.request = 0, .key = about, .lifetime_s = LifetimeSeconds()};
}

std::vector<protocol::MapChannel> Relay::ChannelsOf(const Pair& pair, const KeyId& reader) {
  std::vector<protocol::MapChannel> channels;
  const ChannelTable::PairState* const state = table_.FindPair(pair);
  if (state == nullptr) return channels;
  for (const uint32_t id : state->channels) {
    const Channel& channel = *table_.Find(id);
    const ChannelEnd& own = channel.ends[channel.ends[0].node == reader ? 0 : 1];
    channels.push_back({id, own.port, channel.udp_port});
  }
  return channels;
}

// --- What was true when a channel was made is true no more. ---

void Relay::Recheck(const KeyId& node) {
  if (table_.PairsOf(node).empty()) return;
  store_.GetHere(node, [this, node](Instant, const Record* record) {
    const std::vector<ChannelEnd> ends =
        record == nullptr ? std::vector<ChannelEnd>() : EndsOf(*record);
    const std::span<const Pair> pairs = table_.PairsOf(node);
    for (const Pair& pair : std::vector<Pair>(pairs.begin(), pairs.end())) {
      if (ends.empty() || !record->Allows(pair.first == node ? pair.second : pair.first)) {
        table_.EndPair(pair);
        continue;
      }
      for (const uint32_t id : std::vector<uint32_t>(table_.FindPair(pair)->channels)) {
        const Channel& channel = *table_.Find(id);
        const uint16_t port = channel.ends[channel.ends[0].node == node ? 0 : 1].port;
        if (std::none_of(ends.begin(), ends.end(),
                         [&](const auto& end) { return end.port == port; }))
          table_.End(id);
      }
    }
  });
}

void Relay::EndUnless(absl::FunctionRef<bool(const wire::PublicKey&)> admitted) {
  table_.EndIf([&](const Channel& channel) {
    return !admitted(channel.ends[0].key) || !admitted(channel.ends[1].key);
  });
}

// --- The other node is told. ---

// Whether the node has bound all channels of the pair.
bool Relay::HasBound(const Pair& pair, const KeyId& node) {
  const ChannelTable::PairState* const state = table_.FindPair(pair);
  return state == nullptr ||
         std::all_of(state->channels.begin(), state->channels.end(), [&](uint32_t id) {
           const Channel& channel = *table_.Find(id);
           return channel.ends[channel.ends[0].node == node ? 0 : 1].bound();
         });
}

void Relay::BeginTelling(Instant now, const Pair& pair, const KeyId& to, bool fresh) {
  if (HasBound(pair, to)) return;
  const auto known = tellings_.find(pair);
  if (known == tellings_.end() && tellings_.size() >= kRelayPairsTold) return;
  Instant begin = now;
  if (known != tellings_.end()) {
    const Instant last = known->second.began;
    if (last > now) return;  // it will be told of what there is then
    begin = std::max(now, last + (fresh ? kRelayTellOthers : kRelayTellAnew));
    if (!fresh && now < begin) return;
  }
  Telling& telling = tellings_[pair];
  telling.to = to;
  telling.attempt = 0;
  telling.began = begin;
  SetNext(pair, telling, begin);
}

void Relay::SetNext(const Pair& pair, Telling& telling, Instant next) {
  next_tellings_.erase({telling.next, pair});
  telling.next = next;
  next_tellings_.insert({next, pair});
}

void Relay::Tell(const Pair& pair, const Telling& telling) {
  store_.GetHere(telling.to, [this, pair, telling](Instant, const Record* record) {
    const ChannelTable::PairState* const state = table_.FindPair(pair);
    if (record == nullptr || !record->live() || HasBound(pair, telling.to)) return;
    // By another of its ports each time, because one of its links may be dead.
    std::vector<const StoredRegistration*> live;
    record->ForEach([&](const StoredRegistration& registration) {
      if (registration.live()) live.push_back(&registration);
    });
    const StoredRegistration& at = *live[static_cast<size_t>(telling.attempt) % live.size()];
    const Channel& channel = *table_.Find(state->channels.front());
    MapRelayed message = Relayed(channel.ends[channel.ends[0].node == telling.to ? 1 : 0].key);
    message.channels = ChannelsOf(pair, telling.to);
    outgoing_.push_back({record->key(), at.observed, at.local_address, std::move(message)});
  });
}

// --- Time. ---

Instant Relay::NextTimeout() const {
  return next_tellings_.empty() ? table_.NextExpiry()
                                : std::min(table_.NextExpiry(), next_tellings_.begin()->first);
}

void Relay::HandleTimeout(Instant now) {
  table_.Expire(now);
  while (!next_tellings_.empty() && next_tellings_.begin()->first <= now) {
    const Pair pair = next_tellings_.begin()->second;
    Telling& telling = tellings_.at(pair);
    if (telling.attempt == kRelayTellings) {
      next_tellings_.erase(next_tellings_.begin());
      tellings_.erase(pair);
      continue;
    }
    Tell(pair, telling);
    const auto wait = kRelayTellAgain * (int64_t{1} << telling.attempt);
    // Where a telling takes longer than that, it is forgotten as soon as it is over.
    SetNext(pair, telling,
            ++telling.attempt < kRelayTellings ? now + wait
                                               : std::max(now, telling.began + kRelayTellAnew));
  }
}

std::optional<Outgoing> Relay::NextOutgoing() {
  if (outgoing_.empty()) return std::nullopt;
  Outgoing front = std::move(outgoing_.front());
  outgoing_.pop_front();
  return front;
}

Relay::Counts Relay::counts() const {
  Counts counts = counts_;
  counts.on = on();
  counts.ports = table_.ports();
  counts.pairs = table_.active_pairs();
  counts.channels = table_.size();
  counts.open = table_.open();
  return counts;
}

}  // namespace warp::map
