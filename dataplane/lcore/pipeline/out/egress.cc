#include "dataplane/lcore/pipeline/out/egress.h"

#include <utility>

namespace warp::lcore {

Egress::Egress(Turn& turn, Exchange& exchange, PoolPtr header_pool, uint16_t max_ports)
    : turn_(turn),
      exchange_(exchange),
      lane_(*exchange.lanes[turn.id()]),
      header_pool_(std::move(header_pool)),
      legs_(exchange.lanes.size()),
      tx_(max_ports) {}

void Egress::SendCopies() {
  Replicate();
  Transmit();
  Complete();
}

}  // namespace warp::lcore
