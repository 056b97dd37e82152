#include "control/protocol/control_message.h"

#include <gtest/gtest.h>

#include <vector>

#include "dataplane/wire/constants.h"
#include "tests/dataplane/wire/hex.h"

namespace warp::protocol {
namespace {

struct Row {
  const char* hex;
  ControlMessage message;
};

// docs/wire-format.md shows the same bytes.
const Row kTable[] = {
    {"03010200080706050403020100a0a1a2a3a4a5a6a7",
     Probe{2, 0x0102030405060708, false, {0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7}}},
    {"030134120100000000000000010000000000000000", Probe{0x1234, 1, true, {}}},
    {"030134120100000000000000000000000000000000000000",
     Probe{.port = 0x1234, .number = 1, .padding = 3}},
    {"030134120100000000000000020000000000000000",
     Probe{.port = 0x1234, .number = 1, .spreads = true}},
    {"030134120100000000000000080000000000000000",
     Probe{.port = 0x1234, .number = 1, .use = PortUse::kLastResort}},
    {"0301341201000000000000000f0000000000000000",
     Probe{.port = 0x1234, .number = 1, .unheard = true, .spreads = true, .use = PortUse::kNone}},
    {"030134120100000000000000560000000000000000",
     Probe{.port = 0x1234, .number = 1, .spreads = true, .use = PortUse::kSparing, .silence = 5}},
    {"03020500a0a1a2a3a4a5a6a7", Answer{5, {0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7}}},
    {"0303", Confirm{}},
    {"0304", Close{}},
    {"03050202000500e803000078563412030005000100000064000000",
     Report{{{.from = 2, .to = 5, .packets = 1000, .bytes = 0x12345678},
             {.from = 3, .to = 5, .packets = 1, .bytes = 100}}}},
    {"0306070078563412e0ffffff0f0000000101020005000400000032000000e80300007856341217000080",
     Feedback{
         .number = 7,
         .time = 0x12345678,
         .base = 0xfffffffe0,
         .paths =
             {{.from = 2, .to = 5, .newest = 4, .age = 50, .packets = 1000, .bytes = 0x12345678}},
         .words = {0x80000017}}},
    {"03060000000000000000000000000000"
     "0000",
     Feedback{}},
    {"03080202003412", PortsDown{.ports = {2, 0x1234}}},
    {"030702020050c30000341200000000",
     Limits{{{.port = 2, .rate = 50'000}, {.port = 0x1234, .rate = 0}}}},
};

TEST(ControlMessage, BytesAreThoseOfTheDocument) {
  for (const Row& row : kTable) {
    EXPECT_EQ(EncodeControlMessage(row.message), wire::FromHex(row.hex)) << row.hex;
    const auto decoded = DecodeControlMessage(wire::FromHex(row.hex));
    ASSERT_TRUE(std::holds_alternative<ControlMessage>(decoded)) << row.hex;
    EXPECT_EQ(std::get<ControlMessage>(decoded), row.message) << row.hex;
  }
}

// But for the padding of a probe.
TEST(ControlMessage, EveryOtherSizeIsMalformed) {
  for (const Row& row : kTable) {
    const std::vector<uint8_t> bytes = wire::FromHex(row.hex);
    for (size_t size = 0; size < 30; ++size) {
      const bool probe = std::holds_alternative<Probe>(row.message);
      if (size == bytes.size() || (probe && size >= kProbeSize)) continue;
      std::vector<uint8_t> other = bytes;
      other.resize(size);
      const auto decoded = DecodeControlMessage(other);
      ASSERT_TRUE(std::holds_alternative<wire::Drop>(decoded)) << row.hex << size;
      EXPECT_EQ(std::get<wire::Drop>(decoded), wire::Drop::kMalformed);
    }
  }
}

TEST(ControlMessage, ReportsHoldOneReceiptToSixtyFour) {
  Report report{std::vector<Receipt>(kMaxReceipts)};
  const std::vector<uint8_t> most = EncodeControlMessage(report);
  EXPECT_EQ(std::get<ControlMessage>(DecodeControlMessage(most)), ControlMessage(report));
  std::vector<uint8_t> more = most;
  more.resize(most.size() + 12);
  more[2] = kMaxReceipts + 1;
  EXPECT_EQ(std::get<wire::Drop>(DecodeControlMessage(more)), wire::Drop::kMalformed);
  EXPECT_EQ(std::get<wire::Drop>(DecodeControlMessage(wire::FromHex("030500"))),
            wire::Drop::kMalformed);
}

TEST(ControlMessage, PortsDownAreOneToSixtyFour) {
  const PortsDown down{std::vector<uint16_t>(kMaxPortsDown, 0xffff)};
  std::vector<uint8_t> bytes = EncodeControlMessage(down);
  EXPECT_EQ(bytes.size(), 3 + 2 * kMaxPortsDown);
  EXPECT_EQ(std::get<ControlMessage>(DecodeControlMessage(bytes)), ControlMessage(down));
  bytes.resize(bytes.size() + 2);
  bytes[2] = kMaxPortsDown + 1;
  EXPECT_EQ(std::get<wire::Drop>(DecodeControlMessage(bytes)), wire::Drop::kMalformed);
  EXPECT_EQ(std::get<wire::Drop>(DecodeControlMessage(wire::FromHex("030800"))),
            wire::Drop::kMalformed);
}

TEST(ControlMessage, LimitsAreOfOnePortToSixtyFour) {
  const Limits limits{std::vector<Limit>(kMaxLimits, {.port = 0xffff, .rate = 0xffffffff})};
  const std::vector<uint8_t> most = EncodeControlMessage(limits);
  EXPECT_EQ(most.size(), 3 + 6 * kMaxLimits);
  EXPECT_EQ(std::get<ControlMessage>(DecodeControlMessage(most)), ControlMessage(limits));
  const auto refuses = [](const std::vector<uint8_t>& other) {
    const auto decoded = DecodeControlMessage(other);
    return std::holds_alternative<wire::Drop>(decoded) &&
           std::get<wire::Drop>(decoded) == wire::Drop::kMalformed;
  };
  std::vector<uint8_t> other = most;
  other.resize(most.size() + 6);
  EXPECT_TRUE(refuses(other));  // trailing bytes
  other[2] = kMaxLimits + 1;
  EXPECT_TRUE(refuses(other));  // one too many
  other = most;
  other.pop_back();
  EXPECT_TRUE(refuses(other));
  EXPECT_TRUE(refuses(wire::FromHex("030700")));
  EXPECT_TRUE(refuses(wire::FromHex("0307")));
}

TEST(ControlMessage, FeedbackThatBreaksItsBoundsIsMalformed) {
  const Feedback most{.base = wire::kCounterLimit - kMaxFeedbackWords * kFeedbackWord,
                      .paths = std::vector<PathFeedback>(kMaxFeedbackPaths),
                      .words = std::vector<uint32_t>(kMaxFeedbackWords)};
  const std::vector<uint8_t> bytes = EncodeControlMessage(most);
  EXPECT_EQ(bytes.size(), 18 + 20 * kMaxFeedbackPaths + 4 * kMaxFeedbackWords);
  EXPECT_EQ(std::get<ControlMessage>(DecodeControlMessage(bytes)), ControlMessage(most));
  const auto refuses = [](const std::vector<uint8_t>& other) {
    const auto decoded = DecodeControlMessage(other);
    return std::holds_alternative<wire::Drop>(decoded) &&
           std::get<wire::Drop>(decoded) == wire::Drop::kMalformed;
  };
  std::vector<uint8_t> other = bytes;
  other[8] ^= 1;  // the base is no multiple of 32
  EXPECT_TRUE(refuses(other));
  other = bytes;
  other[8] += 32;  // the last word is beyond all counters
  EXPECT_TRUE(refuses(other));
  other = bytes;
  other[15] = 0xff;  // so far beyond that sums would wrap
  EXPECT_TRUE(refuses(other));
  other = bytes;
  other.resize(other.size() + 4);
  EXPECT_TRUE(refuses(other));
  other[16] = kMaxFeedbackWords + 1;
  EXPECT_TRUE(refuses(other));
  other = bytes;
  other.resize(other.size() + 20);
  other[17] = kMaxFeedbackPaths + 1;
  EXPECT_TRUE(refuses(other));
}

TEST(ControlMessage, WhatPadsAProbeIsIgnored) {
  const auto decoded =
      DecodeControlMessage(wire::FromHex("0301341201000000000000000000000000000000000102"));
  EXPECT_EQ(std::get<ControlMessage>(decoded),
            ControlMessage(Probe{.port = 0x1234, .number = 1, .padding = 2}));
}

// A later version may know longer ones. Whoever hears of one keeps to the longest that it knows.
TEST(ControlMessage, SilencesOfLaterVersionsAreTaken) {
  const auto decoded =
      DecodeControlMessage(wire::FromHex("030134120100000000000000f00000000000000000"));
  EXPECT_EQ(std::get<ControlMessage>(decoded),
            ControlMessage(Probe{.port = 0x1234, .number = 1, .silence = kMaxSilence}));
}

TEST(ControlMessage, OtherMessagesAreUnknownKinds) {
  for (int byte = 0; byte < 256; ++byte) {
    if (byte >= 1 && byte <= 8) continue;
    const uint8_t bytes[] = {3, static_cast<uint8_t>(byte)};
    EXPECT_EQ(std::get<wire::Drop>(DecodeControlMessage(bytes)), wire::Drop::kUnknownKind);
    EXPECT_EQ(IsMapMessage(bytes), byte >= 0x40);
  }
}

}  // namespace
}  // namespace warp::protocol
