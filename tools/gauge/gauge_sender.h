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
  // Sends through `fd`, a connected socket that must outlive this, for `seconds`; 0: until it is stopped.
  GaugeSender(int fd, uint64_t run, double rate, size_t size, double seconds);
  ~GaugeSender();  // stops and waits
  GaugeSender(const GaugeSender&) = delete;
  GaugeSender& operator=(const GaugeSender&) = delete;

  void Stop() { stop_ = true; }  // takes effect within some 50 ms
  // Returns a descriptor that is readable once the last datagram has left. The figures then no longer change.
  int done_fd() const { return done_.get(); }

  uint64_t sent() const { return sent_; }  // also the number of the next datagram
  uint64_t errors() const { return errors_; }

 private:
  void Run();
  // Sends `count` datagrams with the next numbers. It sends fewer if it is stopped, or reaches `end`, while a Unix
  // socket is full.
  void SendBatch(size_t count, uint64_t end);

  const int fd_;
  const uint64_t run_;
  const double rate_;
  const size_t size_;
  const double seconds_;
  const bool waits_;              // true for a Unix socket, on which each send may wait long
  os::UniqueFd done_;             // eventfd
  std::vector<uint8_t> buffers_;  // belongs to the sending thread
  std::atomic<bool> stop_ = false;
  std::atomic<uint64_t> sent_ = 0;    // written by the sending thread
  std::atomic<uint64_t> errors_ = 0;  // written by the sending thread
  std::thread thread_;                // last, because it uses the other members
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_GAUGE_GAUGE_SENDER_H_
