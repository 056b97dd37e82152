// A Loop's back end by io_uring: multishot polls, and sends that a worker of the ring makes.
#ifndef WARP_CONTROL_LOOP_URING_POLLER_H_
#define WARP_CONTROL_LOOP_URING_POLLER_H_

#include <liburing.h>

#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "control/loop/poller.h"
#include "dataplane/os/unique_fd.h"

namespace warp::control {

class UringPoller : public Poller {
 public:
  // Unavailable, with the reason, where the kernel refuses an io_uring.
  static absl::StatusOr<std::unique_ptr<UringPoller>> Open();
  ~UringPoller() override;

  void AddPoll(uint64_t id, int fd, uint32_t events) override;
  void RemovePoll(uint64_t id, int fd) override;
  void StartSend(uint64_t id, int fd, std::vector<uint8_t> bytes) override;
  // Makes no system call where nothing has happened.
  size_t Take(std::span<Event> events) override;
  bool HasEvents() const override;
  void Sleep(wire::Duration time) override;
  void Arm() override;
  void Disarm(bool woken) override;
  int wake_fd() const override { return wake_fd_.get(); }

 private:
  UringPoller() = default;
  io_uring_sqe* NextSqe();
  void Submit();

  io_uring ring_{};
  bool ring_valid_ = false;
  os::UniqueFd wake_fd_;  // an eventfd that the ring writes, but only while armed
  // A send under way. The kernel reads the bytes until it completes. It looks the descriptor up only when it gets to
  // the send, so this is a duplicate: the caller may have closed its own by then.
  struct Send {
    os::UniqueFd fd;
    std::vector<uint8_t> bytes;
  };
  absl::flat_hash_map<uint64_t, Send> sends_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LOOP_URING_POLLER_H_
