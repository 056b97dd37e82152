#include "dataplane/lcore/exchange/exchange.h"

#include "dataplane/lcore/constants.h"

namespace warp::lcore {

Lane::Lane(uint32_t ring_size)
    : payloads(ring_size),
      frames(kFrameRing),
      opened(ring_size),
      foreign(kForeignRing),
      completions(2 * ring_size) {}

Exchange::Exchange(uint16_t workers, uint32_t ring_size) {
  for (WorkerId to = 0; to < workers; ++to) {
    lanes.push_back(std::make_unique<Lane>(ring_size));
    for (WorkerId from = 0; from < workers; ++from) {
      lanes[to]->legs.push_back(from == to ? nullptr : std::make_unique<Ring<LegItem>>(ring_size));
    }
  }
}

}  // namespace warp::lcore
