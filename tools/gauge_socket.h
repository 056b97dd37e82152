// The UDP socket of a gauge, and batches of datagrams through it.
#ifndef WARP_TOOLS_GAUGE_SOCKET_H_
#define WARP_TOOLS_GAUGE_SOCKET_H_

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/wire/endpoint.h"
#include "tools/gauge_datagram.h"
#include "tools/owned_fd.h"

namespace warp::tools {

// CLOCK_MONOTONIC in ns: one clock for all network namespaces of a machine.
uint64_t MonotonicNow();

class GaugeSocket {
 public:
  // Bound to `local`, open to all senders.
  static absl::StatusOr<GaugeSocket> Listen(const wire::Endpoint& local);
  // Connected: receives from `remote` alone, and is told by the kernel when nobody listens there.
  static absl::StatusOr<GaugeSocket> Connect(const wire::Endpoint& remote,
                                             const std::optional<wire::Endpoint>& local);

  int fd() const { return fd_.get(); }
  wire::Endpoint local() const;
  // Datagrams that the kernel dropped because this program did not take them in time.
  uint64_t overruns() const;

 private:
  explicit GaugeSocket(OwnedFd fd) : fd_(std::move(fd)) {}
  static absl::StatusOr<GaugeSocket> Open(const wire::Endpoint& family_of);
  absl::Status Bind(const wire::Endpoint& local);

  OwnedFd fd_;
};

// Buffers for datagrams of any size, one batch at a time. Never waits.
class ReceiveBatch {
 public:
  static constexpr size_t kSize = 64;

  ReceiveBatch();

  // Takes what is there, at most kSize; returns how many, 0 also when the kernel has only an error to tell.
  size_t Receive(int fd);
  std::span<const uint8_t> datagram(size_t i) const {
    return {buffers_.data() + i * kRoom, messages_[i].msg_len};
  }
  // Sends the first `count` back to where they came from, unchanged; returns how many were taken. Waits for the socket.
  size_t Return(int fd, size_t count);

 private:
  static constexpr size_t kRoom = kMaxGaugeSize + 1;

  std::vector<uint8_t> buffers_;
  std::array<mmsghdr, kSize> messages_{};
  std::array<iovec, kSize> vectors_{};
  std::array<sockaddr_storage, kSize> senders_{};
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_GAUGE_SOCKET_H_
