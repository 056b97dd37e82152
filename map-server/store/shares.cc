#include "map-server/store/shares.h"

#include <cassert>

#include "map-server/constants.h"

namespace warp::map {

int64_t Shares::Share::excess() const {
  return static_cast<int64_t>(allow) - static_cast<int64_t>(kAllowPerRegistration * places.size());
}

template <typename Change>
void Shares::Update(Network network, const Change& change) {
  Share& share = shares_[network];
  if (!share.empty()) {
    by_registrations_.erase({share.places.size(), network});
    by_excess_.erase({share.excess(), network});
  }
  change(share);
  if (share.empty()) {
    shares_.erase(network);
    return;
  }
  by_registrations_.emplace(share.places.size(), network);
  by_excess_.emplace(share.excess(), network);
}

void Shares::Add(Record* record, Registration* registration) {
  Update(NetworkOf(registration->observed.address), [&](Share& share) {
    registration->share = static_cast<uint32_t>(share.places.size());
    share.places.push_back({record, registration});
  });
  ++registrations_;
}

void Shares::Remove(Registration* registration) {
  Update(NetworkOf(registration->observed.address), [&](Share& share) {
    assert(share.places.at(registration->share).registration == registration);
    share.places[registration->share] = share.places.back();
    share.places[registration->share].registration->share = registration->share;
    share.places.pop_back();
  });
  assert(registrations_ > 0);
  --registrations_;
}

void Shares::AddList(Record* record) {
  if (record->allow().empty()) return;
  const Network network = NetworkOf(record->registrations().front()->observed.address);
  Update(network, [&](Share& share) {
    record->allow_share() = {network, static_cast<uint32_t>(share.lists.size())};
    share.lists.push_back(record);
    share.allow += record->allow().size();
  });
  allow_ += record->allow().size();
}

void Shares::RemoveList(Record* record) {
  if (record->allow().empty()) return;
  const auto [network, place] = record->allow_share();
  Update(network, [&, place = place](Share& share) {
    assert(share.lists.at(place) == record && share.allow >= record->allow().size());
    share.lists[place] = share.lists.back();
    share.lists[place]->allow_share().place = place;
    share.lists.pop_back();
    share.allow -= record->allow().size();
  });
  assert(allow_ >= record->allow().size());
  allow_ -= record->allow().size();
}

std::optional<Shares::Place> Shares::Heaviest(Network newcomer) const {
  if (by_registrations_.empty()) return std::nullopt;
  const auto& [most, network] = *by_registrations_.rbegin();
  const auto own = shares_.find(newcomer);
  const size_t then = (own == shares_.end() ? 0 : own->second.places.size()) + 1;
  if (most <= then) return std::nullopt;
  return shares_.at(network).places.back();
}

Record* Shares::LargestExcess(Network newcomer, size_t ids) const {
  const auto own = shares_.find(newcomer);
  const int64_t then =
      static_cast<int64_t>(ids) + (own == shares_.end() ? 0 : own->second.excess());
  // A share can be in excess only by a list.
  for (auto it = by_excess_.rbegin(); it != by_excess_.rend() && it->first > then; ++it) {
    const Share& share = shares_.at(it->second);
    if (it->second != newcomer && !share.lists.empty()) return share.lists.back();
  }
  return nullptr;
}

}  // namespace warp::map
