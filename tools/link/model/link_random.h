// Random numbers that are the same on every machine, which the standard's distributions are not.
#ifndef WARP_TOOLS_LINK_MODEL_LINK_RANDOM_H_
#define WARP_TOOLS_LINK_MODEL_LINK_RANDOM_H_

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace warp::tools {

// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014). Each fault of a link has a
// stream of its own: so the same seed loses the same frames, whatever else is switched on.
class LinkRandom {
 public:
  LinkRandom(uint64_t seed, uint64_t stream) : state_(seed) {
    state_ = Next() ^ (stream * 0xD1342543DE82EF95);
  }

  uint64_t Next() {
    state_ += 0x9E3779B97F4A7C15;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  // 0 to just below 1.
  double Share() { return static_cast<double>(Next() >> 11) * 0x1p-53; }
  // True for this share of the calls. It takes no number where the answer is certain.
  bool Chance(double share) { return share > 0 && (share >= 1 || Share() < share); }
  // Exponentially distributed with the mean 1, and never above `most`.
  double Exponential(double most) { return std::min(-std::log1p(-Share()), most); }
  // 0 to just below `count`, which is at least 1.
  uint64_t Below(uint64_t count) { return Next() % count; }

 private:
  uint64_t state_;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_LINK_MODEL_LINK_RANDOM_H_
