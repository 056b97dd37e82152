// Adds up what waits in a bond, and compares it with the sums that the bond keeps.
#ifndef WARP_TESTS_CONTROL_BONDING_BOOKS_BOND_BOOKS_H_
#define WARP_TESTS_CONTROL_BONDING_BOOKS_BOND_BOOKS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "control/bonding/bond.h"

namespace warp::bonding {

class BondBooks {
 public:
  explicit BondBooks(const Bond& bond) : bond_(bond) {}

  // What does not add up, for people; empty: everything does.
  std::string Wrong() const;
  // Something that waits could leave by now, after Next has returned nothing.
  bool SomethingIsDue(Instant now) const;
  // Payloads that wait or are parked, and of these what was lost and goes again.
  size_t Waiting() const;
  size_t WaitingAgain() const;
  int64_t Deficit(uint16_t flow, wire::PathSlot slot) const;
  uint64_t FlowsLookedAt() const { return bond_.flows_looked_at_; }
  uint64_t WaitingWeight(wire::PathSlot slot) const { return bond_.PathOf(slot).waiting_weight; }

 private:
  // Calls call(id, flow) for each, with what goes ahead.
  template <typename Call>
  void EachFlow(Call call) const {
    for (size_t tunnel = 0; tunnel < bond_.flows_.size(); ++tunnel) {
      if (bond_.flows_[tunnel] == nullptr) continue;
      const auto id = static_cast<uint16_t>(tunnel);
      call(id, bond_.flows_[tunnel]->in_order);
      call(static_cast<uint16_t>(id | kAhead), bond_.flows_[tunnel]->ahead);
    }
  }

  const Bond& bond_;
};

}  // namespace warp::bonding

#endif  // WARP_TESTS_CONTROL_BONDING_BOOKS_BOND_BOOKS_H_
