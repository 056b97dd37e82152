#include "tests/control/bonding/books/bond_books.h"

#include <algorithm>
#include <map>
#include <utility>

namespace warp::bonding {

std::string BondBooks::Wrong() const {
  std::string wrong;
  const auto same = [&](const std::string& what, uint64_t is, uint64_t should) {
    if (is != should)
      wrong += what + ": " + std::to_string(is) + " for " + std::to_string(should) + "\n";
  };
  struct Sums {
    uint64_t bytes = 0, again = 0, weight = 0, flows = 0;
  };
  std::map<wire::PathSlot, Sums> paths;
  std::map<std::pair<wire::PathSlot, uint16_t>, uint64_t> turns;
  for (wire::PathSlot slot = 0; slot < bond_.paths_.size(); ++slot) {
    if (bond_.paths_[slot] == nullptr) continue;
    for (const uint16_t id : bond_.PathOf(slot).waiting) ++turns[{slot, id}];
  }
  EachFlow([&](uint16_t id, const Bond::Flow& flow) {
    for (wire::PathSlot slot = 0; slot < flow.queues.size(); ++slot) {
      const FlowQueue& queue = flow.queues[slot];
      const std::string place = "flow " + std::to_string(id) + " slot " + std::to_string(slot);
      uint64_t again = 0, items = 0;
      for (const Grant& grant : queue.again) {
        again += grant.size;
        if (!grant.again || grant.flow != id) wrong += place + ": a stranger goes again\n";
      }
      for (const Grant& grant : queue.items) {
        items += grant.size;
        if (grant.again || grant.flow != id) wrong += place + ": a stranger waits\n";
      }
      same(place + " bytes", queue.bytes, items + again);
      same(place + " again_bytes", queue.again_bytes, again);
      if (queue.deficit > kQuantum) wrong += place + ": more than a turn\n";
      if (queue.empty()) continue;
      paths[slot].bytes += items + again;
      paths[slot].again += again;
      paths[slot].weight += flow.weight();
      ++paths[slot].flows;
      same(place + " in turns", turns[{slot, id}], 1);
    }
  });
  for (wire::PathSlot slot = 0; slot < bond_.paths_.size(); ++slot) {
    if (bond_.paths_[slot] == nullptr) continue;
    const BondPath& path = bond_.PathOf(slot);
    const std::string place = "slot " + std::to_string(slot);
    same(place + " queued", path.queued, paths[slot].bytes);
    same(place + " again_queued", path.again_queued, paths[slot].again);
    same(place + " waiting_weight", path.waiting_weight, paths[slot].weight);
    same(place + " waiting", path.waiting.size(), paths[slot].flows);
  }
  return wrong;
}

bool BondBooks::SomethingIsDue(Instant now) const {
  return std::any_of(bond_.order_.begin(), bond_.order_.end(), [&](wire::PathSlot slot) {
    const BondPath& path = bond_.PathOf(slot);
    return path.clock.open(now) &&
           std::any_of(path.waiting.begin(), path.waiting.end(),
                       [&](uint16_t id) { return bond_.Find(id)->held_until <= now; });
  });
}

size_t BondBooks::Waiting() const {
  size_t all = 0;
  EachFlow([&](uint16_t, const Bond::Flow& flow) {
    all += flow.parked.size();
    for (const FlowQueue& queue : flow.queues) all += queue.items.size() + queue.again.size();
  });
  return all;
}

size_t BondBooks::WaitingAgain() const {
  size_t all = 0;
  EachFlow([&](uint16_t, const Bond::Flow& flow) {
    for (const Grant& grant : flow.parked) all += grant.again ? 1 : 0;
    for (const FlowQueue& queue : flow.queues) all += queue.again.size();
  });
  return all;
}

int64_t BondBooks::Deficit(uint16_t flow, wire::PathSlot slot) const {
  const Bond::Flow& found = *bond_.Find(flow);
  return slot < found.queues.size() ? found.queues[slot].deficit : 0;
}

}  // namespace warp::bonding
