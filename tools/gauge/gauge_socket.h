// The socket of a gauge, and batches of datagrams through it.
#ifndef WARP_TOOLS_GAUGE_GAUGE_SOCKET_H_
#define WARP_TOOLS_GAUGE_GAUGE_SOCKET_H_

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/wire/endpoint.h"
#include "tools/gauge/gauge_address.h"
#include "tools/gauge/gauge_datagram.h"

namespace warp::tools {

// CLOCK_MONOTONIC in ns, which is the same in all network namespaces of a machine.
uint64_t MonotonicNow();

class GaugeSocket {
 public:
  // Opens a socket bound to `local` that receives from everybody: UDP, or a Unix datagram socket, whose file it makes
  // and removes.
  static absl::StatusOr<GaugeSocket> Listen(const GaugeAddress& local);
  // Opens a connected socket. It receives only from `remote`, and the kernel tells it when nobody listens there. A Unix
  // datagram socket gets a path of its own unless `local` names one, so that it can be answered.
  static absl::StatusOr<GaugeSocket> Connect(const GaugeAddress& remote,
                                             const std::optional<GaugeAddress>& local);

  GaugeSocket(GaugeSocket&&) = default;
  GaugeSocket& operator=(GaugeSocket&&) = default;
  ~GaugeSocket();

  int fd() const { return fd_.get(); }
  wire::Endpoint local() const;  // UDP only
  // Counts datagrams that the kernel dropped because this program did not take them in time.
  uint64_t overruns() const;
  // Returns whether the other end of a seqpacket connection is gone. Such a socket stays readable, and is empty.
  bool HungUp() const;

 private:
  explicit GaugeSocket(os::UniqueFd fd) : fd_(std::move(fd)) {}
  static absl::StatusOr<GaugeSocket> Open(const GaugeAddress& like);
  absl::Status Bind(const GaugeAddress& local);

  os::UniqueFd fd_;
  std::string file_;  // the socket file that it made
};

// Buffers for datagrams of any size, one batch at a time. Never waits.
class ReceiveBatch {
 public:
  static constexpr size_t kSize = 64;

  ReceiveBatch();

  // Takes the datagrams that are there, at most kSize, and returns how many; 0 also if the kernel only has an error to
  // report. A closed connection gives empty datagrams without end; those at the end of a batch count as one.
  size_t Receive(int fd);
  std::span<const uint8_t> datagram(size_t i) const {
    return {buffers_.data() + i * kRoom, messages_[i].msg_len};
  }
  // Sends the first `count` back to their senders, unchanged. Returns how many were taken. Waits for the socket.
  size_t Return(int fd, size_t count);

 private:
  static constexpr size_t kRoom = kMaxGaugeSize + 1;

  std::vector<uint8_t> buffers_;
  std::array<mmsghdr, kSize> messages_{};
  std::array<iovec, kSize> vectors_{};
  std::array<sockaddr_storage, kSize> senders_{};
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_GAUGE_GAUGE_SOCKET_H_
