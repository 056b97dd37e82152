// Frames on their way into a socket, a burst in one call of sendmmsg(2). Neighbours of one flow and one size form a
// run, which leaves as one message, because the kernel then handles them in one pass.
//
//   burst      A1 A2 A3 B1 B2 c      A, B: copies for two paths; c: a probe
//   messages   [A1 A2 A3] [B1 B2] [c]
//
// What a message looks like is the driver's (packet_socket, udp_socket), and so is what an error means. The worker's
// thread.
#ifndef WARP_DATAPLANE_LCORE_PORT_JOINED_FRAME_RUNS_H_
#define WARP_DATAPLANE_LCORE_PORT_JOINED_FRAME_RUNS_H_

#include <rte_mbuf.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/facade/counters.h"
#include "dataplane/wire/bytes.h"

namespace warp::lcore {

class FrameRuns {
 public:
  static constexpr size_t kFrames = 64;   // of one call
  static constexpr size_t kSegments = 4;  // of a frame's chain; ours have two

  // How many frames, from the first on, can leave as one. The first begins with `header_size` bytes of headers
  // (wire::JoinableHeaderSize). At most `most` frames of `most_payload` bytes in all.
  static uint16_t Length(rte_mbuf* const* frames, uint16_t count, size_t header_size, uint32_t most,
                         size_t most_payload);
  static wire::Bytes FirstBytes(const rte_mbuf* frame) {
    return {rte_pktmbuf_mtod(frame, const uint8_t*), rte_pktmbuf_data_len(frame)};
  }

  // --- Making messages: the runs of a burst in their order. ---
  void Clear() { size_ = 0, next_ = vectors_.data(); }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  uint16_t frames_of(size_t run) const { return runs_[run].frames; }
  // Begins the message of the next run. Its header is the driver's to fill in, but for its vectors.
  msghdr* Begin();
  // Appends to that message.
  void Add(void* bytes, size_t size) { *next_++ = {bytes, size}; }
  // Appends the frames of the run, each without its first `skip` bytes, and ends the message. Returns the bytes
  // appended.
  size_t End(rte_mbuf* const* frames, uint16_t count, size_t skip);

  // Sends what the socket takes now, and returns how many frames that were, from the front. They are counted and freed.
  // 0: none, with errno. `frames` are those of the first run on.
  uint16_t Send(int fd, rte_mbuf** frames);

  // Any thread.
  uint64_t packets() const { return packets_.Get(); }  // sent
  uint64_t bytes() const { return bytes_.Get(); }      // of whole frames

 private:
  struct Run {
    uint16_t frames = 0;
    uint32_t bytes = 0;  // of the frames
  };
  // Each run may need two vectors beside those of its frames' pieces.
  static constexpr size_t kVectors = kFrames * (kSegments + 2);

  size_t size_ = 0;
  iovec* next_ = nullptr;
  iovec* first_ = nullptr;  // of the last message
  std::array<Run, kFrames> runs_;
  std::array<mmsghdr, kFrames> messages_{};
  std::array<iovec, kVectors> vectors_;

  Counter packets_;
  Counter bytes_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_JOINED_FRAME_RUNS_H_
