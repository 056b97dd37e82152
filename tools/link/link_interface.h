// One end of a link: an interface whose frames are read and written as they are (packet(7)).
#ifndef WARP_TOOLS_LINK_LINK_INTERFACE_H_
#define WARP_TOOLS_LINK_LINK_INTERFACE_H_

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "dataplane/os/unique_fd.h"
#include "tools/link/model/link_frame.h"

namespace warp::tools {

// What was read at once. The memory is the batch's, until the next Receive.
class LinkBatch {
 public:
  static constexpr size_t kFrames = 64;
  static constexpr size_t kLargest = 65536 + kEthernetHeader;  // a joined frame

  LinkBatch();
  LinkBatch(const LinkBatch&) = delete;
  LinkBatch& operator=(const LinkBatch&) = delete;

  // Frames 0 to count - 1 of the last Receive.
  absl::Span<const uint8_t> frame(size_t i) const {
    return {&bytes_[i * kLargest], messages_[i].msg_len - sizeof(Offload)};
  }
  const Offload& offload(size_t i) const { return offloads_[i]; }

 private:
  friend class LinkInterface;

  const std::unique_ptr<uint8_t[]> bytes_;
  std::array<Offload, kFrames> offloads_{};
  std::array<std::array<iovec, 2>, kFrames> parts_{};
  std::array<mmsghdr, kFrames> messages_{};
};

class LinkInterface {
 public:
  // From here on the interface's frames are read, whomever they are for. NotFound where there is no such interface,
  // PermissionDenied without CAP_NET_RAW.
  static absl::StatusOr<LinkInterface> Open(const std::string& name);

  int fd() const { return fd_.get(); }
  const std::string& name() const { return name_; }

  // Reads what has come, at most a batch, and never waits. Returns how many frames the batch has. An interface that is
  // down has none; one that was removed is an error.
  absl::StatusOr<size_t> Receive(LinkBatch& batch);
  // Sends each frame as often as it says. Writes into `refused` whether the interface did not take it; both are of one
  // size, and at most LinkBatch::kFrames.
  void Send(absl::Span<LinkFrame* const> frames, absl::Span<bool> refused);

  // Frames that the kernel dropped since the last call, because they were not read in time.
  uint64_t TakeOverruns();
  // Frames since the last call whose kind of joining the kernel cannot pass on.
  uint64_t TakeUnreadable() { return std::exchange(unreadable_, 0); }

 private:
  LinkInterface(os::UniqueFd fd, std::string name, unsigned index)
      : fd_(std::move(fd)), name_(std::move(name)), index_(index) {}

  os::UniqueFd fd_;
  std::string name_;
  unsigned index_;
  uint64_t unreadable_ = 0;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_LINK_LINK_INTERFACE_H_
