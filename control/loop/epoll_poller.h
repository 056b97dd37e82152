// A Loop's back end by epoll, for systems where io_uring is forbidden or absent. A turn without events costs one system
// call here, and sends that may block go to a helper thread.
#ifndef WARP_CONTROL_LOOP_EPOLL_POLLER_H_
#define WARP_CONTROL_LOOP_EPOLL_POLLER_H_

#include <deque>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "control/loop/helper_thread.h"
#include "control/loop/poller.h"
#include "dataplane/os/unique_fd.h"

namespace warp::control {

class EpollPoller : public Poller {
 public:
  // Unavailable, with the reason, where the process is out of descriptors.
  static absl::StatusOr<std::unique_ptr<EpollPoller>> Open();
  ~EpollPoller() override;

  void AddPoll(uint64_t id, int fd, uint32_t events) override;
  void RemovePoll(uint64_t id, int fd) override;
  void StartSend(uint64_t id, int fd, std::vector<uint8_t> bytes) override;
  size_t Take(std::span<Event> events) override;
  bool HasEvents() const override;
  void Sleep(wire::Duration time) override;
  // An epoll descriptor is readable itself while something has happened: there is nothing to arm.
  void Arm() override {}
  void Disarm(bool) override {}
  int wake_fd() const override { return epoll_.get(); }

 private:
  explicit EpollPoller(os::UniqueFd epoll) : epoll_(std::move(epoll)) {}
  int Add(uint64_t id, int fd, uint32_t events);
  absl::Status StartHelper();
  size_t TakeWaiting(std::span<Event> events);

  const os::UniqueFd epoll_;
  // The poll in whose name epoll knows a caller's descriptor. A poll that was refused is not here, so that its removal
  // takes nothing from another poll of the same descriptor, or of the same number.
  absl::flat_hash_map<int, uint64_t> polls_;
  // Duplicates of descriptors that had a poll already: epoll takes a descriptor once.
  absl::flat_hash_map<uint64_t, os::UniqueFd> duplicates_;
  std::deque<Event> waiting_;  // those that epoll does not tell: refused polls, ends of sends
  std::unique_ptr<HelperThread> helper_;  // makes the sends; null: there was none yet
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LOOP_EPOLL_POLLER_H_
