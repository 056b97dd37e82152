// Collects what the packets of a burst add to their paths' counters. Packets of one path mostly come together, and are
// added together.
#ifndef WARP_DATAPLANE_LCORE_PIPELINE_IN_RECEIVED_TALLY_H_
#define WARP_DATAPLANE_LCORE_PIPELINE_IN_RECEIVED_TALLY_H_

#include <cstdint>

#include "dataplane/facade/counters.h"
#include "dataplane/lcore/pipeline/in/in_packet.h"

namespace warp::lcore {

class ReceivedTally {
 public:
  ReceivedTally() = default;
  ReceivedTally(const ReceivedTally&) = delete;
  ReceivedTally& operator=(const ReceivedTally&) = delete;
  ~ReceivedTally() { Flush(); }

  void First(const InPacket& packet) {
    SwitchTo(packet.path);
    ++first_;
    bytes_ += packet.frame_size;
  }
  void Duplicate(const InPacket& packet) {
    SwitchTo(packet.path);
    ++duplicate_;
    bytes_ += packet.frame_size;
  }

 private:
  void SwitchTo(PathCounters* path) {
    if (path == path_) return;
    Flush();
    path_ = path;
  }
  void Flush() {
    if (path_ != nullptr) {
      path_->rx_first.Add(first_);
      path_->rx_duplicate.Add(duplicate_);
      path_->rx_bytes.Add(bytes_);
    }
    first_ = duplicate_ = bytes_ = 0;
  }

  PathCounters* path_ = nullptr;  // null where the source is no endpoint we know
  uint64_t first_ = 0;
  uint64_t duplicate_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PIPELINE_IN_RECEIVED_TALLY_H_
