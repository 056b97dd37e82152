#include "control/gate/udp/flow_numbers.h"

namespace warp::control {

using wire::Instant;

std::optional<uint8_t> FlowNumbers::NumberOf(Instant now, const wire::Endpoint& sender) {
  if (const auto known = numbers_.find(sender); known != numbers_.end()) {
    slots_[known->second].used = now;
    return known->second;
  }
  uint8_t number = 0;
  if (!ended_.empty()) {
    number = ended_.front();
    ended_.pop_front();
  } else if (slots_.size() < limit_) {
    number = static_cast<uint8_t>(slots_.size());
    slots_.emplace_back();
  } else {
    return std::nullopt;
  }
  slots_[number] = {.sender = sender, .used = now, .taken = true};
  numbers_.emplace(sender, number);
  return number;
}

const wire::Endpoint* FlowNumbers::SenderOf(Instant now, uint8_t number) {
  if (number >= slots_.size() || !slots_[number].taken) return nullptr;
  slots_[number].used = now;
  return &slots_[number].sender;
}

void FlowNumbers::NoteUse(Instant now) {
  for (Slot& slot : slots_) slot.used = now;
}

std::vector<uint8_t> FlowNumbers::Expire(Instant now) {
  std::vector<uint8_t> ended;
  for (size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (!slot.taken || now - slot.used < idle_) continue;
    numbers_.erase(slot.sender);
    slot.taken = false;
    ended.push_back(static_cast<uint8_t>(i));
  }
  ended_.insert(ended_.end(), ended.begin(), ended.end());
  return ended;
}

}  // namespace warp::control
