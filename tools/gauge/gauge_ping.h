// A gauge that has one datagram under way at a time, so that it measures only the round trip.
#ifndef WARP_TOOLS_GAUGE_GAUGE_PING_H_
#define WARP_TOOLS_GAUGE_GAUGE_PING_H_

#include "tools/gauge/gauge.h"
#include "tools/gauge/gauge_socket.h"
#include "tools/gauge/gauge_tally.h"

namespace warp::tools {

// Runs until `options.seconds` are over or `stop` is readable. The next datagram leaves when the last one came back, or
// counts as lost because it did not within kPatience. options.rate may delay it further (0: no limit). The other
// options that count are size, seconds, spin and distribution.
GaugeReport PingOneByOne(const GaugeTxOptions& options, const GaugeSocket& socket, GaugeTally tally,
                         int stop);

}  // namespace warp::tools

#endif  // WARP_TOOLS_GAUGE_GAUGE_PING_H_
