#include "map-server/registry/partial_allow.h"

#include <algorithm>
#include <cassert>
#include <functional>

#include "map-server/constants.h"

namespace warp::map {

using protocol::kMapAllowPart;

bool PartialAllow::Request(Instant now, const KeyId& id, const AllowDigest& digest, Order order) {
  if (const auto it = lists_.find(id); it != lists_.end()) {
    List& list = it->second;
    if (order < list.order) return false;
    list.order = order;
    // Another list takes the place and the deadline of the one before, so that nobody keeps a place by changing lists.
    if (list.digest != digest) list = List{digest, order, list.begun, {}, {}};
    return true;
  }
  // `begun_` is longer than `lists_` where lists have been completed since. It is bounded too.
  if (begun_.size() >= limits_.lists) return false;
  lists_.emplace(id, List{digest, order, now, {}, {}});
  begun_.emplace_back(now, id);
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
    lists_.erase(it);
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
  lists_.erase(it);
  const bool sorted =
      std::adjacent_find(list->begin(), list->end(), std::greater_equal<>()) == list->end();
  return sorted && protocol::DigestOf(*list) == part.digest ? Verdict::kComplete : Verdict::kBad;
}

void PartialAllow::Expire(Instant now) {
  while (!begun_.empty() && begun_.front().first + kPartialAllowLifetime <= now) {
    const auto [begun, id] = begun_.front();
    begun_.pop_front();
    const auto it = lists_.find(id);
    if (it != lists_.end() && it->second.begun == begun) lists_.erase(it);
  }
}

Instant PartialAllow::NextTimeout() const {
  return begun_.empty() ? wire::kNever : begun_.front().first + kPartialAllowLifetime;
}

}  // namespace warp::map
