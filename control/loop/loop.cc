#include "control/loop/loop.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "dataplane/os/boot_clock.h"
#include "dataplane/os/errno_status.h"

namespace warp::control {
namespace {

constexpr unsigned kSubmissionEntries = 256;
constexpr unsigned kCompletionEntries = 4096;
constexpr size_t kEventsPerPeek = 64;
constexpr uint64_t kNobody =
    0;  // user data of requests whose completion nobody awaits; generations start at 1
constexpr wire::Duration kLongestWait = std::chrono::hours(1);
constexpr int kPostGraceSeconds = 2;  // for calls still in flight when the loop ends

uint64_t MakeId(uint32_t index, uint32_t generation) { return uint64_t{generation} << 32 | index; }
uint32_t IndexOf(uint64_t id) { return static_cast<uint32_t>(id); }
uint32_t GenerationOf(uint64_t id) { return static_cast<uint32_t>(id >> 32); }

}  // namespace

absl::StatusOr<std::unique_ptr<Loop>> Loop::Open() {
  std::unique_ptr<Loop> loop(new Loop);
  loop->now_ = loop->ReadClock();
  // Best first: completions run when this thread asks for them and interrupt nothing (Linux 6.1);
  // TASKRUN_FLAG tells through shared memory whether there are any, so that a turn without events
  // costs no system call.
  const unsigned choices[] = {
      IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
      IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG, 0};
  int result = 0;
  for (const unsigned flags : choices) {
    io_uring_params params{};
    params.flags = flags | IORING_SETUP_CQSIZE;
    params.cq_entries = kCompletionEntries;
    result = io_uring_queue_init_params(kSubmissionEntries, &loop->ring_, &params);
    if (result == 0) {
      loop->ring_valid_ = true;
      loop->wake_fd_ = os::UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
      if (!loop->wake_fd_ || io_uring_register_eventfd(&loop->ring_, loop->wake_fd_.get()) != 0)
        return os::ErrnoStatus(errno, "no eventfd for the event loop");
      io_uring_cq_eventfd_toggle(&loop->ring_, false);
      return loop;
    }
  }
  return absl::UnavailableError(absl::StrCat(
      "the kernel refuses an io_uring: ", os::ErrnoText(-result),
      result == -EPERM ? " (is sysctl kernel.io_uring_disabled set, or a seccomp filter active?)"
                       : ""));
}

Loop::~Loop() {
  if (!ring_valid_) return;
  for (int i = 0; posts_in_flight_ > 0 && i < kPostGraceSeconds; ++i) {
    io_uring_cqe* cqe = nullptr;
    __kernel_timespec second{.tv_sec = 1, .tv_nsec = 0};
    io_uring_submit_and_wait_timeout(&ring_, &cqe, 1, &second, nullptr);
    RunEvents(kCompletionEntries);
  }
  if (posts_in_flight_ > 0)
    new std::vector<Slot>(std::move(slots_));  // the kernel still reads their bytes: leave them
  io_uring_queue_exit(&ring_);
}

wire::Instant Loop::ReadClock() const { return os::Now(); }

wire::Instant Loop::BeginTurn() {
  turn_begun_ = true;
  return now_ = ReadClock();
}

size_t Loop::RunOnce(size_t max_events) {
  if (!turn_begun_) BeginTurn();
  turn_begun_ = false;
  if (io_uring_sq_ready(&ring_) > 0) io_uring_submit_and_get_events(&ring_);
  const size_t events = RunEvents(max_events);
  return events + RunTimers() + RunTasks();
}

// Until the next timer, from this very moment; nothing where there is something to do.
wire::Duration Loop::TimeToSleep(wire::Duration timeout) const {
  const bool task_work = (IO_URING_READ_ONCE(*ring_.sq.kflags) & IORING_SQ_TASKRUN) != 0;
  if (!tasks_.empty() || task_work || io_uring_cq_ready(&ring_) > 0) return wire::Duration::zero();
  // Clamped first: the caller's timeout may be as long as the type allows.
  timeout = std::clamp(timeout, wire::Duration::zero(), wire::Duration(kLongestWait));
  wire::Instant until = now_ + timeout;
  if (!timers_.empty()) until = std::min(until, timers_.begin()->first);
  return std::max(until - ReadClock(), wire::Duration::zero());
}

// An event after the ring was armed writes the eventfd; one before it is seen by the look.
wire::Duration Loop::ArmSleep(wire::Duration timeout) {
  io_uring_cq_eventfd_toggle(&ring_, true);
  if (io_uring_sq_ready(&ring_) > 0) io_uring_submit_and_get_events(&ring_);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return TimeToSleep(timeout);
}

void Loop::DisarmSleep(bool woken) {
  now_ = ReadClock();
  io_uring_cq_eventfd_toggle(&ring_, false);
  if (!woken) return;
  uint64_t count;
  [[maybe_unused]] const ssize_t size = read(wake_fd_.get(), &count, sizeof count);
}

void Loop::Wait(wire::Duration timeout) {
  timeout = TimeToSleep(timeout);
  if (timeout > wire::Duration::zero()) {
    __kernel_timespec ts{.tv_sec = timeout.count() / 1'000'000'000,
                         .tv_nsec = timeout.count() % 1'000'000'000};
    io_uring_cqe* cqe = nullptr;
    // Its result does not matter: the owner looks again.
    io_uring_submit_and_wait_timeout(&ring_, &cqe, 1, &ts, nullptr);
  }
  now_ = ReadClock();
}

// --- Events ---

size_t Loop::RunEvents(size_t max_events) {
  struct Completion {
    uint64_t id;
    int result;
    uint32_t flags;
  };
  size_t done = 0;
  while (done < max_events) {
    // Copied out before any callback: those submit and reap on their own when they destroy a watch.
    std::array<io_uring_cqe*, kEventsPerPeek> cqes;
    std::array<Completion, kEventsPerPeek> completions;
    const size_t wanted = std::min(max_events - done, kEventsPerPeek);
    const unsigned count =
        io_uring_peek_batch_cqe(&ring_, cqes.data(), static_cast<unsigned>(wanted));
    if (count == 0) break;
    for (unsigned i = 0; i < count; ++i)
      completions[i] = {cqes[i]->user_data, cqes[i]->res, cqes[i]->flags};
    io_uring_cq_advance(&ring_, count);
    for (unsigned i = 0; i < count; ++i)
      Dispatch(completions[i].id, completions[i].result, completions[i].flags);
    done += count;
  }
  return done;
}

void Loop::Dispatch(uint64_t id, int result, uint32_t flags) {
  Slot* slot = FindSlot(id);
  if (slot == nullptr) return;
  const std::shared_ptr<Handler> handler = slot->handler;
  if (slot->events == 0) {
    --posts_in_flight_;
    FreeSlot(id);
  } else if (result < 0) {
    result = POLLNVAL;  // the descriptor cannot be polled; told once
  } else if ((flags & IORING_CQE_F_MORE) == 0) {
    ArmPoll(id, *slot);  // the kernel ended the multishot, as it does when completions overflow
  }
  if (handler != nullptr) (*handler)(result);
}

uint64_t Loop::AddSlot(Slot slot) {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const uint32_t index = free_slots_.back();
  free_slots_.pop_back();
  slot.generation = slots_[index].generation;
  slot.used = true;
  slots_[index] = std::move(slot);
  return MakeId(index, slots_[index].generation);
}

Loop::Slot* Loop::FindSlot(uint64_t id) {
  if (IndexOf(id) >= slots_.size()) return nullptr;
  Slot& slot = slots_[IndexOf(id)];
  return slot.used && slot.generation == GenerationOf(id) ? &slot : nullptr;
}

void Loop::FreeSlot(uint64_t id) {
  Slot& slot = slots_[IndexOf(id)];
  uint32_t next = slot.generation + 1;
  if (next == 0) next = 1;
  slot = Slot{.generation = next};
  free_slots_.push_back(IndexOf(id));
}

io_uring_sqe* Loop::NextSqe() {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  while (sqe == nullptr) {
    io_uring_submit_and_get_events(&ring_);
    sqe = io_uring_get_sqe(&ring_);
  }
  return sqe;
}

void Loop::ArmPoll(uint64_t id, const Slot& slot) {
  io_uring_sqe* sqe = NextSqe();
  io_uring_prep_poll_multishot(sqe, slot.fd, slot.events);
  io_uring_sqe_set_data64(sqe, id);
}

void Loop::CancelPoll(uint64_t id) {
  FreeSlot(id);
  io_uring_sqe* sqe = NextSqe();
  // Not io_uring_prep_poll_remove: it fails (EALREADY) while a wake-up of the request is under way, and leaves it armed for
  // good, the file open.
  io_uring_prep_cancel64(sqe, id, 0);
  io_uring_sqe_set_data64(sqe, kNobody);
  // Now, not in the next turn: until then the request holds the file open, and a socket's address
  // taken.
  io_uring_submit_and_get_events(&ring_);
}

void Loop::StartPost(uint64_t id, const Slot& slot) {
  io_uring_sqe* sqe = NextSqe();
  io_uring_prep_send(sqe, slot.fd, slot.bytes.data(), slot.bytes.size(), MSG_NOSIGNAL);
  io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
  io_uring_sqe_set_data64(sqe, id);
  ++posts_in_flight_;
}

// --- Timers and tasks ---

size_t Loop::RunTimers() {
  if (timers_.empty()) return 0;
  size_t done = 0;
  // Bounded by their number: one that sets itself again at once waits for the next turn.
  for (size_t budget = timers_.size(); budget > 0 && !timers_.empty(); --budget) {
    Timer* timer = timers_.begin()->second;
    if (timer->due_ > now_) break;
    timer->Cancel();
    const auto callback = timer->callback_;
    (*callback)();
    ++done;
  }
  return done;
}

size_t Loop::RunTasks() {
  const size_t count = tasks_.size();
  size_t done = 0;
  for (size_t i = 0; i < count; ++i) {
    Task* task = std::exchange(tasks_[i], nullptr);
    if (task == nullptr) continue;
    task->scheduled_ = false;
    const auto callback = task->callback_;
    (*callback)();
    ++done;
  }
  tasks_.erase(tasks_.begin(), tasks_.begin() + static_cast<ptrdiff_t>(count));
  return done;
}

Watch::Watch(Loop& loop, int fd, uint32_t events, std::function<void(uint32_t)> callback)
    : loop_(loop),
      id_(loop.AddSlot(
          {.fd = fd,
           .events = events,
           .handler = std::make_shared<Loop::Handler>([callback = std::move(callback)](int result) {
             callback(static_cast<uint32_t>(result));
           })})) {
  loop_.ArmPoll(id_, *loop_.FindSlot(id_));
}

Watch::~Watch() { loop_.CancelPoll(id_); }

Timer::Timer(Loop& loop, std::function<void()> callback)
    : loop_(loop), callback_(std::make_shared<std::function<void()>>(std::move(callback))) {}

Timer::~Timer() { Cancel(); }

void Timer::Set(wire::Duration from_now) { SetAt(loop_.now() + from_now); }

void Timer::SetAt(wire::Instant due) {
  Cancel();
  if (due == wire::kNever) return;
  due_ = due;
  loop_.timers_.emplace(due_, this);
}

void Timer::Cancel() {
  if (!running()) return;
  loop_.timers_.erase({due_, this});
  due_ = wire::kNever;
}

Task::Task(Loop& loop, std::function<void()> callback)
    : loop_(loop), callback_(std::make_shared<std::function<void()>>(std::move(callback))) {}

Task::~Task() {
  if (scheduled_)
    std::replace(loop_.tasks_.begin(), loop_.tasks_.end(), this, static_cast<Task*>(nullptr));
}

void Task::Schedule() {
  if (std::exchange(scheduled_, true)) return;
  loop_.tasks_.push_back(this);
}

Post::Post(Loop& loop, int fd, std::function<void(int)> callback)
    : loop_(loop),
      fd_(fd),
      callback_(std::make_shared<std::function<void(int)>>(std::move(callback))) {}

Post::~Post() {
  if (busy_) loop_.FindSlot(id_)->handler = nullptr;
}

void Post::Send(std::vector<uint8_t> bytes) {
  busy_ = true;
  id_ = loop_.AddSlot({.fd = fd_,
                       .bytes = std::move(bytes),
                       .handler = std::make_shared<Loop::Handler>([this](int result) {
                         busy_ = false;
                         const auto callback = callback_;  // which may destroy this
                         (*callback)(result);
                       })});
  loop_.StartPost(id_, *loop_.FindSlot(id_));
}

}  // namespace warp::control
