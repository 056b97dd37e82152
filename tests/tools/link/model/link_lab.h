// A direction of a link in virtual time: frames go in by a plan, and what arrives is kept with its time.
#ifndef WARP_TESTS_TOOLS_LINK_MODEL_LINK_LAB_H_
#define WARP_TESTS_TOOLS_LINK_MODEL_LINK_LAB_H_

#include <cstring>
#include <vector>

#include "tools/link/model/link_direction.h"

namespace warp::tools {

class LinkLab {
 public:
  struct Arrival {
    Nanos at;
    uint32_t number;
    std::vector<uint8_t> bytes;
    uint8_t copies;
    Offload offload;
  };

  explicit LinkLab(const LinkOptions& options, uint64_t seed = 1) : link_(options, seed, 0) {}

  // Sends a frame at `now`, with the next number in the four bytes behind the Ethernet header.
  LinkDrop Send(Nanos now, size_t size = 1442, const Offload& offload = {}) {
    RunTo(now);
    std::vector<uint8_t> frame(size, 0x5A);
    const uint32_t number = sent_++;
    if (size >= kEthernetHeader + 4) std::memcpy(&frame[kEthernetHeader], &number, 4);
    return link_.Take(now, frame, offload);
  }
  // Sends frames from `begin` to `end` as if at this rate.
  void Load(Nanos begin, Nanos end, double bits_per_second, size_t size = 1442) {
    const double gap = static_cast<double>(size) * 8e9 / bits_per_second;
    for (double at = 0; at < static_cast<double>(end - begin); at += gap) {
      Send(begin + static_cast<Nanos>(at), size);
    }
  }
  // Takes out everything that arrives by `now`, each at its own moment.
  void RunTo(Nanos now) {
    while (link_.next() <= now) {
      const Nanos at = link_.next();
      LinkFrame* frame = link_.Due(at);
      Arrival arrival{
          at, 0, {frame->bytes(), frame->bytes() + frame->size}, frame->copies, frame->offload};
      if (frame->size >= kEthernetHeader + 4) {
        std::memcpy(&arrival.number, frame->bytes() + kEthernetHeader, 4);
      }
      arrived_.push_back(std::move(arrival));
      link_.Release(frame, LinkDrop::kNone);
    }
  }
  void RunOut() { RunTo(kNeverNanos - 1); }

  // Bits that arrived from `begin` until just before `end`, a second.
  double Rate(Nanos begin, Nanos end) const {
    double bits = 0;
    for (const Arrival& arrival : arrived_) {
      if (arrival.at >= begin && arrival.at < end) bits += 8.0 * arrival.bytes.size();
    }
    return bits * 1e9 / static_cast<double>(end - begin);
  }

  const std::vector<Arrival>& arrived() const { return arrived_; }
  uint64_t drops(LinkDrop drop) const { return link_.counts().drop(drop); }
  LinkDirection& link() { return link_; }

 private:
  LinkDirection link_;
  uint32_t sent_ = 0;
  std::vector<Arrival> arrived_;
};

}  // namespace warp::tools

#endif  // WARP_TESTS_TOOLS_LINK_MODEL_LINK_LAB_H_
