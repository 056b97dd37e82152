// A gauge with one datagram under way at a time, so that it measures nothing but its round trip.
#ifndef WARP_TOOLS_GAUGE_GAUGE_PING_H_
#define WARP_TOOLS_GAUGE_GAUGE_PING_H_

#include "tools/gauge/gauge.h"
#include "tools/gauge/gauge_socket.h"
#include "tools/gauge/gauge_tally.h"

namespace warp::tools {

// Runs until `options.seconds` are over or `stop` is readable. The next datagram leaves when the last one came back, or
// did not within kPatience and counts as lost, and not before options.rate (0: no limit) allows it. Of the other
// options it reads size, seconds, spin and distribution.
GaugeReport PingOneByOne(const GaugeTxOptions& options, const GaugeSocket& socket, GaugeTally tally,
                         int stop);

}  // namespace warp::tools

#endif  // WARP_TOOLS_GAUGE_GAUGE_PING_H_
