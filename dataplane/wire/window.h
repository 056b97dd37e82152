// The shared replay window: which counters of a session were already delivered. It is the deduplication itself.
//
// An array of 64-bit words, each (epoch of its block : 32, bitmap : 32). Counter c lives in block c / 32, block b in word
// b % words, with epoch b / words. A word whose epoch is below the counter's has never seen the counter's block; one whose
// epoch is above has forgotten it. Words only grow, so compare-and-swap with relaxed order suffices, there is no moving
// edge and no lock. Any thread may call anything at any time.
#ifndef WARP_DATAPLANE_WIRE_WINDOW_H_
#define WARP_DATAPLANE_WIRE_WINDOW_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace warp::wire {

class ReplayWindow {
 public:
  enum class Verdict : uint8_t {
    kNew,      // Look: not seen yet. Claim: it is now ours.
    kSeen,     // claimed before, by this thread or another
    kTooOld,   // its block was overwritten by a newer one
    kRefused,  // at or above kCounterLimit
  };

  // `counters`: how many the window remembers; a power of two from 64 to kMaxWindow.
  explicit ReplayWindow(size_t counters);

  // Without changing anything: what Claim would answer now.
  Verdict Look(uint64_t counter) const;

  // Takes the counter if nobody has: of all threads that call this for one counter, exactly one gets kNew. To be called
  // for authenticated packets only.
  Verdict Claim(uint64_t counter);

  // Claims a burst; neighbours of one block cost one compare-and-swap. verdicts.size() == counters.size().
  void ClaimBurst(std::span<const uint64_t> counters, std::span<Verdict> verdicts);

  size_t size() const { return words_count_ * 32; }

 private:
  const size_t words_count_;
  std::unique_ptr<std::atomic<uint64_t>[]> words_;
};

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_WINDOW_H_
