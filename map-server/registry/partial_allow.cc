#include "map-server/registry/partial_allow.h"

#include <algorithm>
#include <cassert>
#include <functional>

#include "map-server/constants.h"

namespace warp::map {

using protocol::kMapAllowPart;

bool PartialAllow::Begin(Instant now, const KeyId& id, Network network, const AllowDigest& digest,
                         Order order) {
  if (const auto it = lists_.find(id); it != lists_.end()) {
    List& list = it->second;
    if (order < list.order) return false;
    list.order = order;
    if (list.digest == digest) return true;
    // Another list takes the place and the deadline of the one before, so that nobody keeps a place by changing lists.
    list.digest = digest;
    list.ids = {};
    list.parts = {};
    return true;
  }
  lists_.emplace(id, List{digest, order, now, network, {}, {}});
  begun_.emplace(now, id);
  ChangeNetwork(network, [&](Begun& begun) { begun.emplace(now, id); });
  if (lists_.size() > limits_.lists) {
    const Network most = std::get<2>(*networks_.rbegin());
    Erase(lists_.find(by_network_.at(most).begin()->second));
  }
  return true;
}

PartialAllow::Verdict PartialAllow::Take(const KeyId& id, const protocol::MapAllow& part,
                                         std::vector<KeyId>* list) {
  // What DecodeMapMessage promises of every part.
  assert(part.first % kMapAllowPart == 0 && !part.ids.empty());
  assert(part.first + part.ids.size() <= part.total);
  const auto it = lists_.find(id);
  if (it == lists_.end() || it->second.digest != part.digest) return Verdict::kUnwanted;
  List& stored = it->second;
  if (part.total > limits_.list_ids) {
    Erase(it);
    return Verdict::kTooLong;
  }
  if (stored.ids.size() != part.total) {
    stored.ids.assign(part.total, KeyId());
    stored.parts.assign((part.total + kMapAllowPart - 1) / kMapAllowPart, false);
  }
  std::copy(part.ids.begin(), part.ids.end(), stored.ids.begin() + part.first);
  stored.parts[part.first / kMapAllowPart] = true;
  if (std::find(stored.parts.begin(), stored.parts.end(), false) != stored.parts.end())
    return Verdict::kTaken;

  *list = std::move(stored.ids);
  Erase(it);
  const bool sorted =
      std::adjacent_find(list->begin(), list->end(), std::greater_equal<>()) == list->end();
  return sorted && protocol::DigestOf(*list) == part.digest ? Verdict::kComplete : Verdict::kBad;
}

void PartialAllow::Forget(const KeyId& id) {
  if (const auto it = lists_.find(id); it != lists_.end()) Erase(it);
}

template <typename Change>
void PartialAllow::ChangeNetwork(Network network, Change change) {
  Begun& begun = by_network_[network];
  const auto rank = [&] {
    return std::tuple(begun.size(), -begun.begin()->first.time_since_epoch(), network);
  };
  if (!begun.empty()) networks_.erase(rank());
  change(begun);
  if (!begun.empty()) networks_.insert(rank());
  if (begun.empty()) by_network_.erase(network);
}

void PartialAllow::Erase(Lists::iterator it) {
  const std::pair entry(it->second.begun, it->first);
  begun_.erase(entry);
  ChangeNetwork(it->second.network, [&](Begun& begun) { begun.erase(entry); });
  lists_.erase(it);
  assert(begun_.size() == lists_.size());
}

void PartialAllow::Expire(Instant now) {
  while (!begun_.empty() && begun_.begin()->first + kPartialAllowLifetime <= now) {
    Erase(lists_.find(begun_.begin()->second));
  }
}

Instant PartialAllow::NextTimeout() const {
  return begun_.empty() ? wire::kNever : begun_.begin()->first + kPartialAllowLifetime;
}

}  // namespace warp::map
