#include "control/protocol/handshake/session_table.h"

#include <sodium.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <utility>

namespace warp::protocol {
namespace {

constexpr size_t kFirstSlots = 64;

}  // namespace

SessionTable::SessionTable(size_t max_slots, std::shared_ptr<wire::IndexBoard> board)
    : max_slots_(max_slots), board_(std::move(board)), slots_(std::min(kFirstSlots, max_slots)) {
  assert(std::has_single_bit(max_slots));
  assert(board_ == nullptr || max_slots <= wire::IndexBoard::kSlots);
}

std::optional<uint32_t> SessionTable::Reserve(Association* owner) {
  assert(owner != nullptr);
  if (taken_ * 2 >= slots_.size()) {
    if (slots_.size() >= max_slots_) return std::nullopt;
    Grow();
  }
  assert(taken_ < slots_.size());
  // At most half of the slots are taken, so this takes two tries on average.
  for (;;) {
    const uint32_t index = randombytes_random();
    Slot& slot = slots_[index & (slots_.size() - 1)];
    if (index == 0 || slot.owner != nullptr) continue;
    slot = {index, owner};
    ++taken_;
    if (board_ != nullptr) board_->Add(index);
    return index;
  }
}

void SessionTable::Release(uint32_t index) {
  Slot& slot = slots_[index & (slots_.size() - 1)];
  if (slot.owner == nullptr || slot.index != index) return;
  slot = {};
  --taken_;
  if (board_ != nullptr) board_->Remove(index);
}

Association* SessionTable::Find(uint32_t index) const {
  const Slot& slot = slots_[index & (slots_.size() - 1)];
  return slot.index == index ? slot.owner : nullptr;
}

void SessionTable::Grow() {
  // Indices that differ in their low bits differ in more of them too: nothing can collide.
  std::vector<Slot> larger(slots_.size() * 2);
  for (const Slot& slot : slots_) {
    if (slot.owner == nullptr) continue;
    Slot& place = larger[slot.index & (larger.size() - 1)];
    assert(place.owner == nullptr);
    place = slot;
  }
  slots_ = std::move(larger);
}

}  // namespace warp::protocol
