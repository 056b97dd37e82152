// The back end of a Loop: tells which descriptors have become ready, sleeps until one does, and makes sends that may
// block. UringPoller is the usual one; EpollPoller serves where the system forbids io_uring. The loop's thread makes
// all calls.
#ifndef WARP_CONTROL_LOOP_POLLER_H_
#define WARP_CONTROL_LOOP_POLLER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/wire/time.h"

namespace warp::control {

class Poller {
 public:
  // Ids are the loop's, and 2^32 or more. An event may name an id that was removed meanwhile: the loop knows.
  static constexpr uint64_t kFirstId = uint64_t{1} << 32;
  struct Event {
    uint64_t id = 0;
    // The result of a poll is what happened (POLLIN, ...), that of a send is the bytes sent; else a negative errno.
    int result = 0;
    bool ended = false;  // the poll has to be added again to tell more
  };

  virtual ~Poller() = default;  // waits for the sends under way, though not for ever

  // Tells each time when `fd` becomes ready for one of `events`, edge-triggered as epoll's EPOLLET, and at once if it
  // is ready. A descriptor may have several polls. Where it cannot be polled, or no longer, one event with a negative
  // errno says so.
  virtual void AddPoll(uint64_t id, int fd, uint32_t events) = 0;
  // Holds the descriptor's file no longer when it returns, so that closing `fd` closes the file.
  virtual void RemovePoll(uint64_t id, int fd) = 0;

  // send(2) on a thread other than the loop's. The caller may close `fd` meanwhile.
  virtual void StartSend(uint64_t id, int fd, std::vector<uint8_t> bytes) = 0;

  // Fills `events` with what has happened, and returns how many. Never blocks.
  virtual size_t Take(std::span<Event> events) = 0;
  // Whether Take would find something.
  virtual bool HasEvents() const = 0;
  // Until something has happened, or `time`, which is more than 0, has passed.
  virtual void Sleep(wire::Duration time) = 0;

  // Between Arm and Disarm, `wake_fd` is readable once something has happened. What happened before Arm, HasEvents
  // tells.
  virtual void Arm() = 0;
  virtual void Disarm(bool woken) = 0;  // whether wake_fd was readable
  virtual int wake_fd() const = 0;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LOOP_POLLER_H_
