// The sending half of a gauge, on a thread of its own: datagrams of one run at an even rate.
#ifndef WARP_TOOLS_GAUGE_GAUGE_SENDER_H_
#define WARP_TOOLS_GAUGE_GAUGE_SENDER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "dataplane/os/unique_fd.h"

namespace warp::tools {

class GaugeSender {
 public:
  // Sends through `fd` (a connected socket, which must outlive this) for so many seconds; 0: until stopped.
  GaugeSender(int fd, uint64_t run, double rate, size_t size, double seconds);
  ~GaugeSender();  // stops and waits
  GaugeSender(const GaugeSender&) = delete;
  GaugeSender& operator=(const GaugeSender&) = delete;

  void Stop() { stop_ = true; }  // within some 50 ms
  // Readable once the last datagram has left; then the figures no longer change.
  int done_fd() const { return done_.get(); }

  uint64_t sent() const { return sent_; }  // also the number of the next one
  uint64_t errors() const { return errors_; }

 private:
  void Run();
  // Sends `count` datagrams with the next numbers; fewer if it is stopped, or `end` comes, while a Unix socket is full.
  void SendBatch(size_t count, uint64_t end);

  const int fd_;
  const uint64_t run_;
  const double rate_;
  const size_t size_;
  const double seconds_;
  const bool waits_;              // a Unix socket: each send may wait long
  os::UniqueFd done_;             // eventfd
  std::vector<uint8_t> buffers_;  // the sending thread's
  std::atomic<bool> stop_ = false;
  std::atomic<uint64_t> sent_ = 0;    // written by the sending thread
  std::atomic<uint64_t> errors_ = 0;  // likewise
  std::thread thread_;                // last: it uses the others
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_GAUGE_GAUGE_SENDER_H_
