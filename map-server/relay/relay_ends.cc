// The ends of channels: nodes bind them, and send through them. The rest of the relay is in relay.cc.
#include <algorithm>
#include <chrono>

#include "map-server/relay/relay.h"

namespace warp::map {

using protocol::BindState;
using protocol::MapBind;
using protocol::MapBound;
using wire::Drop;

namespace {

uint16_t Milliseconds(Duration duration) {
  return static_cast<uint16_t>(
      std::clamp<int64_t>(duration / std::chrono::milliseconds(1), 1, UINT16_MAX));
}

}  // namespace

uint16_t Relay::LifetimeSeconds() const {
  return static_cast<uint16_t>(
      std::clamp<int64_t>(lifetime_ / std::chrono::seconds(1), 1, UINT16_MAX));
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
  if (!challenger_.Verify(now, origin, message.port, message.echo)) {
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
  store_.GetHere(
      origin.id, [this, origin, message, peer = other.node](Instant, const Record* record) {
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
  const size_t end = channel != nullptr && channel->ends[0].node == origin.id ? 0 : 1;
  // It may have ended while the store was asked.
  if (channel == nullptr || channel->ends[end].node != origin.id ||
      channel->ends[end].port != message.port)
    return reply(BindState::kEnded);
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
    table_.EndPair(pair);
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
          .challenge = challenger_.Issue(now, origin, port),
          .lifetime_s = LifetimeSeconds(),
          .refresh_ms = Milliseconds(refresh)};
}

// --- What nodes send each other. ---

std::optional<Relay::Target> Relay::Forward(Instant now, uint16_t udp_port,
                                            const wire::Arrival& arrival, size_t size) {
  const auto found = table_.FindBound(udp_port, arrival.from, arrival.port);
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

}  // namespace warp::map
