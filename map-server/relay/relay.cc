#include "map-server/relay/relay.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace warp::map {

using protocol::BindState;
using protocol::MapBind;
using protocol::MapBound;
using protocol::MapRelay;
using protocol::MapRelayed;
using protocol::RelayState;
using wire::Drop;

namespace {

uint16_t Seconds(Duration duration) {
  return static_cast<uint16_t>(
      std::clamp<int64_t>(duration / std::chrono::seconds(1), 1, UINT16_MAX));
}
uint16_t Milliseconds(Duration duration) {
  return static_cast<uint16_t>(
      std::clamp<int64_t>(duration / std::chrono::milliseconds(1), 1, UINT16_MAX));
}

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

void Relay::SetTerms(const RelayTerms& terms, uint16_t first_port, uint16_t ports) {
  terms_ = terms;
  table_.SetPorts(first_port, ports);
}

void Relay::SetLifetime(Duration lifetime) {
  lifetime_ = lifetime;
  challenger_.SetPeriod(lifetime);
}

// --- A node asks for channels. ---

void Relay::Handle(Instant, const Origin& origin, const MapRelay& message) {
  store_.GetHere(origin.id, [this, origin, message](Instant, const Record* asker) {
    if (asker == nullptr || !asker->Verified(message.port, origin.from)) {
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
  const bool allowed = on() && !asker.empty() && other != nullptr && other->live() &&
                       other->Allows(origin.id);
  if (allowed) {
    const KeyId peer = KeyId::Of(message.key);
    const Pair pair = ChannelTable::PairOf(origin.id, peer);
    const size_t before = ChannelsOf(pair, origin.id).size();
    std::vector<ChannelEnd> a = asker, b = EndsOf(*other);
    for (ChannelEnd& end : a) end.needed = true;
    // In the order of the ids, so that it does not matter who asks.
    if (origin.id < peer) {
      MakeChannels(now, a, b);
    } else {
      MakeChannels(now, b, a);
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

void Relay::MakeChannels(Instant now, const std::vector<ChannelEnd>& a,
                         const std::vector<ChannelEnd>& b) {
  if (a.empty() || b.empty()) return;
  const Pair pair = ChannelTable::PairOf(a.front().node, b.front().node);
  ChannelTable::PairState* state = table_.FindPair(pair);
  if (state != nullptr && state->allowance.exhausted(now, terms_)) {
    ++counts_.refused_bytes;
    return EndPair(pair);
  }
  if ((state == nullptr || state->channels.empty()) && table_.active_pairs() >= terms_.pairs) {
    ++counts_.refused_pairs;
    return;
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
    if (table_.Make(a[i], b[j], now + kRelayBeginning) != nullptr) {
      there.push_back(ports);
    } else {
      lacked = true;
    }
  }
  if (lacked) ++counts_.refused_channels;
}

MapRelayed Relay::Relayed(const wire::PublicKey& about) const {
  return {.request = 0, .key = about, .lifetime_s = Seconds(lifetime_)};
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

void Relay::EndPair(const Pair& pair) {
  const ChannelTable::PairState* const state = table_.FindPair(pair);
  if (state == nullptr) return;
  for (const uint32_t id : std::vector<uint32_t>(state->channels)) table_.End(id);
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
  const auto [it, first] = tellings_.try_emplace(pair);
  Telling& telling = it->second;
  if (!first && !fresh && now < telling.began + kRelayTellAnew) return;
  telling = {.to = to, .attempt = 0, .due = now, .began = now};
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

// --- A node binds its end. ---

void Relay::Handle(Instant now, const Origin& origin, uint16_t udp_port, const MapBind& message) {
  const Channel* const channel = table_.Find(message.channel);
  const auto is_own = [&](const ChannelEnd& end) {
    return end.node == origin.id && end.port == message.port;
  };
  // Of what is not the node's own it learns no more than of what is not there.
  if (channel == nullptr || channel->udp_port != udp_port ||
      std::none_of(channel->ends.begin(), channel->ends.end(), is_own)) {
    outgoing_.push_back({origin.key, origin.from, origin.local_address,
                         Bound(now, origin, message.channel, message.port, BindState::kEnded)});
    return;
  }
  if (!challenger_.Verify(now, origin.id, message.port, origin.from, message.echo)) {
    outgoing_.push_back({origin.key, origin.from, origin.local_address,
                         Bound(now, origin, message.channel, message.port, BindState::kEcho)});
    return;
  }
  const ChannelEnd& own = *std::find_if(channel->ends.begin(), channel->ends.end(), is_own);
  const ChannelEnd& other = channel->ends[&own == &channel->ends[0] ? 1 : 0];
  if (message.order <= own.order) {
    drops_.Add(Drop::kTooOld);  // somebody may have held it back
    return;
  }
  // What was allowed when the channel was made may have ended since.
  store_.GetHere(origin.id, [this, origin, message, peer = other.node](Instant,
                                                                       const Record* record) {
    const bool allows = record != nullptr && record->live() && record->Allows(peer);
    store_.GetHere(peer, [this, origin, message, allows](Instant then, const Record* found) {
      const bool allowed = found != nullptr && found->live() && found->Allows(origin.id);
      Apply(then, origin, message, allows && allowed);
    });
  });
}

void Relay::Apply(Instant now, const Origin& origin, const MapBind& message, bool allowed) {
  const auto reply = [&](BindState state) {
    outgoing_.push_back({origin.key, origin.from, origin.local_address,
                         Bound(now, origin, message.channel, message.port, state)});
  };
  Channel* const channel = table_.Find(message.channel);
  if (channel == nullptr) return reply(BindState::kEnded);
  const size_t end = channel->ends[0].node == origin.id ? 0 : 1;
  ChannelEnd& own = channel->ends[end];
  ChannelEnd& other = channel->ends[1 - end];
  if (message.order <= own.order) {
    drops_.Add(Drop::kTooOld);
    return;
  }
  own.order = message.order;
  own.needed = message.needed;
  const Pair pair = ChannelTable::PairOf(own.node, other.node);
  if (!allowed || table_.FindPair(pair)->allowance.exhausted(now, terms_)) {
    if (!allowed) drops_.Add(Drop::kNotAuthorized);
    EndPair(pair);
    return reply(BindState::kEnded);
  }
  if (!own.needed && !other.needed) {
    table_.End(message.channel);
    return reply(BindState::kEnded);
  }
  const bool was_open = channel->open();
  table_.Bind(*channel, end, origin.from, origin.local_address);
  own.expires = now + lifetime_;
  reply(channel->open() ? BindState::kOpen : BindState::kHalf);
  if (was_open || !channel->open()) return;
  // The other end waits for this.
  const Origin there{other.key, other.node, other.at, other.local_address};
  outgoing_.push_back({other.key, other.at, other.local_address,
                       Bound(now, there, channel->id, other.port, BindState::kOpen)});
}

MapBound Relay::Bound(Instant now, const Origin& origin, uint32_t channel, uint16_t port,
                      BindState state) {
  const Duration refresh = state == BindState::kHalf
                               ? Duration(kRelayHalfRefresh)
                               : std::min<Duration>(protocol::kMapRefresh,
                                                    lifetime_ / protocol::kMapRefreshesPerLifetime);
  return {.channel = channel,
          .port = port,
          .state = state,
          .challenge = challenger_.Issue(now, origin.id, port, origin.from),
          .lifetime_s = Seconds(lifetime_),
          .refresh_ms = Milliseconds(refresh)};
}

// --- What nodes send each other. ---

std::optional<Relay::Target> Relay::Forward(Instant now, uint16_t udp_port,
                                            const wire::Endpoint& from, size_t size) {
  const auto found = table_.FindBound(udp_port, from);
  if (!found.has_value() || !found->first->ends[1 - found->second].bound()) {
    ++counts_.dropped_unbound;
    return std::nullopt;
  }
  const auto& [channel, end] = *found;
  const ChannelEnd& to = channel->ends[1 - end];
  ChannelTable::PairState* const pair =
      table_.FindPair(ChannelTable::PairOf(channel->ends[0].node, channel->ends[1].node));
  switch (pair->allowance.Take(now, terms_, size)) {
    case PairAllowance::Verdict::kTooFast:
      ++counts_.dropped_rate;
      return std::nullopt;
    case PairAllowance::Verdict::kUsedUp:
      ++counts_.dropped_bytes;
      return std::nullopt;
    case PairAllowance::Verdict::kTaken:
      break;
  }
  ++counts_.datagrams;
  counts_.bytes += size;
  return Target{to.at, to.local_address};
}

// --- Time. ---

Instant Relay::NextTimeout() const {
  Instant next = table_.NextExpiry();
  for (const auto& [pair, telling] : tellings_)
    next = std::min(next, telling.due == wire::kNever ? telling.began + kRelayTellAnew : telling.due);
  return next;
}

void Relay::HandleTimeout(Instant now) {
  table_.Expire(now);
  for (auto it = tellings_.begin(); it != tellings_.end();) {
    auto& [pair, telling] = *it;
    if (telling.due <= now) {
      Tell(pair, telling);
      telling.due = ++telling.attempt >= kRelayTellings
                        ? wire::kNever
                        : now + kRelayTellAgain * (int64_t{1} << (telling.attempt - 1));
    }
    const bool over = telling.due == wire::kNever && now >= telling.began + kRelayTellAnew;
    it = over ? tellings_.erase(it) : std::next(it);
  }
}

std::optional<Outgoing> Relay::NextOutgoing() {
  if (outgoing_.empty()) return std::nullopt;
  Outgoing front = std::move(outgoing_.front());
  outgoing_.pop_front();
  return front;
}

void Relay::Forget(const KeyId& id) { table_.EndOf(id); }

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
