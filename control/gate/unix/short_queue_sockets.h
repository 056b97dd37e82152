// Where Unix datagram sockets with a queue of a chosen length are made.
//
// How many datagrams a socket holds unread is read once, when it is made, from
// net.unix.max_dgram_qlen of the network namespace it is made in (unix(7)). A gate needs a short
// one, and the host's setting is not ours to change: so sockets are made by a thread in a network
// namespace of its own. They are reached by path from everywhere; but senders with abstract names
// cannot be answered from there. The thread sleeps between.
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

class UnixSocketRoom {
 public:
  // PermissionDenied without CAP_SYS_ADMIN; Unavailable where the kernel cannot, with a sentence.
  static absl::StatusOr<std::unique_ptr<UnixSocketRoom>> Create();
  ~UnixSocketRoom();
  UnixSocketRoom(const UnixSocketRoom&) = delete;
  UnixSocketRoom& operator=(const UnixSocketRoom&) = delete;

  // A Unix datagram socket, non-blocking and close-on-exec, that holds at most `queue` datagrams
  // (1 or more) unread; then its senders wait.
  absl::StatusOr<os::UniqueFd> MakeDatagramSocket(size_t queue);

 private:
  UnixSocketRoom() : thread_([this] { Serve(); }) {}
  void Serve();
  void Do(const std::function<void()>& what);  // on the thread; returns when it is done

  std::mutex mutex_;  // guards the next two
  const std::function<void()>* job_ = nullptr;
  bool ending_ = false;
  std::condition_variable changed_;
  std::thread thread_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_UNIX_SHORT_QUEUE_SOCKETS_H_
