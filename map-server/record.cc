#include "map-server/record.h"

#include <algorithm>

namespace warp::map {

bool Record::Allows(const KeyId& id) const {
  const std::span<const KeyTag> tags = allow();
  return std::binary_search(tags.begin(), tags.end(), TagOf(id));
}

void Record::ForEach(absl::FunctionRef<void(const StoredRegistration&)> see) const {
  for (Id id = stored_.first; id != kNoId; id = registrations_[id].next) see(registrations_[id]);
}

bool Record::live() const {
  bool live = false;
  ForEach([&](const StoredRegistration& r) { live = live || r.live(); });
  return live;
}

std::vector<wire::IpAddress> Record::Observed() const {
  std::vector<wire::IpAddress> observed;
  ForEach([&](const StoredRegistration& r) {
    if (r.live()) observed.push_back(r.observed.address);
  });
  return observed;
}

bool Record::SharesSite(std::span<const wire::IpAddress> reader) const {
  bool shares = false;
  ForEach([&](const StoredRegistration& r) {
    shares = shares || (r.live() && std::any_of(reader.begin(), reader.end(), [&](const auto& a) {
                          return SameSite(r.observed.address, a);
                        }));
  });
  return shares;
}

std::vector<wire::Endpoint> Record::Endpoints(std::span<const wire::IpAddress> reader) const {
  std::vector<wire::Endpoint> endpoints;
  const auto add = [&endpoints](const wire::Endpoint& endpoint) {
    if (endpoints.size() == protocol::kMapMaxEndpoints) return;
    if (std::find(endpoints.begin(), endpoints.end(), endpoint) == endpoints.end())
      endpoints.push_back(endpoint);
  };
  ForEach([&](const StoredRegistration& r) {
    if (r.live() && r.reachable()) add(r.observed);
  });
  const std::vector<wire::IpAddress> observed = Observed();
  const bool same_site = SharesSite(reader);
  const auto tell = [&](const wire::IpAddress& address) {
    return same_site || !IsPrivate(address) ||
           std::find(observed.begin(), observed.end(), address) != observed.end();
  };
  ForEach([&](const StoredRegistration& r) {
    if (!r.live()) return;
    for (const wire::Endpoint& candidate : r.candidates.Unpack()) {
      if (tell(candidate.address)) add(candidate);
    }
  });
  return endpoints;
}

bool Record::Verified(uint16_t port, const wire::Endpoint& from, LocalAddressId to) const {
  bool verified = false;
  ForEach([&](const StoredRegistration& r) {
    verified = verified || (r.port == port && r.live() && r.observed == from &&
                            IsStream(r.local_address) == IsStream(to));
  });
  return verified;
}

}  // namespace warp::map
