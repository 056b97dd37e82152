#include "dataplane/wire/message.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/dataplane/wire/hex.h"

namespace warp::wire {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""ns;

std::string DataHeaderHex(const DataHeader& header) {
  std::vector<uint8_t> bytes(kDataHeaderSize);
  WriteDataHeader(header, bytes.data());
  return ToHex(bytes);
}
std::string PayloadHeaderHex(const PayloadHeader& header) {
  std::vector<uint8_t> bytes(HeaderSizeOf(Kind::kPayload, header.flow));
  WritePayloadHeader(header, bytes.data());
  return ToHex(bytes);
}
std::string FragmentHeaderHex(const FragmentHeader& header) {
  std::vector<uint8_t> bytes(HeaderSizeOf(Kind::kFragment, header.flow));
  WriteFragmentHeader(header, bytes.data());
  return ToHex(bytes);
}
std::vector<uint8_t> Fragment(const FragmentHeader& header, size_t size) {
  std::vector<uint8_t> bytes(HeaderSizeOf(Kind::kFragment, header.flow) + size, 0x55);
  WriteFragmentHeader(header, bytes.data());
  return bytes;
}

std::string SequencedHeaderHex(const SequencedHeader& header) {
  std::vector<uint8_t> bytes(HeaderSizeOf(Kind::kSequenced, header.flow));
  WriteSequencedHeader(header, bytes.data());
  return ToHex(bytes);
}
std::vector<uint8_t> SequencedFragment(const SequencedFragmentHeader& header, size_t size) {
  std::vector<uint8_t> bytes(HeaderSizeOf(Kind::kSequencedFragment, header.payload.flow) + size,
                             0x55);
  WriteSequencedFragmentHeader(header, bytes.data());
  return bytes;
}
std::vector<uint8_t> Parity(const ParityHeader& header, size_t size) {
  std::vector<uint8_t> bytes(kParityHeaderSize + size, 0x55);
  WriteParityHeader(header, bytes.data());
  return bytes;
}
Flow AnyFlow(std::mt19937& random) {
  return {.number = static_cast<uint8_t>(random() % 3 == 0 ? 0 : random()),
          .answer = random() % 2 != 0,
          .dscp = static_cast<uint8_t>(random() % 3 == 0 ? 0 : random() % 64)};
}

// docs/wire-format.md shows the same bytes.
TEST(Message, ExactBytes) {
  EXPECT_EQ(DataHeaderHex({.receiver_index = 0x11223344, .counter = 5}),
            "01000000"
            "44332211"
            "0500000000000000");
  EXPECT_EQ(DataHeaderHex({.receiver_index = 0xffffffff, .counter = kCounterLimit - 1}),
            "01000000"
            "ffffffff"
            "ffffffff0f000000");
  EXPECT_EQ(PayloadHeaderHex({.tunnel_id = 0x0102}), "01000201");
  EXPECT_EQ(PayloadHeaderHex({.tunnel_id = 65535}), "0100ffff");
  EXPECT_EQ(FragmentHeaderHex({.tunnel_id = 0x0102, .index = 2, .count = 3, .chunk = 0x0578}),
            "0202020103007805");
}

// docs/wire-format.md shows the same bytes.
TEST(Message, FlowBytes) {
  const Flow flow{.number = 0x2a}, answer{.number = 0x2a, .answer = true};
  EXPECT_EQ(PayloadHeaderHex({.tunnel_id = 0x0102, .flow = flow}), "012a0201");
  EXPECT_EQ(PayloadHeaderHex({.tunnel_id = 0x0102, .flow = answer}), "412a0201");
  EXPECT_EQ(PayloadHeaderHex({.tunnel_id = 0x0102, .flow = {.answer = true}}), "41000201");
  EXPECT_EQ(FragmentHeaderHex(
                {.tunnel_id = 0x0102, .flow = answer, .index = 2, .count = 3, .chunk = 0x0578}),
            "42020201032a7805");
  EXPECT_EQ(SequencedHeaderHex({.tunnel_id = 0x0102, .sequence = 7, .flow = flow}),
            "84000201070000002a");
  EXPECT_EQ(SequencedHeaderHex({.tunnel_id = 0x0102, .sequence = 7, .flow = answer}),
            "c4000201070000002a");
  EXPECT_EQ(SequencedHeaderHex({.tunnel_id = 0x0102, .sequence = 7, .flow = {.answer = true}}),
            "4400020107000000");
  // And with a mark.
  const Flow marked{.number = 0x2a, .answer = true, .dscp = 46};
  EXPECT_EQ(PayloadHeaderHex({.tunnel_id = 0x0102, .flow = {.dscp = 46}}), "210002012e");
  EXPECT_EQ(PayloadHeaderHex({.tunnel_id = 0x0102, .flow = marked}), "612a02012e");
  EXPECT_EQ(FragmentHeaderHex(
                {.tunnel_id = 0x0102, .flow = marked, .index = 2, .count = 3, .chunk = 0x0578}),
            "62020201032a78052e");
  EXPECT_EQ(SequencedHeaderHex({.tunnel_id = 0x0102, .sequence = 7, .flow = marked}),
            "e4000201070000002a2e");
  EXPECT_EQ(SequencedHeaderHex({.tunnel_id = 0x0102, .sequence = 7, .flow = {.dscp = 46}}),
            "24000201070000002e");
  const SequencedFragmentHeader fragment{
      .payload = {.tunnel_id = 0x0102, .hold = 152ms, .sequence = 0x0a0b0c0d, .flow = answer},
      .index = 2,
      .count = 3,
      .chunk = 0x0578};
  EXPECT_EQ(ToHex(SequencedFragment(fragment, 1)), "c61302010d0c0b0a020378052a55");
  EXPECT_EQ(ToHex(Parity({.tunnel_id = 0x0102,
                          .first = 7,
                          .count = 2,
                          .index = 1,
                          .hold = 0x31,
                          .length = 0x0064,
                          .flows = true},
                         1)),
            "85010201070000000231640055");
}

// docs/wire-format.md shows the same bytes.
TEST(Message, SequencedBytes) {
  EXPECT_EQ(SequencedHeaderHex(
                {.tunnel_id = 0x0102, .hold = 152ms, .resend = true, .sequence = 0x0a0b0c0d}),
            "049302010d0c0b0a");
  EXPECT_EQ(SequencedHeaderHex({.tunnel_id = 0x0102, .sequence = 7}), "0400020107000000");
  EXPECT_EQ(
      ToHex(Bytes(SequencedFragment(
                      {.payload = {.tunnel_id = 0x0102, .hold = 152ms, .sequence = 0x0a0b0c0d},
                       .index = 2,
                       .count = 3,
                       .chunk = 0x0578},
                      1))
                .first(kSequencedFragmentHeaderSize)),
      "061302010d0c0b0a02037805");
}

// docs/wire-format.md shows the same bytes; their sums are in control/parity's tests.
TEST(Message, ParityBytes) {
  EXPECT_EQ(
      ToHex(Parity(
          {.tunnel_id = 0x0102, .first = 7, .count = 2, .index = 1, .hold = 0x31, .length = 0x0064},
          1)),
      "05010201070000000231640055");
}

TEST(Message, ReadsTheParityThatItWroteAndNoOther) {
  const ParityHeader header{.tunnel_id = 0x0102,
                            .first = 0xfffffffe,
                            .count = kMostPayloadsOfBlock,
                            .index = kMostParitiesOfBlock - 1,
                            .hold = 0xff,
                            .length = 0xfffe};
  for (const size_t size : {0, 1, 1400}) {
    const auto bytes = Parity(header, size);
    EXPECT_EQ(ReadParityHeader(bytes), header);
    EXPECT_EQ(ClassifyPlaintext(bytes), Kind::kParity);
    EXPECT_FALSE(IsAnswered(bytes));
    EXPECT_FALSE(ReadSequencedHeader(bytes));
  }
  for (size_t size = 0; size < kParityHeaderSize; ++size) {
    EXPECT_FALSE(ReadParityHeader(Bytes(Parity(header, 1)).first(size)));
  }
  ParityHeader bad = header;
  bad.count = kMostPayloadsOfBlock + 1;
  EXPECT_FALSE(ReadParityHeader(Parity(bad, 9)));
  bad.count = 0;
  EXPECT_FALSE(ReadParityHeader(Parity(bad, 9)));
  bad = header;
  bad.index = kMostParitiesOfBlock;
  EXPECT_FALSE(ReadParityHeader(Parity(bad, 9)));
}

TEST(Message, HoldsAreRoundedUpAndCut) {
  const auto written = [](Duration hold, bool resend) {
    std::vector<uint8_t> bytes(kSequencedHeaderSize);
    WriteSequencedHeader({.hold = hold, .resend = resend}, bytes.data());
    return *ReadSequencedHeader(bytes);
  };
  EXPECT_EQ(written(0ms, false).hold, 0ms);
  EXPECT_EQ(written(1ns, false).hold, 8ms);
  EXPECT_EQ(written(8ms, true).hold, 8ms);
  EXPECT_EQ(written(8ms + 1ns, true).hold, 16ms);
  EXPECT_EQ(written(1016ms, true).hold, kLongestHold);
  EXPECT_EQ(written(3600000ms, false).hold, kLongestHold);
  EXPECT_FALSE(written(3600000ms, false).resend);
  EXPECT_EQ(written(-5ms, true).hold, 0ms);
  EXPECT_TRUE(written(-5ms, true).resend);
}

TEST(Message, ReadsTheSequencedKindsThatItWrote) {
  std::mt19937 random(2);
  for (int i = 0; i < 1000; ++i) {
    const SequencedHeader header{.tunnel_id = static_cast<uint16_t>(random()),
                                 .hold = random() % 128 * kHoldUnit,
                                 .resend = random() % 2 != 0,
                                 .sequence = static_cast<uint32_t>(random()),
                                 .flow = AnyFlow(random)};
    std::vector<uint8_t> plaintext(HeaderSizeOf(Kind::kSequenced, header.flow));
    WriteSequencedHeader(header, plaintext.data());
    EXPECT_EQ(ReadSequencedHeader(plaintext), header);
    EXPECT_EQ(ClassifyPlaintext(plaintext), Kind::kSequenced);

    const auto count = static_cast<uint8_t>(2 + random() % 254);
    const auto chunk = static_cast<uint16_t>(1 + random() % (kMaxPayloadSize / count));
    const auto index = static_cast<uint8_t>(random() % count);
    const auto bytes = SequencedFragment(
        {.payload = header, .index = index, .count = count, .chunk = chunk}, chunk);
    const auto read = ReadSequencedFragmentHeader(bytes);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->payload, header);
    EXPECT_EQ(read->index, index);
    EXPECT_EQ(read->count, count);
    EXPECT_EQ(read->chunk, chunk);
    EXPECT_EQ(ClassifyPlaintext(bytes), Kind::kSequencedFragment);
    EXPECT_FALSE(IsAnswered(bytes));
    EXPECT_FALSE(ReadSequencedHeader(bytes));
    EXPECT_FALSE(ReadFragmentHeader(bytes));
  }
}

TEST(Message, RefusesSequencedKindsThatBreakTheGrammar) {
  for (size_t size = 0; size < kSequencedHeaderSize; ++size) {
    EXPECT_FALSE(ReadSequencedHeader(Bytes(FromHex("0400020107000000")).first(size)));
  }
  const SequencedFragmentHeader good{.index = 0, .count = 3, .chunk = 100};
  EXPECT_TRUE(ReadSequencedFragmentHeader(SequencedFragment(good, 100)));
  for (const size_t size : {0, 99, 101}) {
    EXPECT_FALSE(ReadSequencedFragmentHeader(SequencedFragment(good, size)));
  }
  for (size_t size = 0; size < kSequencedFragmentHeaderSize; ++size) {
    EXPECT_FALSE(ReadSequencedFragmentHeader(Bytes(SequencedFragment(good, 100)).first(size)));
  }
  SequencedFragmentHeader bad = good;
  bad.index = 3;
  EXPECT_FALSE(ReadSequencedFragmentHeader(SequencedFragment(bad, 100)));
  bad = {.index = 0, .count = 1, .chunk = 100};
  EXPECT_FALSE(ReadSequencedFragmentHeader(SequencedFragment(bad, 100)));
  bad = {.index = 0, .count = 255, .chunk = 259};
  EXPECT_FALSE(ReadSequencedFragmentHeader(SequencedFragment(bad, 259)));
}

TEST(Message, ClassifiesDatagrams) {
  for (uint8_t type = 1; type <= 5; ++type) {
    EXPECT_EQ(ClassifyDatagram(std::vector<uint8_t>{type, 0, 0, 0}),
              static_cast<MessageType>(type));
  }
  for (const char* hex : {"", "01", "010000", "00000000", "06000000", "ff000000", "01010000",
                          "01000100", "01000001", "45000000"}) {
    EXPECT_EQ(ClassifyDatagram(FromHex(hex)), std::nullopt) << hex;
  }
}

TEST(Message, ClassifiesPlaintexts) {
  for (uint8_t kind = 1; kind <= 3; ++kind) {
    EXPECT_EQ(ClassifyPlaintext(std::vector<uint8_t>{kind}), static_cast<Kind>(kind));
  }
  EXPECT_EQ(ClassifyPlaintext({}), std::nullopt);
  EXPECT_EQ(ClassifyPlaintext(FromHex("00")), std::nullopt);
  EXPECT_EQ(ClassifyPlaintext(FromHex("07000000")), std::nullopt);
  // Bits that a kind does not have are of a later version.
  for (const uint8_t first :
       {0x81, 0x82, 0xc1, 0x43, 0x83, 0x23, 0x45, 0xc5, 0x25, 0x40, 0x80, 0x27, 0x11}) {
    EXPECT_EQ(ClassifyPlaintext(std::vector<uint8_t>{first, 0, 0, 0}), std::nullopt) << int{first};
  }
}

TEST(Message, RefusesFlowsThatBreakTheGrammar) {
  // A flow byte follows, and there is none, or it is zero.
  EXPECT_FALSE(ReadSequencedHeader(FromHex("8400020107000000")));
  EXPECT_FALSE(ReadSequencedHeader(FromHex("840002010700000000")));
  EXPECT_TRUE(ReadSequencedHeader(FromHex("840002010700000001")));
  // So does a mark, of 1 to 63.
  EXPECT_FALSE(ReadPayloadHeader(FromHex("21000201")));
  EXPECT_FALSE(ReadPayloadHeader(FromHex("2100020100")));
  EXPECT_FALSE(ReadPayloadHeader(FromHex("2100020140")));
  EXPECT_TRUE(ReadPayloadHeader(FromHex("210002013f")));
  EXPECT_FALSE(ReadFragmentHeader(FromHex("2202020103007805")));
  EXPECT_FALSE(ReadSequencedHeader(FromHex("a40002010700000001")));
  EXPECT_TRUE(ReadSequencedHeader(FromHex("a4000201070000000101")));
  EXPECT_FALSE(ReadSequencedFragmentHeader(FromHex("861302010d0c0b0a02037805")));
  EXPECT_FALSE(ReadSequencedFragmentHeader(FromHex("861302010d0c0b0a0203780500ff")));
  EXPECT_TRUE(ReadSequencedFragmentHeader(FromHex("861302010d0c0b0a0203780501ff")));
}

TEST(Message, ReadsWhatItWrote) {
  std::mt19937 random(1);
  for (int i = 0; i < 1000; ++i) {
    const DataHeader data{.receiver_index = static_cast<uint32_t>(random()),
                          .counter = uint64_t{random()} << 32 | random()};
    std::vector<uint8_t> datagram(kMinSealedSize);
    WriteDataHeader(data, datagram.data());
    EXPECT_EQ(ReadDataHeader(datagram)->receiver_index, data.receiver_index);
    EXPECT_EQ(ReadDataHeader(datagram)->counter, data.counter);

    const PayloadHeader payload{.tunnel_id = static_cast<uint16_t>(random()),
                                .flow = AnyFlow(random)};
    std::vector<uint8_t> plaintext(HeaderSizeOf(Kind::kPayload, payload.flow));
    WritePayloadHeader(payload, plaintext.data());
    EXPECT_EQ(ReadPayloadHeader(plaintext)->tunnel_id, payload.tunnel_id);
    EXPECT_EQ(ReadPayloadHeader(plaintext)->flow, payload.flow);

    const auto count = static_cast<uint8_t>(2 + random() % 254);
    const auto chunk = static_cast<uint16_t>(1 + random() % (kMaxPayloadSize / count));
    const FragmentHeader fragment{.tunnel_id = static_cast<uint16_t>(random()),
                                  .flow = AnyFlow(random),
                                  .index = static_cast<uint8_t>(random() % count),
                                  .count = count,
                                  .chunk = chunk};
    const bool is_last = fragment.index + 1 == count;
    const auto read =
        ReadFragmentHeader(Fragment(fragment, is_last ? 1 + random() % chunk : chunk));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->tunnel_id, fragment.tunnel_id);
    EXPECT_EQ(read->flow, fragment.flow);
    EXPECT_EQ(read->index, fragment.index);
    EXPECT_EQ(read->count, fragment.count);
    EXPECT_EQ(read->chunk, fragment.chunk);
  }
}

TEST(Message, RefusesShortHeaders) {
  EXPECT_FALSE(ReadDataHeader(std::vector<uint8_t>(kMinSealedSize - 1, 1)));
  for (size_t size = 0; size < kInnerHeaderSize; ++size) {
    EXPECT_FALSE(ReadPayloadHeader(Bytes(FromHex("01000201")).first(size)));
  }
  EXPECT_FALSE(ReadPayloadHeader(FromHex("02000201")));  // another kind
}

TEST(Message, RefusesFragmentsThatBreakTheGrammar) {
  const FragmentHeader good{.tunnel_id = 1, .index = 0, .count = 3, .chunk = 100};
  EXPECT_TRUE(ReadFragmentHeader(Fragment(good, 100)));
  EXPECT_FALSE(ReadFragmentHeader(Fragment(good, 99)));
  EXPECT_FALSE(ReadFragmentHeader(Fragment(good, 101)));
  EXPECT_FALSE(ReadFragmentHeader(Fragment(good, 0)));

  FragmentHeader bad = good;
  bad.index = 2;  // the last fragment has 1 to `chunk` bytes
  EXPECT_TRUE(ReadFragmentHeader(Fragment(bad, 1)));
  EXPECT_TRUE(ReadFragmentHeader(Fragment(bad, 100)));
  EXPECT_FALSE(ReadFragmentHeader(Fragment(bad, 0)));
  EXPECT_FALSE(ReadFragmentHeader(Fragment(bad, 101)));
  bad.index = 3;
  EXPECT_FALSE(ReadFragmentHeader(Fragment(bad, 100)));
  for (const uint8_t count : {0, 1}) {
    bad = {.tunnel_id = 1, .index = 0, .count = count, .chunk = 100};
    EXPECT_FALSE(ReadFragmentHeader(Fragment(bad, 100)));
  }
  bad = {.tunnel_id = 1, .index = 0, .count = 2, .chunk = 0};
  EXPECT_FALSE(ReadFragmentHeader(Fragment(bad, 0)));

  auto bytes = Fragment(good, 100);
  bytes[0] = 1;
  EXPECT_FALSE(ReadFragmentHeader(bytes));
  for (size_t size = 0; size < kFragmentHeaderSize; ++size) {
    EXPECT_FALSE(ReadFragmentHeader(Bytes(Fragment(good, 100)).first(size)));
  }
}

TEST(Message, RefusesFragmentsOfMoreThanAPayload) {
  FragmentHeader header{.index = 1, .count = 2, .chunk = 40000};
  EXPECT_TRUE(ReadFragmentHeader(Fragment(header, 25536)));  // the payload has 65536 bytes
  EXPECT_FALSE(ReadFragmentHeader(Fragment(header, 25537)));
  // The last fragment begins at 254 * 258 = 65532.
  header = {.index = 0, .count = 255, .chunk = 258};
  EXPECT_TRUE(ReadFragmentHeader(Fragment(header, 258)));
  header.chunk = 259;
  EXPECT_FALSE(ReadFragmentHeader(Fragment(header, 259)));
}

}  // namespace
}  // namespace warp::wire
