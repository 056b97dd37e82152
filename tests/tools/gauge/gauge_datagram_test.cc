#include "tools/gauge/gauge_datagram.h"

#include <gtest/gtest.h>

#include <vector>

namespace warp::tools {
namespace {

constexpr GaugeStamp kStamp{.run = 0x1122334455667788, .sequence = 5, .sent_at = 99};

std::vector<uint8_t> Written(size_t size) {
  std::vector<uint8_t> datagram(size);
  WriteGauge(kStamp, datagram);
  return datagram;
}

GaugeVerdict Verdict(std::span<const uint8_t> datagram) {
  GaugeStamp stamp;
  return ReadGauge(datagram, stamp);
}

TEST(GaugeDatagramTest, ComesBackAsItWasWritten) {
  for (const size_t size : {kGaugeHeaderSize, kGaugeHeaderSize + 1, size_t{1200}, kMaxGaugeSize}) {
    GaugeStamp stamp;
    EXPECT_EQ(ReadGauge(Written(size), stamp), GaugeVerdict::kGood);
    EXPECT_EQ(stamp, kStamp);
  }
}

TEST(GaugeDatagramTest, BeginsAsDocumented) {
  const std::vector<uint8_t> datagram = Written(64);
  EXPECT_EQ(std::string(datagram.begin(), datagram.begin() + 8), "WARPgage");
  EXPECT_EQ(datagram[8], 0x88);
  EXPECT_EQ(datagram[15], 0x11);
  EXPECT_EQ(datagram[16], 5);
  EXPECT_EQ(datagram[24], 99);
}

TEST(GaugeDatagramTest, EveryChangedByteIsSeen) {
  for (size_t i = 8; i < 101; ++i) {
    std::vector<uint8_t> datagram = Written(101);
    datagram[i] ^= 0x40;
    EXPECT_EQ(Verdict(datagram), GaugeVerdict::kCorrupt) << i;
  }
}

TEST(GaugeDatagramTest, EveryOtherLengthIsSeen) {
  const std::vector<uint8_t> datagram = Written(100);
  for (size_t size = 8; size < 100; ++size) {
    EXPECT_EQ(Verdict(std::span(datagram).first(size)), GaugeVerdict::kCorrupt) << size;
  }
  std::vector<uint8_t> longer = datagram;
  longer.push_back(0);
  EXPECT_EQ(Verdict(longer), GaugeVerdict::kCorrupt);
}

TEST(GaugeDatagramTest, OtherDatagramsAreForeign) {
  EXPECT_EQ(Verdict({}), GaugeVerdict::kForeign);
  EXPECT_EQ(Verdict(std::vector<uint8_t>{'W', 'A', 'R'}), GaugeVerdict::kForeign);
  std::vector<uint8_t> datagram = Written(64);
  datagram[0] = 'w';
  EXPECT_EQ(Verdict(datagram), GaugeVerdict::kForeign);
}

}  // namespace
}  // namespace warp::tools
