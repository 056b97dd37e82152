#include "tools/run/run_sender.h"

#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

namespace warp::tools {
namespace {

constexpr int kWake = SIGUSR1;
constexpr auto kNap = std::chrono::microseconds(100);  // between looks, without io_uring
constexpr __kernel_timespec kLook{.tv_sec = 0, .tv_nsec = 50'000'000};  // is it still there?
constexpr uint64_t kPoll = 1, kCancel = 2;  // what a completion is about

// A buffer that is being freed counts for one byte until it is gone, and one that waits counts for hundreds.
constexpr int kNothing = 64;

bool IsTaken(int socket) {
  int unread = 0;
  return ::ioctl(socket, SIOCOUTQ, &unread) != 0 || unread < kNothing;
}

int Option(int socket, int name) {
  int value = 0;
  socklen_t size = sizeof(value);
  return ::getsockopt(socket, SOL_SOCKET, name, &value, &size) == 0 ? value : 0;
}

}  // namespace

SocketLocks::Lock::Lock(SocketLocks& locks, int socket) : locks_(locks) {
  struct stat status = {};
  ::fstat(socket, &status);
  socket_ = status.st_ino;
  std::unique_lock lock(locks_.mutex_);
  locks_.released_.wait(lock, [this] { return locks_.held_.insert(socket_).second; });
}

SocketLocks::Lock::~Lock() {
  {
    const std::lock_guard lock(locks_.mutex_);
    locks_.held_.erase(socket_);
  }
  locks_.released_.notify_all();
}

void BlockedSenders::PrepareSignal() {
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  ::sigaction(kWake, &action, nullptr);  // no SA_RESTART: it ends what waits
}

ssize_t BlockedSenders::Send(int socket, const msghdr& message, int flags,
                             const Question& question) {
  Sender sender{::pthread_self(), &question};
  {
    const std::lock_guard lock(mutex_);
    senders_.push_back(&sender);
  }
  // The signal is unblocked here alone. One that comes too early is repeated.
  sigset_t wake;
  ::sigemptyset(&wake);
  ::sigaddset(&wake, kWake);
  ::pthread_sigmask(SIG_UNBLOCK, &wake, nullptr);
  const ssize_t sent = ::sendmsg(socket, &message, flags);
  const int error = errno;
  ::pthread_sigmask(SIG_BLOCK, &wake, nullptr);
  const std::lock_guard lock(mutex_);
  std::erase(senders_, &sender);
  errno = error;
  return sent;
}

bool BlockedSenders::LetGo() {
  const std::lock_guard lock(mutex_);
  for (const Sender* sender : senders_) {
    if (!sender->question->Stands()) ::pthread_kill(sender->thread, kWake);
  }
  return !senders_.empty();
}

RunSender::RunSender(const RunGate& gate, BlockedSenders& blocked)
    : gate_(gate), blocked_(blocked), has_ring_(::io_uring_queue_init(8, &ring_, 0) == 0) {}

RunSender::~RunSender() {
  if (has_ring_) ::io_uring_queue_exit(&ring_);
}

int64_t RunSender::Send(const Question& question, int socket, const os::UnixAddress& to,
                        std::span<const uint8_t> payload, int flags) {
  iovec part{.iov_base = const_cast<uint8_t*>(payload.data()), .iov_len = payload.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (to.size() != 0) {
    message.msg_name = const_cast<sockaddr*>(to.get());
    message.msg_namelen = to.size();
  }
  flags |= MSG_NOSIGNAL;
  ssize_t sent = ::sendmsg(socket, &message, flags | MSG_DONTWAIT);
  while (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
    sent = blocked_.Send(socket, message, flags, question);
    if (sent < 0 && (errno != EINTR || !question.Stands())) break;
  }
  return sent < 0 ? -errno : sent;
}

int64_t RunSender::SendAndWait(const Question& question, int socket, const os::UnixAddress& to,
                               std::span<const uint8_t> payload, int flags) {
  const std::optional<RunGate::Identity> gate = gate_.Now();
  const int64_t sent = Send(question, socket, to, payload, flags);
  if (sent < 0 || !WaitUntilTaken(question, socket)) return sent;
  // A socket that is closed also frees what it was sent. Over a connection the other end says so itself.
  if (Option(socket, SO_TYPE) == SOCK_SEQPACKET) {
    return Option(socket, SO_ERROR) == ECONNRESET ? -ECONNRESET : sent;
  }
  return !gate || gate_.StillIs(*gate) ? sent : -ECONNREFUSED;
}

// Repeats until the ring no longer holds the socket. A cancellation that meets a wake-up under way may fail and leave
// the poll armed. poll_remove would go on failing in that case, so it is not used.
void RunSender::LetGoOfPoll() {
  for (bool polls = true, cancels = false; polls || cancels;) {
    if (!cancels) {
      io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
      ::io_uring_prep_cancel64(entry, kPoll, 0);
      ::io_uring_sqe_set_data64(entry, kCancel);
      ::io_uring_submit(&ring_);
      cancels = true;
    }
    io_uring_cqe* completion = nullptr;
    if (::io_uring_wait_cqe(&ring_, &completion) != 0) continue;
    if (completion->user_data == kCancel) cancels = false;
    if (completion->user_data == kPoll) polls = (completion->flags & IORING_CQE_F_MORE) != 0;
    ::io_uring_cqe_seen(&ring_, completion);
  }
}

// epoll(7) asks the socket again after a wake-up, and a connected socket says "not writable" if others' payloads fill
// the gate's queue by then. It would thus go unnoticed for long that this payload was taken. io_uring passes each
// wake-up on.
bool RunSender::WaitUntilTaken(const Question& question, int socket) {
  bool polls = false, stands = true;
  while (!IsTaken(socket) && stands) {
    if (!has_ring_) {
      std::this_thread::sleep_for(kNap);
      stands = question.Stands();
      continue;
    }
    if (!polls) {
      io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
      ::io_uring_prep_poll_multishot(entry, socket, POLLOUT);
      ::io_uring_sqe_set_data64(entry, kPoll);
      ::io_uring_submit(&ring_);
      polls = true;
      continue;  // it may have been taken meanwhile
    }
    io_uring_cqe* completion = nullptr;
    __kernel_timespec look = kLook;
    if (::io_uring_wait_cqe_timeout(&ring_, &completion, &look) != 0) {
      stands = question.Stands();
      continue;
    }
    polls = (completion->flags & IORING_CQE_F_MORE) != 0;
    ::io_uring_cqe_seen(&ring_, completion);
  }
  if (polls) LetGoOfPoll();
  return stands;
}

}  // namespace warp::tools
