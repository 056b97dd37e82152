// Makes Unix datagram sockets with a queue of a chosen length.
//
// The kernel fixes how many unread datagrams a socket holds when the socket is made, from net.unix.max_dgram_qlen of
// its network namespace (unix(7)). A gate needs a short queue, and the host's setting is not ours to change. Therefore
// a thread in a network namespace of its own makes the sockets, and sleeps between. Applications reach them by path
// from every namespace, but senders with abstract names cannot be answered from there.
#ifndef WARP_CONTROL_GATE_UNIX_SHORT_QUEUE_SOCKETS_H_
#define WARP_CONTROL_GATE_UNIX_SHORT_QUEUE_SOCKETS_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/os/unique_fd.h"

namespace warp::control {

class ShortQueueSockets {
 public:
  // PermissionDenied: CAP_SYS_ADMIN is missing. Any other error is the kernel's.
  static absl::StatusOr<std::unique_ptr<ShortQueueSockets>> Open();
  ~ShortQueueSockets();
  ShortQueueSockets(const ShortQueueSockets&) = delete;
  ShortQueueSockets& operator=(const ShortQueueSockets&) = delete;

  // Returns a Unix datagram socket, non-blocking and close-on-exec, that holds at most `queue` (1 or more) unread
  // datagrams. Beyond that its senders wait.
  absl::StatusOr<os::UniqueFd> OpenDatagramSocket(size_t queue);

 private:
  ShortQueueSockets() = default;
  void Serve();
  void Do(const std::function<void()>& what);  // runs it on the thread, and returns when it is done

  std::mutex mutex_;  // guards the next two
  const std::function<void()>* job_ = nullptr;
  bool ending_ = false;
  std::condition_variable changed_;
  std::thread thread_;  // none where the system had none left
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_UNIX_SHORT_QUEUE_SOCKETS_H_
