// The event loop of a thread: readiness of descriptors, timers, deferred tasks.
//
//   while (running) {
//     loop.BeginTurn();                                   // reads the clock: loop.now() of this turn
//     ... payloads: what the owner has to do first ...
//     loop.RunOnce(64);                                   // dispatch what happened, never blocks
//     ... protocol, flushes: the rest of the owner's turn ...
//     if (nothing_to_do) loop.Wait(until_next_timeout);   // sleeps; dispatches nothing
//   }
//
// Code that runs on a loop takes the time from now(), or as a parameter, and never from a clock, so that all parts of a
// turn agree on it.
//
// The loop tells readiness; the data itself moves by recvmmsg and sendmmsg, which cost the same per datagram as
// requests in an io_uring (docs/decisions.md) and need no buffers lent to the kernel. The exception is AsyncSend: a
// send that may wait for a lock of the kernel is made on another thread.
//
// A loop has one of two back ends (poller.h): io_uring, by which a turn without events costs no system call, or epoll
// where the system forbids io_uring. They behave alike.
//
// Single-threaded: the thread that opened the loop makes all calls. Watches, timers, tasks and sends belong to their
// creator, unregister in their destructor, and must not outlive the loop. A callback may destroy any of them, its own
// included; one that was destroyed is not called again, even if its event had already happened.
#ifndef WARP_CONTROL_LOOP_LOOP_H_
#define WARP_CONTROL_LOOP_LOOP_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "control/loop/poller.h"
#include "dataplane/os/thread_checker.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class Loop {
 public:
  enum class BackEnd : uint8_t { kUring, kEpoll };

  // io_uring where the system lets us, else epoll. Unavailable where the process is out of descriptors.
  static absl::StatusOr<std::unique_ptr<Loop>> Open();
  // This one or none: Unavailable, with the reason, where the system forbids it.
  static absl::StatusOr<std::unique_ptr<Loop>> Open(BackEnd back_end);
  ~Loop();  // waits for the sends under way
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Over another back end than those two: for tests.
  static std::unique_ptr<Loop> Create(std::unique_ptr<Poller> poller);

  // Called with a sentence where a descriptor cannot be watched for now, once a minute at most. It is tried again every
  // 100 ms, and nothing that happens meanwhile is lost: what is ready then is told.
  void set_warn(std::function<void(const std::string&)> warn) { warn_ = std::move(warn); }

  absl::string_view back_end_name() const;  // "io_uring" or "epoll"
  // Why it is not io_uring; empty where it is, or where epoll was asked for.
  const std::string& fallback_reason() const { return fallback_reason_; }

  // The time of the present turn. It is read once per turn, and anew after a sleep.
  wire::Instant now() const { return now_; }

  // Begins a turn: reads the clock, and returns the time. An owner whose turn starts with work of its own calls this
  // before that work; otherwise RunOnce does it.
  wire::Instant BeginTurn();

  // A fresh reading, to measure how long something took or to poll the kernel during set-up. It leaves now() as it is.
  wire::Instant ReadClock() const;

  // Runs up to `max_events` callbacks of descriptors, then timers that are due, then tasks scheduled before this call:
  // those that wait longest, and at most kCallbacksPerTurn of each of the two kinds. The next turn goes on. Returns how
  // many callbacks ran.
  static constexpr size_t kCallbacksPerTurn = 64;
  size_t RunOnce(size_t max_events);

  // Sleeps until there is something for RunOnce to do, or `timeout` has passed since now(); 0 or less only looks.
  // Returns at once where events, tasks or due timers are waiting. Reads the clock afterwards.
  void Wait(wire::Duration timeout);

  // The same for an owner that sleeps by its own means:
  //
  //   const Duration time = loop.ArmSleep(timeout);   // zero: RunOnce has something to do
  //   poll(wake_fd, time);
  //   loop.DisarmSleep(wake_fd is readable);
  //
  // As by Wait, the timeout counts from now().
  wire::Duration ArmSleep(wire::Duration timeout);
  void DisarmSleep(bool woken);  // whether wake_fd was readable
  int wake_fd() const { return poller_->wake_fd(); }

 private:
  friend class Watch;
  friend class Timer;
  friend class Task;
  friend class AsyncSend;
  using Handler = std::function<void(int result)>;

  // One request of the poller: a poll, or a send. Its id is its number and generation, so that a late event finds
  // nobody.
  struct Slot {
    uint32_t generation = 1;
    bool used = false;
    int fd = -1;
    uint32_t events = 0;               // of a poll; 0: a send
    std::shared_ptr<Handler> handler;  // shared: its owner may be destroyed while it runs
  };

  Loop(BackEnd back_end, std::unique_ptr<Poller> poller);
  uint64_t AddSlot(Slot slot);
  Slot* FindSlot(uint64_t id);
  void FreeSlot(uint64_t id);
  void Dispatch(const Poller::Event& event);
  void PollFailed(uint64_t id, int error);
  void AddFailedPolls();
  size_t RunEvents(size_t max_events);
  size_t RunTimers();
  size_t RunTasks();
  wire::Duration TimeToSleep(wire::Duration timeout) const;

  const BackEnd back_end_;
  std::string fallback_reason_;
  const std::unique_ptr<Poller> poller_;
  const os::ThreadChecker thread_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_slots_;
  wire::Instant now_;
  bool turn_begun_ = false;  // BeginTurn was called since the last RunOnce
  using Timers = std::set<std::pair<wire::Instant, class Timer*>>;
  Timers timers_;
  Timers due_timers_;               // of this turn, which RunTimers runs
  std::vector<class Task*> tasks_;  // null: destroyed meanwhile
  std::function<void(const std::string&)> warn_;
  wire::Instant next_warning_;
  std::vector<uint64_t>
      failed_polls_;  // ids of those that are yet to be added again, when the timer says so
  std::unique_ptr<class Timer> retry_;
};

// Tells when a descriptor becomes ready: edge-triggered, as epoll's EPOLLET. The callback must go on until EAGAIN (or a
// short count), or schedule a Task to continue: what it leaves is not told again. Readiness at construction is told.
class Watch {
 public:
  // `events`: POLLIN, POLLOUT; the callback gets those that happened, and POLLERR and POLLHUP unasked; POLLNVAL, once,
  // where the descriptor is of a kind that cannot be polled. `fd` stays the caller's; destroy the watch before closing
  // it. It is of a kind that becomes ready (a socket, a pipe, an eventfd): the back ends differ over files that always
  // are.
  Watch(Loop& loop, int fd, uint32_t events, std::function<void(uint32_t events)> callback);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  Loop& loop_;
  const int fd_;
  const uint64_t id_;
};

// Runs its callback once at a time, or never.
class Timer {
 public:
  Timer(Loop& loop, std::function<void()> callback);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void Set(wire::Duration from_now);  // after the loop's now(); replaces what was set before
  void SetAt(wire::Instant due);      // likewise
  void Cancel();
  bool running() const { return due_ != wire::kNever; }
  wire::Instant due() const { return due_; }  // kNever: not running

 private:
  friend class Loop;
  Loop& loop_;
  const std::shared_ptr<std::function<void()>> callback_;
  wire::Instant due_ = wire::kNever;
};

// Runs its callback in the next turn: how work that exceeds a turn's budget goes on.
class Task {
 public:
  Task(Loop& loop, std::function<void()> callback);
  ~Task();
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  void Schedule();  // once, however often it is called before it runs
  bool scheduled() const { return scheduled_; }

 private:
  friend class Loop;
  Loop& loop_;
  const std::shared_ptr<std::function<void()>> callback_;
  bool scheduled_ = false;
};

// Sends bytes on a socket from another thread, one call at a time: for sockets whose send does the work of the request
// itself and may wait for a lock (rtnetlink and its RTNL), which the loop's thread must not.
class AsyncSend {
 public:
  // `callback` gets the result of the call: bytes sent, or a negative errno.
  AsyncSend(Loop& loop, int fd, std::function<void(int result)> callback);
  ~AsyncSend();  // a call under way goes on with its own copy of the bytes; its result is dropped
  AsyncSend(const AsyncSend&) = delete;
  AsyncSend& operator=(const AsyncSend&) = delete;

  bool busy() const { return busy_; }
  void Send(std::vector<uint8_t> bytes);  // not while busy

 private:
  Loop& loop_;
  const int fd_;
  const std::shared_ptr<std::function<void(int)>> callback_;
  bool busy_ = false;
  uint64_t id_ = 0;  // of the call under way
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LOOP_LOOP_H_
