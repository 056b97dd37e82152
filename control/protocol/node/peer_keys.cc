// What changes with the keys of a peer: they follow each other, and maps say something of each.
#include <algorithm>
#include <utility>
#include <vector>

#include "control/protocol/node/peer.h"

namespace warp::protocol {

void Peer::SetFound(Instant now, uint32_t map, const wire::PublicKey& key,
                    std::span<const wire::Endpoint> endpoints) {
  const auto* const entry = association_.keys().remotes().Find(key);
  if (entry == nullptr) return;
  const MapInstance instance{map, entry->number};
  SetEndpoints(now, EndpointSource::kMap, instance.instance(), endpoints);
}

void Peer::ForgetMap(Instant now, uint32_t map) {
  Withdraw(now, [map](const MapInstance& instance) { return instance.map == map; });
}

void Peer::ForgetOldKeys(Instant now) {
  const auto& remotes = association_.keys().remotes();
  Withdraw(now, [&remotes](const MapInstance& instance) {
    return remotes.Find(instance.key_number) == nullptr;
  });
}

void Peer::Withdraw(Instant now, absl::FunctionRef<bool(const MapInstance&)> which) {
  const bool any = book_.Withdraw(
      EndpointSource::kMap, [which](uint64_t instance) { return which(MapInstance::Of(instance)); },
      [this](const wire::Endpoint& endpoint) { return paths_.IsActive(endpoint); });
  if (any) Reconcile(now);
}

// A key that comes back is the same one in another reign, and has another number.
void Peer::SetKey(Instant now, const wire::PublicKey& key, Replaced replaced) {
  const auto& remotes = association_.keys().remotes();
  const std::vector<KeySuccession<wire::PublicKey>::Entry> before = remotes.entries();
  association_.SetRemote(now, key, replaced);
  book_.Renumber(EndpointSource::kMap, [&](uint64_t instance) {
    MapInstance of = MapInstance::Of(instance);
    const auto was = std::find_if(before.begin(), before.end(), [&of](const auto& entry) {
      return entry.number == of.key_number;
    });
    const auto* const is = was == before.end() ? nullptr : remotes.Find(was->key);
    if (is != nullptr) of.key_number = is->number;
    return of.instance();
  });
  ForgetOldKeys(now);
}

}  // namespace warp::protocol
