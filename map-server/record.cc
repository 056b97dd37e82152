#include "map-server/record.h"

#include <algorithm>
#include <cassert>
#include <functional>

namespace warp::map {

bool Record::Allows(const KeyId& id) const {
  const std::span<const KeyId> ids = allow();
  return std::binary_search(ids.begin(), ids.end(), id);
}

void Record::SetAllow(const AllowDigest& digest, std::span<const KeyId> ids) {
  assert(std::adjacent_find(ids.begin(), ids.end(), std::greater_equal<>()) == ids.end());
  digest_ = digest;
  allow_count_ = static_cast<uint32_t>(ids.size());
  allow_ = ids.empty() ? nullptr : std::make_unique<KeyId[]>(ids.size());
  std::copy(ids.begin(), ids.end(), allow_.get());
}

bool Record::live() const {
  return std::any_of(registrations_.begin(), registrations_.end(),
                     [](const auto& r) { return r->live(); });
}

std::vector<wire::IpAddress> Record::Observed() const {
  std::vector<wire::IpAddress> observed;
  for (const auto& registration : registrations_) {
    if (registration->live()) observed.push_back(registration->observed.address);
  }
  return observed;
}

bool Record::SharesSite(std::span<const wire::IpAddress> reader) const {
  return std::any_of(registrations_.begin(), registrations_.end(), [&](const auto& r) {
    return r->live() && std::any_of(reader.begin(), reader.end(), [&](const auto& address) {
             return SameSite(r->observed.address, address);
           });
  });
}

std::vector<wire::Endpoint> Record::Endpoints(std::span<const wire::IpAddress> reader) const {
  std::vector<wire::Endpoint> endpoints;
  const auto add = [&endpoints](const wire::Endpoint& endpoint) {
    if (endpoints.size() == protocol::kMapMaxEndpoints) return;
    if (std::find(endpoints.begin(), endpoints.end(), endpoint) == endpoints.end())
      endpoints.push_back(endpoint);
  };
  for (const auto& registration : registrations_) {
    if (registration->live()) add(registration->observed);
  }
  const std::vector<wire::IpAddress> observed = Observed();
  const bool same_site = SharesSite(reader);
  const auto tell = [&](const wire::IpAddress& address) {
    return same_site || !IsPrivate(address) ||
           std::find(observed.begin(), observed.end(), address) != observed.end();
  };
  for (const auto& registration : registrations_) {
    if (!registration->live()) continue;
    for (const wire::Endpoint& candidate : registration->Candidates()) {
      if (tell(candidate.address)) add(candidate);
    }
  }
  return endpoints;
}

bool Record::Verified(uint16_t port, const wire::Endpoint& from) const {
  return std::any_of(registrations_.begin(), registrations_.end(), [&](const auto& r) {
    return r->port == port && r->live() && r->observed == from;
  });
}

}  // namespace warp::map
