// Collects what the packets of a burst add to their paths' counters, and the newest payload of each path. Packets of
// one session and path mostly come together, and are added together.
#ifndef WARP_DATAPLANE_LCORE_PIPELINE_IN_RECEIVED_TALLY_H_
#define WARP_DATAPLANE_LCORE_PIPELINE_IN_RECEIVED_TALLY_H_

#include <algorithm>
#include <cstdint>

#include "dataplane/facade/counters.h"
#include "dataplane/lcore/pipeline/in/in_packet.h"

namespace warp::lcore {

class ReceivedTally {
 public:
  // The burst was received when the time-stamp counter, each tick of which takes `ns`, stood at `now`.
  ReceivedTally(uint64_t now, double ns) : now_(now), ns_(ns) {}
  ReceivedTally(const ReceivedTally&) = delete;
  ReceivedTally& operator=(const ReceivedTally&) = delete;
  ~ReceivedTally() { Flush(); }

  // `payload`: it is no control message, as far as is known.
  void First(const InPacket& packet, bool payload) {
    SwitchTo(packet);
    ++first_;
    Note(packet, payload);
  }
  void Duplicate(const InPacket& packet, bool payload) {
    SwitchTo(packet);
    ++duplicate_;
    Note(packet, payload);
  }

 private:
  void SwitchTo(const InPacket& packet) {
    if (packet.path == path_ && packet.session == session_) return;
    Flush();
    path_ = packet.path;
    session_ = packet.session;
  }
  void Note(const InPacket& packet, bool payload) {
    bytes_ += packet.frame_size;
    end_ = std::max(end_, payload ? packet.counter + 1 : 0);
  }
  void Flush() {
    if (path_ != nullptr) {
      path_->rx_first.Add(first_);
      path_->rx_duplicate.Add(duplicate_);
      path_->rx_bytes.Add(bytes_);
      const wire::Session& session = *session_->session;
      if (end_ > 0)
        path_->newest.Note({session.local_index(), session.expires()}, end_ - 1, now_, ns_);
    }
    first_ = duplicate_ = bytes_ = end_ = 0;
  }

  const uint64_t now_;
  const double ns_;
  PathCounters* path_ = nullptr;  // null where the source is no endpoint we know
  const SessionEntry* session_ = nullptr;
  uint64_t first_ = 0;
  uint64_t duplicate_ = 0;
  uint64_t bytes_ = 0;
  uint64_t end_ = 0;  // behind the newest payload; 0: there is none
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PIPELINE_IN_RECEIVED_TALLY_H_
