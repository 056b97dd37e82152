// How much parity a block has, and how much it needs. Pure.
#ifndef WARP_CONTROL_PARITY_SHAPE_H_
#define WARP_CONTROL_PARITY_SHAPE_H_

#include <cstddef>
#include <cstdint>

namespace warp::parity {

// `parities` parities after each `payloads` payloads. Without parity both are zero.
struct Shape {
  uint8_t payloads = 0;
  uint8_t parities = 0;
  bool any() const { return parities > 0; }
  friend bool operator==(const Shape&, const Shape&) = default;
};

// The share of payloads that stay lost where each packet is lost with this chance, independently of the others: the
// payload is lost, and so are `parities` or more of the other packets of its block.
double ResidualLoss(const Shape& shape, double loss);

// The most that a path may carry of a block, so that the death of any one of `paths` paths loses nothing. 0: nothing
// helps, because some path has to carry more than there are parities.
size_t MostOnOnePath(const Shape& shape, size_t paths);

struct Conditions {
  double loss = 0;           // of packets, by chance
  size_t paths = 0;          // that carry the payloads
  bool paths_die = false;    // one did, lately
  double target = 0;         // the share of payloads that may be lost
  double most = 0;           // parities for a payload
  size_t most_payloads = 1;  // come soon enough after each other to wait for each other's parity
};
// The shape with the least parity that meets the target: where paths die, one that survives the death of a path. Where
// no shape meets it within the bounds, the one that leaves the least; where none is needed, none.
Shape ChooseShape(const Conditions& conditions);

}  // namespace warp::parity

#endif  // WARP_CONTROL_PARITY_SHAPE_H_
