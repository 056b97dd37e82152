// What a link, which is a port of ours, did for the payloads of a peer: sums over its paths, which only grow.
#ifndef WARP_CONTROL_VERDICT_LINK_TOTALS_H_
#define WARP_CONTROL_VERDICT_LINK_TOTALS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "dataplane/facade/skew_histogram.h"

namespace warp::verdict {

struct LinkTotals {
  uint64_t first = 0;       // payloads, or pieces of them, whose copy by the link came first
  uint64_t duplicates = 0;  // copies that came after another link's
  uint64_t sole = 0;        // of `first`: those that no other path brought, as verdict.h has it
  uint64_t rx_bytes = 0;    // of frames, first or duplicate
  uint64_t tx_packets = 0;  // copies
  uint64_t tx_bytes = 0;    // of those frames
  lcore::SkewCounts skew{};

  template <typename Function>
  static void ForEach(LinkTotals& a, const LinkTotals& b, Function function) {
    function(a.first, b.first);
    function(a.duplicates, b.duplicates);
    function(a.sole, b.sole);
    function(a.rx_bytes, b.rx_bytes);
    function(a.tx_packets, b.tx_packets);
    function(a.tx_bytes, b.tx_bytes);
    for (size_t i = 0; i < a.skew.size(); ++i) function(a.skew[i], b.skew[i]);
  }
  LinkTotals& operator+=(const LinkTotals& other) {
    ForEach(*this, other, [](uint64_t& a, uint64_t b) { a += b; });
    return *this;
  }
  // What was added since `before`. Counters of several threads are read one after the other, so that one may seem to
  // have gone back; then nothing was added.
  LinkTotals Since(const LinkTotals& before) const {
    LinkTotals added = *this;
    ForEach(added, before, [](uint64_t& a, uint64_t b) { a -= std::min(a, b); });
    return added;
  }
  // The larger of each.
  LinkTotals& Raise(const LinkTotals& other) {
    ForEach(*this, other, [](uint64_t& a, uint64_t b) { a = std::max(a, b); });
    return *this;
  }
  friend bool operator==(const LinkTotals&, const LinkTotals&) = default;
};

}  // namespace warp::verdict

#endif  // WARP_CONTROL_VERDICT_LINK_TOTALS_H_
