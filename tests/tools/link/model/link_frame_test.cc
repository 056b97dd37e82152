#include "tools/link/model/link_frame.h"

#include <gtest/gtest.h>

#include <vector>

namespace warp::tools {
namespace {

// The sum of RFC 1071 over these bytes: 0xFFFF where a checksum among them is right.
uint32_t Sum(const std::vector<uint8_t>& bytes, size_t from) {
  uint32_t sum = 0;
  for (size_t i = from; i < bytes.size(); ++i) sum += bytes[i] * (i % 2 == from % 2 ? 256u : 1u);
  while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
  return sum;
}

// A frame whose UDP checksum, at byte 40, has only its pseudo-header's part yet.
std::vector<uint8_t> Unfinished(size_t size) {
  std::vector<uint8_t> frame(size);
  for (size_t i = 0; i < size; ++i) frame[i] = static_cast<uint8_t>(i * 37);
  frame[40] = 0x12;
  frame[41] = 0x34;
  return frame;
}
constexpr Offload kToBeMade{
    .flags = Offload::kNeedsChecksum, .checksum_start = 34, .checksum_offset = 6};

TEST(LinkFrameTest, ACorruptedFrameGetsTheChecksumOfWhatWasSent) {
  for (const size_t size : {60u, 61u, 1442u}) {
    std::vector<uint8_t> frame = Unfinished(size);
    Offload offload = kToBeMade;
    CorruptFrame(offload, absl::MakeSpan(frame), 50 * 8 + 3);
    EXPECT_EQ(offload.flags, 0);
    EXPECT_EQ(frame[50], static_cast<uint8_t>(50 * 37) ^ 8);
    EXPECT_NE(frame[40] * 256 + frame[41], 0x1234);
    // With the partial sum that stood in its place and the bit turned back, the checksum is right.
    frame[50] ^= 8;
    uint32_t sum = Sum(frame, 34) + 0x1234;
    sum = (sum & 0xFFFF) + (sum >> 16);
    EXPECT_EQ(sum, 0xFFFFu) << size;
  }
}

TEST(LinkFrameTest, AFinishedFrameOnlyLosesItsBit) {
  std::vector<uint8_t> frame = Unfinished(100);
  Offload offload{.flags = 2};  // the receiver's card has found the checksum right
  CorruptFrame(offload, absl::MakeSpan(frame), 799);
  EXPECT_EQ(offload.flags, 0);
  std::vector<uint8_t> expected = Unfinished(100);
  expected[99] ^= 0x80;
  EXPECT_EQ(frame, expected);
}

TEST(LinkFrameTest, AChecksumOutsideTheFrameIsNotMade) {
  std::vector<uint8_t> frame = Unfinished(42);
  frame.resize(41);
  Offload offload = kToBeMade;
  CorruptFrame(offload, absl::MakeSpan(frame), 14 * 8);
  std::vector<uint8_t> expected = Unfinished(42);
  expected.resize(41);
  expected[14] ^= 1;
  EXPECT_EQ(frame, expected);
}

TEST(LinkFrameTest, AJoinedFrameKeepsItsWorkToDo) {
  std::vector<uint8_t> frame = Unfinished(3000);
  Offload offload = kToBeMade;
  offload.joining = 1;
  CorruptFrame(offload, absl::MakeSpan(frame), 8000);
  EXPECT_EQ(offload.flags, Offload::kNeedsChecksum);
  EXPECT_EQ(frame[40] * 256 + frame[41], 0x1234);
}

}  // namespace
}  // namespace warp::tools
