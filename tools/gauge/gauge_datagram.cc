#include "tools/gauge/gauge_datagram.h"

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

// One step of the generator SplitMix64. Every bit of the input changes about half of the output's bits.
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

uint64_t SeedOf(const GaugeStamp& stamp, size_t size) {
  return Mix(Mix(Mix(Mix(stamp.run) ^ stamp.sequence) ^ stamp.sent_at) ^ size);
}

// The pattern's 64-bit words are a constant step apart, so no two words of a datagram are the same. A slow gauge would
// measure itself, so each word takes only one addition.
constexpr uint64_t kStep = 0x9e3779b97f4a7c15;

void WritePattern(uint64_t seed, std::span<uint8_t> to) {
  size_t at = 0;
  for (; at + 8 <= to.size(); at += 8) {
    const Le64 word(seed += kStep);
    std::memcpy(to.data() + at, &word, 8);
  }
  const Le64 last(seed + kStep);
  std::memcpy(to.data() + at, &last, to.size() - at);
}

bool HasPattern(uint64_t seed, std::span<const uint8_t> from) {
  uint64_t difference = 0;
  size_t at = 0;
  for (; at + 8 <= from.size(); at += 8) {
    Le64 word;
    std::memcpy(&word, from.data() + at, 8);
    difference |= word.value() ^ (seed += kStep);
  }
  const Le64 last(seed + kStep);
  return difference == 0 && std::memcmp(from.data() + at, &last, from.size() - at) == 0;
}

}  // namespace

void WriteGauge(const GaugeStamp& stamp, std::span<uint8_t> datagram) {
  const uint64_t seed = SeedOf(stamp, datagram.size());
  const Header header{.magic = kMagic,
                      .run = Le64(stamp.run),
                      .sequence = Le64(stamp.sequence),
                      .sent_at = Le64(stamp.sent_at),
                      .check = Le32(static_cast<uint32_t>(seed))};
  std::memcpy(datagram.data(), &header, sizeof(header));
  WritePattern(seed, datagram.subspan(sizeof(header)));
}

GaugeVerdict ReadGauge(std::span<const uint8_t> datagram, GaugeStamp& stamp) {
  if (datagram.size() < kMagic.size()) return GaugeVerdict::kForeign;
  if (!std::equal(kMagic.begin(), kMagic.end(), datagram.begin())) return GaugeVerdict::kForeign;
  if (datagram.size() < sizeof(Header)) return GaugeVerdict::kCorrupt;
  Header header;
  std::memcpy(&header, datagram.data(), sizeof(header));
  stamp = {header.run.value(), header.sequence.value(), header.sent_at.value()};
  const uint64_t seed = SeedOf(stamp, datagram.size());
  const bool whole = header.check.value() == static_cast<uint32_t>(seed) &&
                     HasPattern(seed, datagram.subspan(sizeof(header)));
  return whole ? GaugeVerdict::kGood : GaugeVerdict::kCorrupt;
}

}  // namespace warp::tools
