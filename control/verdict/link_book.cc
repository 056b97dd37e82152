#include "control/verdict/link_book.h"

#include <algorithm>
#include <utility>

namespace warp::verdict {
namespace {

// The workers count control messages among what came first, which say nothing of what applications get.
LinkTotals Read(const lcore::PathCounters& counters, uint64_t control) {
  const uint64_t first = counters.rx_first.Get();
  return {.first = first - std::min(first, control),
          .duplicates = counters.rx_duplicate.Get(),
          .rx_bytes = counters.rx_bytes.Get(),
          .tx_packets = counters.tx_copies.Get(),
          .tx_bytes = counters.tx_bytes.Get(),
          .skew = counters.skew.Get()};
}

}  // namespace

// A set that did not move since the last look has no copies under way: what is not paired now stays alone.
uint64_t LinkBook::Path::SoleOf(const lcore::PathCounters& counters) {
  for (size_t set = 0; set < sampled.size(); ++set) {
    const uint64_t paired = counters.sampled_paired[set].Get();
    const uint64_t now = counters.sampled_first[set].Get();
    if (std::exchange(sampled[set], now) == now) sole[set] = now - std::min(now, paired);
  }
  return lcore::kFirstSampling * (sole[0] + sole[1]);
}

void LinkBook::Look(const protocol::PeerStatus& status, PortNameFunction port_name,
                    CountersFunction counters_of) {
  ++looks_;
  Peer& peer = peers_[status.id];
  auto before = std::exchange(peer.paths, {});
  for (const protocol::PathStatus& path_status : status.paths) {
    Path path;
    if (const auto known = before.find(path_status.id); known != before.end()) {
      path = std::move(known->second);
    }
    if (path.port.empty()) path.port = port_name(path_status.port);
    const lcore::PathCounters* const counters = counters_of(path_status.id);
    if (counters != nullptr && !path.port.empty()) {
      seen_[path.port] = looks_;
      LinkTotals now = Read(*counters, path_status.control);
      now.sole = path.SoleOf(*counters);
      const LinkTotals added = now.Since(path.counted);
      path.counted.Raise(now);
      peer.links[path.port] += added;
      all_[path.port] += added;
    }
    peer.paths.emplace(path_status.id, std::move(path));
  }
  while (all_.size() > kMostLinks) ForgetOldest();
}

void LinkBook::ForgetOldest() {
  const auto oldest = std::min_element(
      seen_.begin(), seen_.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  for (auto& [id, peer] : peers_) peer.links.erase(oldest->first);
  all_.erase(oldest->first);
  seen_.erase(oldest);
}

const LinkBook::Links& LinkBook::Of(wire::PeerId peer) const {
  static const Links* const none = new Links();
  const auto found = peers_.find(peer);
  return found == peers_.end() ? *none : found->second.links;
}

}  // namespace warp::verdict
