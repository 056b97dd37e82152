#include "dataplane/lcore/pipeline/in/ingress.h"

#include <rte_cycles.h>

namespace warp::lcore {

Ingress::Ingress(Turn& turn, Lane& lane, FirstTable& firsts, bool defers)
    : turn_(turn),
      lane_(lane),
      firsts_(firsts),
      defers_(defers),
      ns_per_cycle_(1e9 / static_cast<double>(rte_get_tsc_hz())) {}

Ingress::~Ingress() {
  for (Burst<DeferredPacket>& burst : deferred_) {
    for (DeferredPacket& deferred : burst) rte_pktmbuf_free(deferred.packet.mbuf);
  }
}

void Ingress::OpenNew(const PortView& port) { OpenRounds(port, defers_); }

void Ingress::OpenRounds(const PortView& port, bool defer) {
  while (Look(port)) {
    if (defer) Defer(port);
    Open(port);
    Claim(port);
    Deliver(port);
  }
}

}  // namespace warp::lcore
