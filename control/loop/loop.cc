#include "control/loop/loop.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "control/loop/epoll_poller.h"
#include "control/loop/uring_poller.h"
#include "dataplane/os/boot_clock.h"
#include "dataplane/os/errno_status.h"

namespace warp::control {
namespace {

constexpr size_t kEventsPerTake = 64;
constexpr wire::Duration kLongestWait = std::chrono::hours(1);
constexpr uint32_t kUnasked = POLLERR | POLLHUP | POLLNVAL;

// Generations start at 1, so that ids are not below Poller::kFirstId.
uint64_t MakeId(uint32_t index, uint32_t generation) { return uint64_t{generation} << 32 | index; }

constexpr wire::Duration kPollRetry = std::chrono::milliseconds(100);
constexpr wire::Duration kWarningInterval = std::chrono::minutes(1);

// Whether a poll that failed so can never succeed: there is no such descriptor, or it is a file of a kind that is
// always ready. Others failed because the kernel had no memory, no descriptor or no watch left.
bool IsForGood(int error) {
  return error == EBADF || error == EPERM || error == EINVAL || error == EOPNOTSUPP;
}

uint32_t IndexOf(uint64_t id) { return static_cast<uint32_t>(id); }
uint32_t GenerationOf(uint64_t id) { return static_cast<uint32_t>(id >> 32); }

}  // namespace

absl::StatusOr<std::unique_ptr<Loop>> Loop::Open() {
  absl::StatusOr<std::unique_ptr<Loop>> loop = Open(BackEnd::kUring);
  if (loop.ok()) return loop;
  const std::string reason(loop.status().message());
  loop = Open(BackEnd::kEpoll);
  if (loop.ok()) (*loop)->fallback_reason_ = reason;
  return loop;
}

absl::StatusOr<std::unique_ptr<Loop>> Loop::Open(BackEnd back_end) {
  const auto with = [back_end](auto poller) -> absl::StatusOr<std::unique_ptr<Loop>> {
    if (!poller.ok()) return poller.status();
    return std::unique_ptr<Loop>(new Loop(back_end, *std::move(poller)));
  };
  return back_end == BackEnd::kUring ? with(UringPoller::Open()) : with(EpollPoller::Open());
}

Loop::Loop(BackEnd back_end, std::unique_ptr<Poller> poller)
    : back_end_(back_end),
      poller_(std::move(poller)),
      now_(ReadClock()),
      retry_(std::make_unique<Timer>(*this, [this] { AddFailedPolls(); })) {}

Loop::~Loop() = default;

std::unique_ptr<Loop> Loop::Create(std::unique_ptr<Poller> poller) {
  return std::unique_ptr<Loop>(new Loop(BackEnd::kEpoll, std::move(poller)));
}

absl::string_view Loop::back_end_name() const {
  return back_end_ == BackEnd::kUring ? "io_uring" : "epoll";
}

// --- The turn ---

wire::Instant Loop::ReadClock() const { return os::Now(); }

wire::Instant Loop::BeginTurn() {
  turn_begun_ = true;
  return now_ = ReadClock();
}

size_t Loop::RunOnce(size_t max_events) {
  assert(thread_.IsCurrent());
  if (!turn_begun_) BeginTurn();
  turn_begun_ = false;
  const size_t events = RunEvents(max_events);
  return events + RunTimers() + RunTasks();
}

// Until the next timer, from this very moment; nothing where tasks are waiting.
wire::Duration Loop::TimeToSleep(wire::Duration timeout) const {
  if (!tasks_.empty()) return wire::Duration::zero();
  // Clamped first: the caller's timeout may be as long as the type allows.
  timeout = std::clamp(timeout, wire::Duration::zero(), wire::Duration(kLongestWait));
  wire::Instant until = now_ + timeout;
  if (!timers_.empty()) until = std::min(until, timers_.begin()->first);
  return std::max(until - ReadClock(), wire::Duration::zero());
}

wire::Duration Loop::ArmSleep(wire::Duration timeout) {
  poller_->Arm();
  return poller_->HasEvents() ? wire::Duration::zero() : TimeToSleep(timeout);
}

void Loop::DisarmSleep(bool woken) {
  now_ = ReadClock();
  poller_->Disarm(woken);
}

void Loop::Wait(wire::Duration timeout) {
  assert(thread_.IsCurrent());
  timeout = TimeToSleep(timeout);
  if (timeout > wire::Duration::zero()) poller_->Sleep(timeout);
  now_ = ReadClock();
}

// --- Events ---

size_t Loop::RunEvents(size_t max_events) {
  size_t done = 0;
  while (done < max_events) {
    // All are taken before any callback runs: callbacks submit and take on their own when they destroy a watch.
    std::array<Poller::Event, kEventsPerTake> events;
    const size_t wanted = std::min(max_events - done, kEventsPerTake);
    const size_t count = poller_->Take({events.data(), wanted});
    for (size_t i = 0; i < count; ++i) Dispatch(events[i]);
    done += count;
    if (count < wanted) break;
  }
  return done;
}

void Loop::Dispatch(const Poller::Event& event) {
  Slot* slot = FindSlot(event.id);
  if (slot == nullptr) return;
  const std::shared_ptr<Handler> handler = slot->handler;
  int result = event.result;
  const uint32_t events = slot->events;
  if (events == 0) {
    FreeSlot(event.id);
  } else if (result < 0 && !IsForGood(-result)) {
    return PollFailed(event.id, -result);
  } else if (result < 0) {
    result = POLLNVAL;
  } else if (event.ended) {
    poller_->AddPoll(event.id, slot->fd, slot->events);
  }
  // io_uring tells POLLRDHUP to everybody.
  if (events != 0 && (result &= static_cast<int>(events | kUnasked)) == 0) return;
  if (handler != nullptr) (*handler)(result);
}

// Its owner would otherwise never hear again, and a gate would be deaf without a word.
void Loop::PollFailed(uint64_t id, int error) {
  failed_polls_.push_back(id);
  if (!retry_->running()) retry_->Set(kPollRetry);
  if (warn_ == nullptr || now_ < next_warning_) return;
  next_warning_ = now_ + kWarningInterval;
  warn_(absl::StrCat("the event loop cannot watch a descriptor now, and tries again: ",
                     os::ErrnoText(error)));
}

void Loop::AddFailedPolls() {
  for (const uint64_t id : std::exchange(failed_polls_, {})) {
    const Slot* slot = FindSlot(id);
    if (slot != nullptr) poller_->AddPoll(id, slot->fd, slot->events);
  }
}

uint64_t Loop::AddSlot(Slot slot) {
  assert(thread_.IsCurrent());
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

// --- Timers and tasks ---

size_t Loop::RunTimers() {
  size_t done = 0;
  // Those that are due now are set apart, so that one that sets itself again at once waits for the next turn, and holds
  // up nobody.
  while (!timers_.empty() && timers_.begin()->first <= now_ &&
         due_timers_.size() < kCallbacksPerTurn) {
    due_timers_.insert(timers_.extract(timers_.begin()));
  }
  while (!due_timers_.empty()) {
    Timer* timer = due_timers_.begin()->second;
    timer->Cancel();
    const auto callback = timer->callback_;
    (*callback)();
    ++done;
  }
  return done;
}

size_t Loop::RunTasks() {
  const size_t count = std::min(tasks_.size(), kCallbacksPerTurn);
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

// --- What belongs to the loop's users ---

// Errors are told in any case. A slot without any event would be that of a send, which ends with its first result.
Watch::Watch(Loop& loop, int fd, uint32_t events, std::function<void(uint32_t)> callback)
    : loop_(loop),
      fd_(fd),
      id_(loop.AddSlot(
          {.fd = fd,
           .events = events | POLLERR,
           .handler = std::make_shared<Loop::Handler>([callback = std::move(callback)](int result) {
             callback(static_cast<uint32_t>(result));
           })})) {
  loop_.poller_->AddPoll(id_, fd, events);
}

Watch::~Watch() {
  loop_.FreeSlot(id_);
  loop_.poller_->RemovePoll(id_, fd_);
}

Timer::Timer(Loop& loop, std::function<void()> callback)
    : loop_(loop), callback_(std::make_shared<std::function<void()>>(std::move(callback))) {}

Timer::~Timer() { Cancel(); }

void Timer::Set(wire::Duration from_now) {
  SetAt(from_now < wire::kNever - loop_.now() ? loop_.now() + from_now : wire::kNever);
}

void Timer::SetAt(wire::Instant due) {
  Cancel();
  if (due == wire::kNever) return;
  due_ = due;
  loop_.timers_.emplace(due_, this);
}

void Timer::Cancel() {
  if (!running()) return;
  if (loop_.timers_.erase({due_, this}) == 0) loop_.due_timers_.erase({due_, this});
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

AsyncSend::AsyncSend(Loop& loop, int fd, std::function<void(int)> callback)
    : loop_(loop),
      fd_(fd),
      callback_(std::make_shared<std::function<void(int)>>(std::move(callback))) {}

AsyncSend::~AsyncSend() {
  if (busy_) loop_.FindSlot(id_)->handler = nullptr;
}

void AsyncSend::Send(std::vector<uint8_t> bytes) {
  assert(!busy_);
  busy_ = true;
  id_ = loop_.AddSlot({.fd = fd_, .handler = std::make_shared<Loop::Handler>([this](int result) {
                                    busy_ = false;
                                    const auto callback = callback_;  // which may destroy this
                                    (*callback)(result);
                                  })});
  loop_.poller_->StartSend(id_, fd_, std::move(bytes));
}

}  // namespace warp::control
