// Gives each sender at a gate a number, so that answers find it. Pure; control thread only.
//
// A number ends when its sender has neither sent nor been sent to for `idle`. The one that ended first is given first
// again. While all are in use, a further sender gets none: no sender loses its number to another.
#ifndef WARP_CONTROL_GATE_UDP_FLOW_NUMBERS_H_
#define WARP_CONTROL_GATE_UDP_FLOW_NUMBERS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class FlowNumbers {
 public:
  // Numbers are below `limit`, which is 1 to 256.
  FlowNumbers(size_t limit, wire::Duration idle) : limit_(limit), idle_(idle) {}

  // The number of this sender, which has just sent; nullopt: all are in use.
  std::optional<uint8_t> NumberOf(wire::Instant now, const wire::Endpoint& sender);
  // Whose number it is, which is about to be sent to; null: nobody's.
  const wire::Endpoint* SenderOf(wire::Instant now, uint8_t number);

  // All that are in use have just been used.
  void NoteUse(wire::Instant now);
  // Ends those that were idle for long enough, and returns their numbers.
  std::vector<uint8_t> Expire(wire::Instant now);

  size_t used() const { return numbers_.size(); }

 private:
  struct Slot {
    wire::Endpoint sender;
    wire::Instant used{};
    bool taken = false;
  };

  const size_t limit_;
  const wire::Duration idle_;
  std::vector<Slot> slots_;    // by number, as far as numbers were ever given
  std::deque<uint8_t> ended_;  // the one that ended first is in front
  absl::flat_hash_map<wire::Endpoint, uint8_t> numbers_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_UDP_FLOW_NUMBERS_H_
