// The datagram of the gauge. It says which one it is, when it left, and whether it arrived unharmed.
//
//   offset size (little endian)
//    0      8   "WARPgage"
//    8      8   run: random, one for each run of a sender
//   16      8   sequence, from 0
//   24      8   CLOCK_MONOTONIC when it was sent, ns
//   32      4   check: of run, sequence, time and the datagram's size
//   36      n   a pattern that follows from the same
#ifndef WARP_TOOLS_GAUGE_GAUGE_DATAGRAM_H_
#define WARP_TOOLS_GAUGE_GAUGE_DATAGRAM_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace warp::tools {

inline constexpr size_t kGaugeHeaderSize = 36;
inline constexpr size_t kMaxGaugeSize = 65507;  // UDP over IPv4 (RFC 768, RFC 791)

struct GaugeStamp {
  uint64_t run = 0;
  uint64_t sequence = 0;
  uint64_t sent_at = 0;  // ns

  friend bool operator==(const GaugeStamp&, const GaugeStamp&) = default;
};

// Fills the whole of `datagram`, which has at least kGaugeHeaderSize bytes.
void WriteGauge(const GaugeStamp& stamp, std::span<uint8_t> datagram);

enum class GaugeVerdict : uint8_t {
  kGood,
  kForeign,  // not a datagram of the gauge
  kCorrupt,  // a datagram of the gauge that was changed or cut
};
GaugeVerdict ReadGauge(std::span<const uint8_t> datagram, GaugeStamp& stamp);

}  // namespace warp::tools

#endif  // WARP_TOOLS_GAUGE_GAUGE_DATAGRAM_H_
