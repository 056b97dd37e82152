// One address that the map listens on: datagrams in and out in batches, with the local address of each.
#ifndef WARP_MAP_SERVER_SERVER_UDP_SOCKET_H_
#define WARP_MAP_SERVER_SERVER_UDP_SOCKET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/endpoint.h"
#include "map-server/constants.h"

namespace warp::map {

class UdpSocket {
 public:
  // The unspecified address takes all of its family, port 0 any free port. Errors are one sentence that names the
  // address. `patient`: an address that is taken is tried for a second, in which the call sleeps.
  // Sockets of one thread may share the memory of a batch, where what one of them has received is of no use any more
  // when another one receives.
  struct Buffers;
  static std::shared_ptr<Buffers> MakeBuffers();
  struct Options {
    bool patient = true;
    int buffer = kSocketBuffer;  // bytes in the kernel, each way
    // Of what it receives, and of what it sends; null: its own, one for both.
    std::shared_ptr<Buffers> receive = nullptr;
    std::shared_ptr<Buffers> send = nullptr;
  };
  static absl::StatusOr<std::unique_ptr<UdpSocket>> Open(const wire::Endpoint& listen,
                                                         const Options& options);
  static absl::StatusOr<std::unique_ptr<UdpSocket>> Open(const wire::Endpoint& listen,
                                                         bool patient = true) {
    return Open(listen, Options{.patient = patient});
  }
  ~UdpSocket();

  int fd() const { return fd_.get(); }
  const wire::Endpoint& local() const { return local_; }

  struct Received {
    wire::Endpoint from;
    wire::IpAddress to;
    uint32_t interface = 0;
    wire::MutableBytes datagram;
    bool whole = true;  // false: longer than kDatagramRoom, cut
  };
  // One batch; returns how many there were, less than kBatch when the socket is empty now.
  size_t Receive(absl::FunctionRef<void(const Received&)> take);
  // Datagrams that the kernel dropped because this socket's buffer was full, since the last call.
  uint64_t TakeOverflow();

  struct Sent {
    wire::Endpoint to;
    wire::IpAddress from;    // unspecified: the kernel's choice
    uint32_t interface = 0;  // 0: likewise
    wire::Bytes datagram;
  };
  // Sends at most kBatch datagrams. Returns how many the kernel took; the others are lost.
  size_t Send(std::span<const Sent> batch);

 private:
  UdpSocket(os::UniqueFd fd, const wire::Endpoint& local, const Options& options);

  const os::UniqueFd fd_;
  const wire::Endpoint local_;
  const std::shared_ptr<Buffers> receive_;
  const std::shared_ptr<Buffers> send_;
  uint32_t overflow_seen_ = 0;
  uint64_t overflow_ = 0;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SERVER_UDP_SOCKET_H_
