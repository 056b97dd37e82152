#include "dataplane/wire/frame/segments.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/dataplane/wire/hex.h"

namespace warp::wire {
namespace {

Endpoint At(const char* text) { return Endpoint::Parse(text).value(); }

class Segments : public testing::TestWithParam<bool> {
 protected:
  bool v6() const { return GetParam(); }
  size_t header_size() const { return v6() ? kFrameHeaderSizeV6 : kFrameHeaderSizeV4; }

  FrameTemplate Template() const {
    return MakeFrameTemplate({{2, 0, 0, 0, 0, 10}}, {{2, 0, 0, 0, 0, 11}},
                             At(v6() ? "[2001:db8::1]:13116" : "192.0.2.1:13116"),
                             At(v6() ? "[2001:db8::2]:40000" : "198.51.100.2:40000"),
                             UdpChecksum::kAlways);
  }
  std::vector<uint8_t> Frame(const std::vector<uint8_t>& datagram) const {
    const FrameTemplate frame = Template();
    std::vector<uint8_t> bytes(frame.size + datagram.size());
    WriteFrameHeader(frame, static_cast<uint16_t>(datagram.size()), DatagramSum(datagram),
                     bytes.data());
    std::copy(datagram.begin(), datagram.end(), bytes.begin() + frame.size);
    return bytes;
  }
};
INSTANTIATE_TEST_SUITE_P(, Segments, testing::Bool(),
                         [](const auto& v6) { return v6.param ? "v6" : "v4"; });

TEST_P(Segments, HeadersOfOurFramesAreJoinable) {
  const std::vector<uint8_t> frame = Frame({1, 2, 3});
  EXPECT_EQ(JoinableHeaderSize(frame), header_size());
  for (size_t size = 0; size < header_size(); ++size) {
    EXPECT_EQ(JoinableHeaderSize(Bytes(frame).first(size)), 0u) << size;
  }
}

TEST_P(Segments, OtherFramesAreNot) {
  const std::vector<uint8_t> frame = Frame({1, 2, 3});
  const auto with = [&](size_t at, uint8_t value) {
    std::vector<uint8_t> other = frame;
    other[at] = value;
    return JoinableHeaderSize(other);
  };
  EXPECT_EQ(with(13, 0x06), 0u) << "another protocol, such as ARP";
  EXPECT_EQ(with(12, 0x81), 0u) << "a VLAN tag";
  EXPECT_EQ(with(14, 0x50), 0u) << "another version of IP";
  EXPECT_EQ(with(v6() ? 20 : 23, 6), 0u) << "TCP";
  if (v6()) {
    EXPECT_EQ(with(20, 0), 0u) << "hop-by-hop options";
  } else {
    EXPECT_EQ(with(14, 0x46), 0u) << "IP options";
    EXPECT_EQ(with(20, 0x20), 0u) << "a fragment";
    EXPECT_EQ(with(21, 0x01), 0u) << "a later fragment";
  }
}

TEST_P(Segments, HeadersTellTheirFlow) {
  std::vector<uint8_t> frame = Frame({1, 2, 3});
  FrameFlow flow = FlowOf(frame.data(), header_size());
  EXPECT_EQ(flow.from, At(v6() ? "[2001:db8::1]:13116" : "192.0.2.1:13116"));
  EXPECT_EQ(flow.to, At(v6() ? "[2001:db8::2]:40000" : "198.51.100.2:40000"));
  EXPECT_EQ(flow.traffic_class, 0);
  // RFC 791 has the class in the second byte, RFC 8200 in the four bits before and behind the first byte's end.
  frame[kEthernetHeaderSize + 1] = v6() ? 0x80 : 0xb8;
  if (v6()) frame[kEthernetHeaderSize] = 0x6b;
  EXPECT_EQ(FlowOf(frame.data(), header_size()).traffic_class, 0xb8);
}

TEST_P(Segments, AFlowDiffersInLengthsAndChecksumsAlone) {
  const std::vector<uint8_t> frame = Frame({1, 2, 3});
  const std::vector<size_t> varying =
      v6() ? std::vector<size_t>{18, 19, 58, 59, 60, 61}
           : std::vector<size_t>{16, 17, 18, 19, 24, 25, 38, 39, 40, 41};
  for (size_t at = 0; at < header_size(); ++at) {
    std::vector<uint8_t> other = frame;
    other[at] ^= 0xff;
    const bool may = std::find(varying.begin(), varying.end(), at) != varying.end();
    EXPECT_EQ(SameFlow(frame.data(), other.data(), header_size()), may) << at;
  }
}

// Headers may be made from any frame of the flow. They must equal those of a frame that has this size, except that the
// checksum does not include the datagram yet.
TEST_P(Segments, HeadersForAnotherSize) {
  const std::vector<uint8_t> from = Frame({1, 2, 3});
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1436}, kMaxJoinedPayload - 20}) {
    std::vector<uint8_t> datagram(size);
    for (size_t i = 0; i < size; ++i) datagram[i] = static_cast<uint8_t>(i * 7);
    std::vector<uint8_t> want = Frame(datagram);
    want.resize(header_size());
    std::vector<uint8_t> got(header_size());
    WriteSegmentHeaders(from.data(), header_size(), size, got.data());

    uint8_t* const udp = got.data() + header_size() - 8;
    const uint32_t sum = DatagramSum({udp, 8}) + DatagramSum(datagram);
    const uint16_t checksum = internal::FoldedComplement(sum);
    EXPECT_EQ(checksum, ReadAs<Be16>(want.data() + header_size() - 2).value()) << size;
    std::fill_n(got.end() - 2, 2, uint8_t{0});
    std::fill_n(want.end() - 2, 2, uint8_t{0});
    EXPECT_EQ(ToHex(got), ToHex(want)) << size;
  }
}

TEST_P(Segments, HeadersMayBeRewrittenWhereTheyStand) {
  std::vector<uint8_t> headers = Frame({1, 2, 3});
  std::vector<uint8_t> apart(header_size());
  WriteSegmentHeaders(headers.data(), header_size(), 9, apart.data());
  WriteSegmentHeaders(headers.data(), header_size(), 9, headers.data());
  headers.resize(header_size());
  EXPECT_EQ(headers, apart);
}

}  // namespace
}  // namespace warp::wire
