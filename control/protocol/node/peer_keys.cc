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

void Peer::SetRelayed(Instant now, uint32_t map, const wire::PublicKey& key,
                      std::span<const Route> endpoints) {
  const auto* const entry = association_.keys().remotes().Find(key);
  if (entry == nullptr) return;
  std::vector<Route> acceptable;
  for (const Route& route : endpoints) {
    if (AcceptableEndpoint(route.remote, context_.allow_loopback) && !IsOwn(route.remote))
      acceptable.push_back(route);
  }
  book_.ReplaceRelayed(
      now, MapInstance{map, entry->number}.instance(), acceptable,
      [this](const wire::Endpoint& endpoint) { return paths_.IsActive(endpoint); });
  Reconcile(now);
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
  bool any = false;
  for (const EndpointSource source : {EndpointSource::kMap, EndpointSource::kRelay}) {
    any |= book_.Withdraw(
        source, [which](uint64_t instance) { return which(MapInstance::Of(instance)); },
        [this](const wire::Endpoint& endpoint) { return paths_.IsActive(endpoint); });
  }
  if (any) Reconcile(now);
}

// A key that comes back is the same one in another reign, and has another number.
void Peer::SetKey(Instant now, const wire::PublicKey& key, Replaced replaced) {
  const auto& remotes = association_.keys().remotes();
  const std::vector<KeySuccession<wire::PublicKey>::Entry> before = remotes.entries();
  association_.SetRemote(now, key, replaced);
  const auto renumber = [&](uint64_t instance) {
    MapInstance of = MapInstance::Of(instance);
    const auto was = std::find_if(before.begin(), before.end(), [&of](const auto& entry) {
      return entry.number == of.key_number;
    });
    const auto* const is = was == before.end() ? nullptr : remotes.Find(was->key);
    if (is != nullptr) of.key_number = is->number;
    return of.instance();
  };
  book_.Renumber(EndpointSource::kMap, renumber);
  book_.Renumber(EndpointSource::kRelay, renumber);
  ForgetOldKeys(now);
}

}  // namespace warp::protocol
