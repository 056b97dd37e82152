// One direction of a link, without I/O and in whatever time its user counts.
//
// What becomes of a frame is decided when it comes, because the link's future is known: its rate, its outages, and what
// waits before the frame. A frame passes these in turn, and each may end it under the name of a drop:
//
//   oversize?  ──►  down?  ──►  transmitter: queue?  ──►  loss?  ──►  delay, jitter, slots, reorder
//        ──►  under way: down?  ──►  arena?  ──►  duplicate, corrupt  ──►  Due
//
// The same seed and the same frames at the same moments give the same results, everywhere.
#ifndef WARP_TOOLS_LINK_MODEL_LINK_DIRECTION_H_
#define WARP_TOOLS_LINK_MODEL_LINK_DIRECTION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/types/span.h"
#include "tools/gauge/latency_histogram.h"
#include "tools/link/model/link_arena.h"
#include "tools/link/model/link_capacity.h"
#include "tools/link/model/link_frame.h"
#include "tools/link/model/link_options.h"
#include "tools/link/model/link_outages.h"
#include "tools/link/model/link_random.h"

namespace warp::tools {

// Why a frame did not arrive. kRefused and kOverrun are named by whoever does the I/O.
enum class LinkDrop : uint8_t {
  kNone,
  kQueue,     // the buffer was full
  kLoss,      // lost by chance
  kDown,      // the link was dead, or died while the frame was under way
  kOversize,  // joined, or above the MTU
  kArena,     // the memory was full
  kRefused,   // the far interface did not take it
  kOverrun,   // the kernel dropped it before it could be read
  kCount
};
const char* LinkDropName(LinkDrop drop);

struct LinkCounts {
  uint64_t frames = 0;           // that came, without kOverrun
  uint64_t bytes = 0;            // of them
  uint64_t delivered = 0;        // that arrived, each once
  uint64_t delivered_bytes = 0;  // of them
  uint64_t duplicated = 0;       // arrived a second time
  uint64_t corrupted = 0;
  uint64_t reordered = 0;  // held back
  uint64_t joined = 0;     // of those dropped as kOversize
  std::array<uint64_t, static_cast<size_t>(LinkDrop::kCount)> drops{};

  uint64_t drop(LinkDrop name) const { return drops[static_cast<size_t>(name)]; }
  void Drop(LinkDrop name, uint64_t count = 1) { drops[static_cast<size_t>(name)] += count; }
};

class LinkDirection {
 public:
  // Options are valid (link_options.h). Directions of one link have different `stream`s.
  LinkDirection(const LinkOptions& options, uint64_t seed, uint64_t stream);

  // False where the system has not promised the memory: every frame is then dropped as kArena.
  bool HasMemory() const { return arena_.Exists(); }

  // Takes a frame that comes at `now`, and counts it. The bytes are copied. Moments of consecutive calls, whichever
  // function it is, may not fall.
  LinkDrop Take(Nanos now, absl::Span<const uint8_t> frame, const Offload& offload = {});

  // When the next frame arrives, or kNeverNanos.
  Nanos next() const;
  // The next frame that has arrived by `now`, or null. It is the caller's until Release.
  LinkFrame* Due(Nanos now);
  // The frame was delivered, or ended as kRefused, and its memory is free.
  void Release(LinkFrame* frame, LinkDrop end);

  // How long a frame that comes at `now` would wait for its turn at the transmitter.
  Nanos Queue(Nanos now) const;
  // Samples the queue at each full millisecond until `now`, which every Take does first: the samples are those of an
  // observer who never sleeps.
  void SampleTo(Nanos now);
  const LatencyHistogram& queue_samples() const { return samples_; }
  // The longest queue among the samples since the last call.
  Nanos TakePeak() { return std::exchange(peak_, 0); }

  const LinkCounts& counts() const { return counts_; }
  void CountOverruns(uint64_t frames) { counts_.Drop(LinkDrop::kOverrun, frames); }
  // Joined frames of a kind that the kernel cannot pass on. Their sizes are unknown.
  void CountUnreadable(uint64_t frames);
  uint64_t under_way() const { return under_way_; }

 private:
  // Frames in the order in which they arrive.
  struct List {
    LinkFrame* first = nullptr;
    LinkFrame* last = nullptr;

    void Push(LinkFrame* frame);
    LinkFrame* Pop();
    Nanos next() const { return first != nullptr ? first->due : kNeverNanos; }
  };

  LinkDrop Pass(Nanos now, absl::Span<const uint8_t> frame, const Offload& offload);
  bool IsOversize(absl::Span<const uint8_t> frame, const Offload& offload);
  bool IsLost();
  Nanos Arrival(Nanos sent);
  void Disturb(LinkFrame& frame);

  const LinkOptions options_;
  const LinkOutages outages_;
  LinkCapacity capacity_;
  LinkArena arena_;

  LinkRandom loss_;
  LinkRandom jitter_;
  LinkRandom reorder_;
  LinkRandom duplicate_;
  LinkRandom corrupt_;

  bool bad_ = false;        // the state of Gilbert and Elliott
  Nanos last_taken_ = -1;   // when the transmitter got its last frame
  Nanos last_arrival_ = 0;  // of a frame that was not held back
  List on_time_;
  List held_back_;
  uint64_t under_way_ = 0;

  LinkCounts counts_;
  LatencyHistogram samples_;
  Nanos next_sample_ = 0;
  Nanos peak_ = 0;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_LINK_MODEL_LINK_DIRECTION_H_
