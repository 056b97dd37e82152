// The memory in which the tunnels of a node keep payloads that have left or have come already: what may have to be sent
// again (bond/sent_payloads.h), what waits for its place in the order (orderer.h), and what restores others
// (control/parity/recovery.h). All are at a peer's pleasure: one that is silent, leaves gaps, or sends parity makes
// them as large as they may be. So there is one bound for all tunnels together. When more is held, whoever has more
// than its fair part gives up its oldest for what it adds; who has less goes on. So one that is under attack takes
// nothing from the others. At most twice the bound is held.
//
// Pure; control thread only.
#ifndef WARP_CONTROL_TUNNEL_PACE_SHARED_ROOM_H_
#define WARP_CONTROL_TUNNEL_PACE_SHARED_ROOM_H_

#include <cstddef>

namespace warp::control {

class SharedRoom {
 public:
  static constexpr size_t kBytes = size_t{256} << 20;

  explicit SharedRoom(size_t bytes = kBytes) : bytes_(bytes) {}
  SharedRoom(const SharedRoom&) = delete;
  SharedRoom& operator=(const SharedRoom&) = delete;

  size_t used() const { return used_; }
  size_t holders() const { return holders_; }

  // What one holder has of the room.
  class Part {
   public:
    // `room` outlives it; null: there is no bound.
    explicit Part(SharedRoom* room) : room_(room) {}
    ~Part() { Remove(used_); }
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;

    void Add(size_t bytes) {
      if (room_ != nullptr) {
        room_->holders_ += used_ == 0 && bytes > 0 ? 1 : 0;
        room_->used_ += bytes;
      }
      used_ += bytes;
    }
    void Remove(size_t bytes) {
      if (room_ != nullptr) {
        room_->holders_ -= used_ == bytes && bytes > 0 ? 1 : 0;
        room_->used_ -= bytes;
      }
      used_ -= bytes;
    }
    void Set(size_t bytes) {
      Remove(used_);
      Add(bytes);
    }
    size_t used() const { return used_; }
    // The room is full, and this is more than its fair part.
    bool too_large() const {
      return room_ != nullptr && room_->used_ > room_->bytes_ &&
             used_ > room_->bytes_ / room_->holders_;
    }

   private:
    SharedRoom* const room_;
    size_t used_ = 0;
  };

 private:
  const size_t bytes_;
  size_t used_ = 0;
  size_t holders_ = 0;  // that have something
};

}  // namespace warp::control

#endif  // WARP_CONTROL_TUNNEL_PACE_SHARED_ROOM_H_
