#include "tools/gauge_datagram.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "dataplane/wire/byte_order.h"

namespace warp::tools {
namespace {

using wire::Le32;
using wire::Le64;

constexpr std::array<uint8_t, 8> kMagic = {'W', 'A', 'R', 'P', 'g', 'a', 'g', 'e'};

struct Header {
  std::array<uint8_t, 8> magic;
  Le64 run;
  Le64 sequence;
  Le64 sent_at;
  Le32 check;
};
static_assert(sizeof(Header) == kGaugeHeaderSize);

// One step of the generator SplitMix64: every bit of the input changes half of the output.
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

uint64_t SeedOf(const GaugeStamp& stamp, size_t size) {
  return Mix(Mix(Mix(Mix(stamp.run) ^ stamp.sequence) ^ stamp.sent_at) ^ size);
}

// Calls `each(offset, bytes, size)` for the pattern in pieces of at most 8 bytes, until it returns false.
template <typename Each>
bool ForPattern(uint64_t seed, size_t size, Each each) {
  for (size_t offset = kGaugeHeaderSize; offset < size; offset += 8) {
    const Le64 word(Mix(seed + offset));
    if (!each(offset, &word, std::min<size_t>(8, size - offset))) return false;
  }
  return true;
}

}  // namespace

void WriteGauge(const GaugeStamp& stamp, std::span<uint8_t> datagram) {
  const uint64_t seed = SeedOf(stamp, datagram.size());
  const Header header{.magic = kMagic,
                      .run = Le64(stamp.run),
                      .sequence = Le64(stamp.sequence),
                      .sent_at = Le64(stamp.sent_at),
                      .check = Le32(static_cast<uint32_t>(seed))};
  std::memcpy(datagram.data(), &header, sizeof header);
  ForPattern(seed, datagram.size(), [&](size_t offset, const void* bytes, size_t size) {
    std::memcpy(datagram.data() + offset, bytes, size);
    return true;
  });
}

GaugeVerdict ReadGauge(std::span<const uint8_t> datagram, GaugeStamp& stamp) {
  if (datagram.size() < kMagic.size()) return GaugeVerdict::kForeign;
  if (!std::equal(kMagic.begin(), kMagic.end(), datagram.begin())) return GaugeVerdict::kForeign;
  if (datagram.size() < sizeof(Header)) return GaugeVerdict::kCorrupt;
  Header header;
  std::memcpy(&header, datagram.data(), sizeof header);
  stamp = {header.run.value(), header.sequence.value(), header.sent_at.value()};
  const uint64_t seed = SeedOf(stamp, datagram.size());
  const bool whole =
      header.check.value() == static_cast<uint32_t>(seed) &&
      ForPattern(seed, datagram.size(), [&](size_t offset, const void* bytes, size_t size) {
        return std::memcmp(datagram.data() + offset, bytes, size) == 0;
      });
  return whole ? GaugeVerdict::kGood : GaugeVerdict::kCorrupt;
}

}  // namespace warp::tools
