#include "control/protocol/control_message.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/dataplane/wire/hex.h"

namespace warp::protocol {
namespace {

struct Row {
  const char* hex;
  ControlMessage message;
};

// docs/wire-format.md shows the same bytes.
const Row kTable[] = {
    {"030102000807060504030201a0a1a2a3a4a5a6a7",
     Probe{2, 0x0102030405060708, {0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7}}},
    {"0301341201000000000000000000000000000000", Probe{0x1234, 1, {}}},
    {"0302a0a1a2a3a4a5a6a7", Answer{{0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7}}},
    {"0303", Confirm{}},
    {"0304", Close{}},
};

TEST(ControlMessage, BytesAreThoseOfTheDocument) {
  for (const Row& row : kTable) {
    EXPECT_EQ(EncodeControlMessage(row.message), wire::FromHex(row.hex)) << row.hex;
    const auto decoded = DecodeControlMessage(wire::FromHex(row.hex));
    ASSERT_TRUE(std::holds_alternative<ControlMessage>(decoded)) << row.hex;
    EXPECT_EQ(std::get<ControlMessage>(decoded), row.message) << row.hex;
  }
}

TEST(ControlMessage, EveryOtherSizeIsMalformed) {
  for (const Row& row : kTable) {
    const std::vector<uint8_t> bytes = wire::FromHex(row.hex);
    for (size_t size = 0; size < 30; ++size) {
      if (size == bytes.size()) continue;
      std::vector<uint8_t> other = bytes;
      other.resize(size);
      const auto decoded = DecodeControlMessage(other);
      ASSERT_TRUE(std::holds_alternative<wire::Drop>(decoded)) << row.hex << size;
      EXPECT_EQ(std::get<wire::Drop>(decoded), wire::Drop::kMalformed);
    }
  }
}

TEST(ControlMessage, OtherMessagesAreUnknownKinds) {
  for (int byte = 0; byte < 256; ++byte) {
    if (byte >= 1 && byte <= 4) continue;
    const uint8_t bytes[] = {3, static_cast<uint8_t>(byte)};
    EXPECT_EQ(std::get<wire::Drop>(DecodeControlMessage(bytes)), wire::Drop::kUnknownKind);
    EXPECT_EQ(IsMapMessage(bytes), byte >= 0x40);
  }
}

}  // namespace
}  // namespace warp::protocol
