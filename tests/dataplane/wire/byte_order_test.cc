#include "dataplane/wire/byte_order.h"

#include <gtest/gtest.h>

#include "tests/dataplane/wire/hex.h"

namespace warp::wire {
namespace {

template <typename T>
std::string Stored(const T& value) {
  std::vector<uint8_t> bytes(sizeof(value));
  WriteAs(value, bytes.data());
  return ToHex(bytes);
}

TEST(ByteOrder, StoresInTheOrderOfItsName) {
  EXPECT_EQ(Stored(Le16(0x0102)), "0201");
  EXPECT_EQ(Stored(Le32(0x01020304)), "04030201");
  EXPECT_EQ(Stored(Le64(0x0102030405060708)), "0807060504030201");
  EXPECT_EQ(Stored(Be16(0x0102)), "0102");
  EXPECT_EQ(Stored(Be32(0x01020304)), "01020304");
  EXPECT_EQ(Stored(Be64(0x0102030405060708)), "0102030405060708");
}

TEST(ByteOrder, ReadsWhatItStored) {
  EXPECT_EQ(Le16(0xfffe).value(), 0xfffe);
  EXPECT_EQ(Be32(0x80000001).value(), 0x80000001u);
  EXPECT_EQ(Be64(0x8000000000000001).value(), 0x8000000000000001u);
  EXPECT_EQ(Le64().value(), 0u);
}

TEST(ByteOrder, DoesNotConvertByItself) {
  static_assert(!std::is_convertible_v<uint32_t, Le32>);
  static_assert(!std::is_convertible_v<Le32, uint32_t>);
  static_assert(!std::is_convertible_v<Le32, Be32>);
  static_assert(!std::is_constructible_v<Be32, Le32>);
}

}  // namespace
}  // namespace warp::wire
