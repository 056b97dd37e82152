#include "map-server/relay/channel_table.h"

#include <sodium.h>

#include <algorithm>
#include <cassert>

namespace warp::map {

void ChannelTable::SetPorts(uint16_t first, uint16_t count) {
  first_port_ = first;
  ports_ = count;
  turn_ = count == 0 ? uint16_t{0} : static_cast<uint16_t>(randombytes_uniform(count));
  EndIf([&](const Channel& channel) {
    return channel.udp_port < first || channel.udp_port - first >= count;
  });
}

Channel* ChannelTable::Make(const ChannelEnd& a, const ChannelEnd& b, Network network,
                            Instant expires) {
  for (uint16_t i = 0; i < ports_; ++i) {
    const auto udp_port = static_cast<uint16_t>(first_port_ + (turn_ + i) % ports_);
    if (uses_.contains(UseOf(a, udp_port)) || uses_.contains(UseOf(b, udp_port))) continue;
    turn_ = static_cast<uint16_t>((turn_ + i + 1) % ports_);
    uint32_t id = 0;
    while (id == 0 || channels_.contains(id)) id = randombytes_random();
    Channel& channel = channels_[id];
    channel = {.id = id, .udp_port = udp_port, .ends = {a, b}};
    for (ChannelEnd& end : channel.ends) {
      end.expires = expires;
      uses_.insert(UseOf(end, udp_port));
    }
    const Pair of = PairOf(a.node, b.node);
    if (pairs_.size() >= kRelayPairsRemembered && !pairs_.contains(of)) ForgetAPair();
    PairState& pair = pairs_[of];
    if (pair.channels.empty()) {
      pair.network = network;
      NoteActive(of, network);
    }
    pair.channels.push_back(id);
    next_expiry_ = std::min(next_expiry_, expires);
    return &channel;
  }
  return nullptr;
}

void ChannelTable::ForgetAPair() {
  const auto idle = std::find_if(pairs_.begin(), pairs_.end(),
                                 [](const auto& entry) { return entry.second.channels.empty(); });
  if (idle != pairs_.end()) pairs_.erase(idle);
}

void ChannelTable::NoteActive(const Pair& pair, Network network) {
  ++active_pairs_;
  by_network_[network].push_back(pair);
  by_node_[pair.first].push_back(pair);
  by_node_[pair.second].push_back(pair);
}

void ChannelTable::NoteIdle(const Pair& pair, Network network) {
  --active_pairs_;
  const auto remove = [&pair](auto& lists, const auto& of) {
    const auto list = lists.find(of);
    std::erase(list->second, pair);
    if (list->second.empty()) lists.erase(list);
  };
  remove(by_network_, network);
  remove(by_node_, pair.first);
  remove(by_node_, pair.second);
}

std::span<const ChannelTable::Pair> ChannelTable::PairsOf(const KeyId& node) const {
  const auto it = by_node_.find(node);
  return it == by_node_.end() ? std::span<const Pair>() : it->second;
}

void ChannelTable::Unbind(Channel& channel, size_t end) {
  ChannelEnd& unbound = channel.ends[end];
  if (unbound.bound())
    bound_.erase(BoundAt{channel.udp_port, unbound.at, IsStream(unbound.local_address)});
  unbound.at = {};
}

void ChannelTable::End(uint32_t id) {
  const auto it = channels_.find(id);
  if (it == channels_.end()) return;
  Channel& channel = it->second;
  for (size_t end = 0; end < 2; ++end) {
    Unbind(channel, end);
    uses_.erase(UseOf(channel.ends[end], channel.udp_port));
  }
  const auto pair = pairs_.find(PairOf(channel.ends[0].node, channel.ends[1].node));
  assert(pair != pairs_.end());
  std::erase(pair->second.channels, id);
  // What the pair has used stays known until its day is over.
  if (pair->second.channels.empty()) {
    NoteIdle(pair->first, pair->second.network);
    if (pair->second.allowance.used() == 0) pairs_.erase(pair);
  }
  channels_.erase(it);
}

std::optional<ChannelTable::Pair> ChannelTable::Victim(Network network) const {
  const auto own = by_network_.find(network);
  const size_t owned = own == by_network_.end() ? 0 : own->second.size();
  const auto most = std::max_element(
      by_network_.begin(), by_network_.end(),
      [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
  if (most == by_network_.end() || most->second.size() <= owned + 1) return std::nullopt;
  return most->second.back();
}

void ChannelTable::EndPair(const Pair& pair) {
  const PairState* const state = FindPair(pair);
  if (state == nullptr) return;
  for (const uint32_t id : std::vector<uint32_t>(state->channels)) End(id);
}

void ChannelTable::EndOf(const KeyId& node) {
  const std::span<const Pair> pairs = PairsOf(node);
  for (const Pair& pair : std::vector<Pair>(pairs.begin(), pairs.end())) EndPair(pair);
}

void ChannelTable::EndIf(absl::FunctionRef<bool(const Channel&)> which) {
  std::vector<uint32_t> ended;
  for (const auto& [id, channel] : channels_) {
    if (which(channel)) ended.push_back(id);
  }
  for (const uint32_t id : ended) End(id);
}

std::optional<std::pair<Channel*, size_t>> ChannelTable::FindBound(uint16_t udp_port,
                                                                   const wire::Endpoint& at,
                                                                   LocalAddressId local_address) {
  const auto it = bound_.find(BoundAt{udp_port, at, IsStream(local_address)});
  if (it == bound_.end()) return std::nullopt;
  return std::pair(Find(it->second.first), it->second.second);
}

void ChannelTable::Bind(Channel& channel, size_t end, const wire::Endpoint& at,
                        LocalAddressId local_address) {
  const auto there = FindBound(channel.udp_port, at, local_address);
  if (there.has_value()) Unbind(*there->first, there->second);
  Unbind(channel, end);
  channel.ends[end].at = at;
  channel.ends[end].local_address = local_address;
  bound_[BoundAt{channel.udp_port, at, IsStream(local_address)}] = {channel.id, end};
}

void ChannelTable::Expire(Instant now) {
  if (now < next_expiry_) return;
  next_expiry_ = wire::kNever;
  std::vector<uint32_t> ended;
  for (const auto& [id, channel] : channels_) {
    const Instant expires = std::min(channel.ends[0].expires, channel.ends[1].expires);
    if (expires <= now) {
      ended.push_back(id);
    } else {
      next_expiry_ = std::min(next_expiry_, expires);
    }
  }
  next_expiry_ = std::max(next_expiry_, now + kRelayExpiryInterval);
  for (const uint32_t id : ended) End(id);
  absl::erase_if(pairs_, [now](const auto& entry) {
    return entry.second.channels.empty() && entry.second.allowance.over(now);
  });
}

size_t ChannelTable::open() const {
  return static_cast<size_t>(std::count_if(channels_.begin(), channels_.end(),
                                           [](const auto& c) { return c.second.open(); }));
}

}  // namespace warp::map
