#include "dataplane/wire/stream_frame.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/dataplane/wire/hex.h"

namespace warp::wire {
namespace {

std::vector<uint8_t> FrameOf(uint16_t port, size_t size, uint8_t fill) {
  std::vector<uint8_t> frame(kStreamHeaderSize + size, fill);
  WriteStreamHeader(port, size, frame.data());
  return frame;
}

void Put(StreamReader& reader, Bytes bytes) {
  const MutableBytes room = reader.Room();
  ASSERT_GE(room.size(), bytes.size());
  std::copy(bytes.begin(), bytes.end(), room.begin());
  reader.Add(bytes.size());
}

TEST(StreamFrame, HasTheBytesOfTheDocument) {
  std::vector<uint8_t> frame = FrameOf(13116, 32, 0xaa);
  EXPECT_EQ(ToHex({frame.data(), 6}), "20003c33aaaa");
}

// Wherever TCP cuts the stream, the frames are the same.
TEST(StreamFrame, IsWholeWhereverTheStreamIsCut) {
  std::vector<uint8_t> stream;
  for (const size_t size : {size_t{32}, size_t{1472}, kMaxStreamDatagram, size_t{33}}) {
    const auto frame = FrameOf(static_cast<uint16_t>(size), size, static_cast<uint8_t>(size));
    stream.insert(stream.end(), frame.begin(), frame.end());
  }
  for (const size_t piece : {1, 3, 5, 37, 1476, 4000}) {
    StreamReader reader;
    std::vector<size_t> sizes;
    for (size_t at = 0; at < stream.size(); at += piece) {
      Put(reader, {stream.data() + at, std::min(piece, stream.size() - at)});
      while (const std::optional<StreamFrame> frame = reader.Next()) {
        EXPECT_EQ(frame->udp_port, frame->datagram.size());
        EXPECT_TRUE(std::all_of(frame->datagram.begin(), frame->datagram.end(), [&](uint8_t byte) {
          return byte == static_cast<uint8_t>(frame->udp_port);
        }));
        sizes.push_back(frame->datagram.size());
      }
    }
    EXPECT_EQ(sizes, (std::vector<size_t>{32, 1472, kMaxStreamDatagram, 33}));
    EXPECT_EQ(reader.fault(), StreamFault::kNone);
    EXPECT_FALSE(reader.within_frame());
  }
}

TEST(StreamFrame, ABadHeaderEndsTheStreamBeforeItsBytesCome) {
  const struct {
    const char* header;
    StreamFault fault;
  } kCases[] = {
      {"1f003c33", StreamFault::kTooShort}, {"00003c33", StreamFault::kTooShort},
      {"01083c33", StreamFault::kTooLong},  {"ffff3c33", StreamFault::kTooLong},
      {"20000000", StreamFault::kNoPort},
  };
  for (const auto& [header, fault] : kCases) {
    StreamReader reader;
    Put(reader, FrameOf(1, 32, 0));
    Put(reader, FromHex(header));
    EXPECT_TRUE(reader.Next().has_value());
    EXPECT_FALSE(reader.Next().has_value());
    EXPECT_EQ(reader.fault(), fault) << header;
    // A right frame behind it is not looked for.
    Put(reader, FrameOf(1, 32, 0));
    EXPECT_FALSE(reader.Next().has_value());
  }
}

// A sender that never ends its frame gets no more room than that frame needs.
TEST(StreamFrame, AnUnfinishedFrameHoldsItsOwnRoomAlone) {
  StreamReader reader;
  for (int i = 0; i < 1000; ++i) {
    Put(reader, FrameOf(7, kMaxStreamDatagram, 1));
    ASSERT_TRUE(reader.Next().has_value());
    const std::vector<uint8_t> late = FrameOf(7, 100, 2);
    Put(reader, {late.data(), 50});
    ASSERT_FALSE(reader.Next().has_value());
    EXPECT_TRUE(reader.within_frame());
    Put(reader, {late.data() + 50, 54});
    ASSERT_TRUE(reader.Next().has_value());
  }
}

}  // namespace
}  // namespace warp::wire
