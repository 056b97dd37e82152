#include "control/gate/unix/short_queue_sockets.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/thread.h"

namespace warp::control {
namespace {

constexpr char kQueueLength[] = "/proc/sys/net/unix/max_dgram_qlen";  // of the thread's namespace

absl::Status SetQueueLength(size_t length) {
  const os::UniqueFd file(open(kQueueLength, O_WRONLY | O_CLOEXEC));
  const std::string text = absl::StrCat(length);
  if (!file || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return os::ErrnoStatus(errno, "a Unix datagram gate must write ", kQueueLength);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ShortQueueSockets>> ShortQueueSockets::Open() {
  std::unique_ptr<ShortQueueSockets> sockets(new ShortQueueSockets);
  absl::StatusOr<std::thread> thread = os::StartThread([made = sockets.get()] { made->Serve(); });
  if (!thread.ok()) return thread.status();
  sockets->thread_ = *std::move(thread);
  int error = 0;
  sockets->Do([&] { error = unshare(CLONE_NEWNET) == 0 ? 0 : errno; });
  if (error == EPERM)
    return absl::PermissionDeniedError(
        "a Unix datagram gate needs root, or CAP_SYS_ADMIN, for a network namespace of its own");
  if (error != 0) return os::ErrnoStatus(error, "a Unix datagram gate needs a network namespace");
  return sockets;
}

ShortQueueSockets::~ShortQueueSockets() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

absl::StatusOr<os::UniqueFd> ShortQueueSockets::OpenDatagramSocket(size_t queue) {
  absl::StatusOr<os::UniqueFd> made = absl::UnknownError("");
  Do([&] {
    // The kernel lets one more in than the limit says.
    if (absl::Status status = SetQueueLength(queue - 1); !status.ok()) {
      made = status;
      return;
    }
    os::UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (fd) {
      made = std::move(fd);
    } else {
      made = os::ErrnoStatus(errno, "no socket");
    }
  });
  return made;
}

void ShortQueueSockets::Serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return job_ != nullptr || ending_; });
    if (ending_) return;
    (*job_)();
    job_ = nullptr;
    changed_.notify_all();
  }
}

void ShortQueueSockets::Do(const std::function<void()>& what) {
  std::unique_lock lock(mutex_);
  job_ = &what;
  changed_.notify_all();
  changed_.wait(lock, [this] { return job_ == nullptr; });
}

}  // namespace warp::control
