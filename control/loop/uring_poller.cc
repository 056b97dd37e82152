#include "control/loop/uring_poller.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/os/boot_clock.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/process.h"

namespace warp::control {
namespace {

constexpr unsigned kSubmissionEntries = 256;
constexpr unsigned kCompletionEntries = 4096;
constexpr size_t kMostPerPeek = 64;
constexpr uint64_t kNobody = 0;  // user data of requests whose completion nobody awaits
constexpr wire::Duration kSendGrace = std::chrono::seconds(2);

// What is behind a refusal, as far as one can know, and what would end it.
std::string WhatForbids(int error) {
  switch (error) {
    case EPERM:
    case EACCES:
      return " (is sysctl kernel.io_uring_disabled set, or a seccomp filter active?)";
    case ENOSYS:
      return " (is a seccomp filter active, as in many containers, or the kernel built without "
             "it?)";
    case ENOMEM:
      return absl::StrCat(" (", os::MemlockText(),
                          ", and rings count: raise it by `ulimit -l` or LimitMEMLOCK=)");
    default:
      return "";
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<UringPoller>> UringPoller::Open() {
  std::unique_ptr<UringPoller> poller(new UringPoller);
  // The best choice comes first: completions run when this thread asks for them, and interrupt nothing (Linux 6.1).
  // TASKRUN_FLAG tells through shared memory whether there are any, so that a turn without events costs no system call.
  const unsigned choices[] = {
      IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
      IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG, 0};
  int result = 0;
  for (const unsigned flags : choices) {
    io_uring_params params{};
    params.flags = flags | IORING_SETUP_CQSIZE;
    params.cq_entries = kCompletionEntries;
    result = io_uring_queue_init_params(kSubmissionEntries, &poller->ring_, &params);
    if (result != 0) continue;
    poller->ring_valid_ = true;
    poller->wake_fd_ = os::UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!poller->wake_fd_) return os::ErrnoStatus(errno, "no eventfd for the event loop");
    result = io_uring_register_eventfd(&poller->ring_, poller->wake_fd_.get());
    if (result != 0) return os::ErrnoStatus(-result, "the io_uring takes no eventfd");
    io_uring_cq_eventfd_toggle(&poller->ring_, false);
    return poller;
  }
  return absl::UnavailableError(absl::StrCat(
      "the kernel refuses an io_uring: ", os::ErrnoText(-result), WhatForbids(-result)));
}

UringPoller::~UringPoller() {
  if (!ring_valid_) return;
  const wire::Instant end = os::Now() + kSendGrace;
  // Each send that completes, and each poll that was removed, ends a sleep.
  while (!sends_.empty() && os::Now() < end) {
    Sleep(std::max(end - os::Now(), wire::Duration(1)));
    std::array<Event, kMostPerPeek> events;
    while (Take(events) > 0) {
    }
  }
  // The kernel still reads their bytes, so these stay for as long as the process.
  if (!sends_.empty()) new auto(std::move(sends_));
  io_uring_queue_exit(&ring_);
}

// --- Requests ---

io_uring_sqe* UringPoller::NextSqe() {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  while (sqe == nullptr) {
    Submit();
    sqe = io_uring_get_sqe(&ring_);
  }
  return sqe;
}

void UringPoller::Submit() { io_uring_submit_and_get_events(&ring_); }

void UringPoller::AddPoll(uint64_t id, int fd, uint32_t events) {
  io_uring_sqe* sqe = NextSqe();
  io_uring_prep_poll_multishot(sqe, fd, events);
  io_uring_sqe_set_data64(sqe, id);
}

void UringPoller::RemovePoll(uint64_t id, int) {
  io_uring_sqe* sqe = NextSqe();
  // io_uring_prep_poll_remove would fail (EALREADY) while a wake-up of the request is under way, and leave it armed for
  // good and the file open.
  io_uring_prep_cancel64(sqe, id, 0);
  io_uring_sqe_set_data64(sqe, kNobody);
  // This cannot wait for the next turn: until it is submitted, the request holds the file open, and a socket's address
  // taken.
  Submit();
}

void UringPoller::StartSend(uint64_t id, int fd, std::vector<uint8_t> bytes) {
  Send send{os::UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0)), std::move(bytes)};
  io_uring_sqe* sqe = NextSqe();
  // Without a duplicate it fails (EBADF), and the caller learns of it as of any refusal.
  io_uring_prep_send(sqe, send.fd.get(), send.bytes.data(), send.bytes.size(), MSG_NOSIGNAL);
  io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
  io_uring_sqe_set_data64(sqe, id);
  sends_.insert_or_assign(id, std::move(send));
}

// --- Events ---

size_t UringPoller::Take(std::span<Event> events) {
  if (io_uring_sq_ready(&ring_) > 0) Submit();
  std::array<io_uring_cqe*, kMostPerPeek> cqes;
  const auto wanted = static_cast<unsigned>(std::min(events.size(), cqes.size()));
  const unsigned count = io_uring_peek_batch_cqe(&ring_, cqes.data(), wanted);
  for (unsigned i = 0; i < count; ++i) {
    const io_uring_cqe& cqe = *cqes[i];
    const bool more = (cqe.flags & IORING_CQE_F_MORE) != 0;
    // Without an error, the kernel ends a multishot poll when completions overflow.
    events[i] = {.id = cqe.user_data, .result = cqe.res, .ended = !more && cqe.res >= 0};
    if (!sends_.empty()) sends_.erase(cqe.user_data);
  }
  io_uring_cq_advance(&ring_, count);
  return count;
}

bool UringPoller::HasEvents() const {
  const bool task_work = (IO_URING_READ_ONCE(*ring_.sq.kflags) & IORING_SQ_TASKRUN) != 0;
  return task_work || io_uring_cq_ready(&ring_) > 0;
}

void UringPoller::Sleep(wire::Duration time) {
  __kernel_timespec ts{.tv_sec = time.count() / 1'000'000'000,
                       .tv_nsec = time.count() % 1'000'000'000};
  io_uring_cqe* cqe = nullptr;
  // Its result does not matter: the loop looks again.
  io_uring_submit_and_wait_timeout(&ring_, &cqe, 1, &ts, nullptr);
}

// An event after this writes the eventfd; one before it is seen by HasEvents.
void UringPoller::Arm() {
  io_uring_cq_eventfd_toggle(&ring_, true);
  if (io_uring_sq_ready(&ring_) > 0) Submit();
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

void UringPoller::Disarm(bool woken) {
  io_uring_cq_eventfd_toggle(&ring_, false);
  if (!woken) return;
  uint64_t count;
  [[maybe_unused]] const ssize_t size = read(wake_fd_.get(), &count, sizeof(count));
}

}  // namespace warp::control
