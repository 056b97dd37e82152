#include "control/carrier/tcp_volume.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace warp::control {
namespace {

// TCP's own with its timestamps (RFC 7323), which both ends have by default.
constexpr uint64_t kTcpHeader = 20 + 12;

}  // namespace

uint64_t TcpVolume(int fd, bool v6) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 0;
  const uint64_t header = kTcpHeader + (v6 ? 40 : 20);
  const uint64_t segments = uint64_t{info.tcpi_segs_out} + info.tcpi_segs_in;
  return info.tcpi_bytes_sent + info.tcpi_bytes_received + segments * header;
}

}  // namespace warp::control
