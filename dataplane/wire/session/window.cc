#include "dataplane/wire/session/window.h"

#include <algorithm>
#include <bit>

#include "dataplane/wire/constants.h"

namespace warp::wire {

namespace {

uint64_t MakeWord(uint64_t epoch, uint32_t bitmap) { return epoch << 32 | bitmap; }

// The smallest window there is has two words.
size_t WordsFor(size_t counters) {
  return std::bit_ceil(std::clamp<size_t>(counters, 64, kMaxWindow)) / 32;
}

}  // namespace

ReplayWindow::ReplayWindow(size_t counters)
    : words_count_(WordsFor(counters)),
      epoch_shift_(std::countr_zero(words_count_)),
      words_(std::make_unique<std::atomic<uint64_t>[]>(words_count_)) {}

ReplayWindow::Verdict ReplayWindow::Claim(uint64_t counter) {
  Verdict verdict;
  ClaimBurst({&counter, 1}, {&verdict, 1});
  return verdict;
}

void ReplayWindow::ClaimBurst(std::span<const uint64_t> counters, std::span<Verdict> verdicts) {
  size_t begin = 0;
  while (begin < counters.size()) {
    if (counters[begin] >= kCounterLimit) {
      verdicts[begin++] = Verdict::kRefused;
      continue;
    }
    // A run of counters in one block: together they claim bits of one word.
    const uint64_t block = counters[begin] / kBlockSize;
    uint32_t wanted = 0;
    size_t end = begin;
    while (end < counters.size() && counters[end] / kBlockSize == block) {
      wanted |= BitOf(counters[end++]);
    }

    std::atomic<uint64_t>& word = words_[block & (words_count_ - 1)];
    const uint64_t epoch = block >> epoch_shift_;
    uint64_t old = word.load(std::memory_order_relaxed);
    uint32_t free = 0;  // the wanted bits that this call has won
    do {
      if (EpochOf(old) > epoch) break;
      const uint32_t taken = EpochOf(old) == epoch ? BitmapOf(old) : 0;
      free = wanted & ~taken;
      if (free == 0) break;
      if (word.compare_exchange_weak(old, MakeWord(epoch, taken | free),
                                     std::memory_order_relaxed)) {
        break;
      }
      free = 0;
    } while (true);

    const Verdict otherwise = EpochOf(old) > epoch ? Verdict::kTooOld : Verdict::kSeen;
    for (; begin < end; ++begin) {
      const uint32_t bit = BitOf(counters[begin]);
      verdicts[begin] = (free & bit) != 0 ? Verdict::kNew : otherwise;
      free &= ~bit;  // a repetition within the burst is a duplicate
    }
  }
}

}  // namespace warp::wire
