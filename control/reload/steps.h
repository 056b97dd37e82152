// The steps by which a running node follows a changed configuration, as data, so that each can be undone by the step
// that is its inverse. Pure; any thread.
//
//   close   takes out of use what the configuration of before has: a tunnel and its gate, a port, a peer, a map
//   open    brings into use what the one of after has
//   retune  goes on with what both have, as the one of after says
//   await   until all ports that were opened are open
//
// What is changed and cannot be retuned is closed and opened. All gates close before one opens, so that tunnels may
// exchange addresses; and what is likely to fail comes first: the gates, then the ports. What nothing can bring back,
// the session with a peer, is given up last.
#ifndef WARP_CONTROL_RELOAD_STEPS_H_
#define WARP_CONTROL_RELOAD_STEPS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "control/config/diff/config_diff.h"

namespace warp::control {

struct Step {
  enum class Act : uint8_t { kClose, kOpen, kRetune, kAwait };
  Act act = Act::kAwait;
  config::EntryKind kind = config::EntryKind::kPort;
  size_t before = 0;  // the place in the list of the configuration of before; of kClose and kRetune
  size_t after = 0;   // in that of after; of kOpen and kRetune
  bool back = false;  // it undoes another one: what it opens was there before
  friend bool operator==(const Step&, const Step&) = default;
};

// In the order in which they are taken. No change needs a restart.
std::vector<Step> PlanSteps(const std::vector<config::EntryChange>& changes);

// What leads back, where the two configurations have changed places.
Step Inverse(const Step& step);

}  // namespace warp::control

#endif  // WARP_CONTROL_RELOAD_STEPS_H_
