// The gauge that waits: one datagram under way at a time, so that its round trip is all there is to see.
#ifndef WARP_TOOLS_GAUGE_GAUGE_PING_H_
#define WARP_TOOLS_GAUGE_GAUGE_PING_H_

#include "tools/gauge/gauge.h"
#include "tools/gauge/gauge_socket.h"
#include "tools/gauge/gauge_tally.h"

namespace warp::tools {

// Until `options.seconds` are over or `stop` is readable. The next datagram leaves when the last one came back, or is lost:
// when it did not within kPatience; and not before options.rate (0: none) allows it. Of the options it also reads size, seconds,
// spin and distribution.
GaugeReport PingOneByOne(const GaugeTxOptions& options, const GaugeSocket& socket, GaugeTally tally,
                         int stop);

}  // namespace warp::tools

#endif  // WARP_TOOLS_GAUGE_GAUGE_PING_H_
