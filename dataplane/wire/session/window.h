// The shared replay window: which counters of a session were already delivered. Deduplication is this window.
//
// It is an array of 64-bit words, each (epoch of its block : 32, bitmap : 32). Counter c lives in block c / 32, and
// block b in word b % words with epoch b / words. A word whose epoch is below the counter's has never seen the
// counter's block, and one whose epoch is above has forgotten it. Words only grow, so that compare-and-swap with
// relaxed order suffices: there is no moving edge and no lock. Any thread may call anything at any time.
#ifndef WARP_DATAPLANE_WIRE_SESSION_WINDOW_H_
#define WARP_DATAPLANE_WIRE_SESSION_WINDOW_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/wire/constants.h"

namespace warp::wire {

class ReplayWindow {
 public:
  enum class Verdict : uint8_t {
    kNew,      // Look: not delivered yet. Claim: the caller won it.
    kSeen,     // claimed before, by this thread or another
    kTooOld,   // its block was overwritten by a newer one
    kRefused,  // at or above kCounterLimit
  };

  // `counters`: how many the window remembers; a power of two from 64 to kMaxWindow.
  explicit ReplayWindow(size_t counters);

  // What Claim would answer now; changes nothing.
  Verdict Look(uint64_t counter) const {
    if (counter >= kCounterLimit) return Verdict::kRefused;
    const uint64_t block = counter / kBlockSize;
    const uint64_t epoch = block >> epoch_shift_;
    const uint64_t word = words_[block & (words_count_ - 1)].load(std::memory_order_relaxed);
    if (EpochOf(word) < epoch) return Verdict::kNew;
    if (EpochOf(word) > epoch) return Verdict::kTooOld;
    return (BitmapOf(word) & BitOf(counter)) != 0 ? Verdict::kSeen : Verdict::kNew;
  }

  // Takes the counter if nobody has: of all threads that call this for one counter, exactly one gets kNew. Only for
  // packets that were authenticated.
  Verdict Claim(uint64_t counter);

  // Claims a burst; neighbours of one block cost one compare-and-swap. verdicts.size() == counters.size().
  void ClaimBurst(std::span<const uint64_t> counters, std::span<Verdict> verdicts);

  static constexpr uint64_t kBlockSize = 32;  // counters
  // Which counters of a block were delivered, as a bitmap: the lowest bit is counter block * kBlockSize. Of a block
  // that a newer one took the place of, all; of one that nothing has come of yet, none.
  uint32_t Delivered(uint64_t block) const {
    const uint64_t epoch = block >> epoch_shift_;
    const uint64_t word = words_[block & (words_count_ - 1)].load(std::memory_order_relaxed);
    if (EpochOf(word) != epoch) return EpochOf(word) > epoch ? UINT32_MAX : 0;
    return BitmapOf(word);
  }

  size_t size() const { return words_count_ * kBlockSize; }

 private:
  static uint64_t EpochOf(uint64_t word) { return word >> 32; }
  static uint32_t BitmapOf(uint64_t word) { return static_cast<uint32_t>(word); }
  static uint32_t BitOf(uint64_t counter) { return uint32_t{1} << (counter % kBlockSize); }

  const size_t words_count_;  // a power of two
  const int epoch_shift_;     // its logarithm: division is by shifting
  std::unique_ptr<std::atomic<uint64_t>[]> words_;
};

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_SESSION_WINDOW_H_
