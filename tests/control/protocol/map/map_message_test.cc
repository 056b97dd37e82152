// The table of messages and their exact bytes. It states the format a third time, after the grammar in map_message.h
// and docs/wire-format.md.
#include "control/protocol/map/map_message.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/dataplane/wire/hex.h"

namespace warp::protocol {
namespace {

wire::Endpoint At(absl::string_view text) { return *wire::Endpoint::Parse(text); }

wire::PublicKey Key(uint8_t first) {
  std::array<uint8_t, 32> bytes;
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(first + i);
  return wire::PublicKey::FromBytes(bytes);
}

KeyId Id(uint8_t first) {
  std::array<uint8_t, 16> bytes;
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(first + i);
  return KeyId::FromBytes(bytes);
}

struct Row {
  const char* name;
  MapMessage message;
  std::string hex;
};

const std::string kV4 =
    "00000000000000000000ffffc0000207"
    "3c33";  // 192.0.2.7:13116
const std::string kV6 =
    "20010db8000000000000000000000001"
    "3c33";  // [2001:db8::1]:13116
const std::string kKey10 = "101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f";

std::vector<Row> Table() {
  return {
      {"register, first", MapRegister{3, {}, {}, {At("192.0.2.7:13116")}},
       "0340"
       "0300"
       "0000000000000000"
       "0000000000000000"
       "01" +
           kV4},
      {"register, refresh",
       MapRegister{0x0201,
                   {1, 2, 3, 4, 5, 6, 7, 8},
                   {9, 10, 11, 12, 13, 14, 15, 16},
                   {At("192.0.2.7:13116"), At("[2001:db8::1]:13116")}},
       "0340"
       "0102"
       "0102030405060708"
       "090a0b0c0d0e0f10"
       "02" +
           kV4 + kV6},
      {"registered, echo",
       MapRegistered{
           3, MapState::kEcho, false, {1, 2, 3, 4, 5, 6, 7, 8}, 60, 1000, At("192.0.2.7:13116")},
       "0341"
       "0300"
       "00"
       "00"
       "0102030405060708"
       "3c00"
       "e803" +
           kV4},
      {"registered, published, send the allow list",
       MapRegistered{3,
                     MapState::kPublished,
                     true,
                     {1, 2, 3, 4, 5, 6, 7, 8},
                     60,
                     10000,
                     At("[2001:db8::1]:13116")},
       "0341"
       "0300"
       "01"
       "01"
       "0102030405060708"
       "3c00"
       "1027" +
           kV6},
      {"registered, full",
       MapRegistered{3, MapState::kFull, false, {}, 60, 1000, At("192.0.2.7:13116")},
       "0341"
       "0300"
       "02"
       "00"
       "0000000000000000"
       "3c00"
       "e803" +
           kV4},
      {"registered, too many ports",
       MapRegistered{3, MapState::kTooManyPorts, false, {}, 60, 1000, At("192.0.2.7:13116")},
       "0341"
       "0300"
       "03"
       "00"
       "0000000000000000"
       "3c00"
       "e803" +
           kV4},
      {"allow, whole", MapAllow{{1, 2, 3, 4, 5, 6, 7, 8}, 2, 0, {Id(0x10), Id(0x20)}},
       "0342"
       "0102030405060708"
       "0200"
       "0000"
       "02"
       "101112131415161718191a1b1c1d1e1f"
       "202122232425262728292a2b2c2d2e2f"},
      {"allow, the last part", MapAllow{{1, 2, 3, 4, 5, 6, 7, 8}, 65, 64, {Id(0x10)}},
       "0342"
       "0102030405060708"
       "4100"
       "4000"
       "01"
       "101112131415161718191a1b1c1d1e1f"},
      {"allowed", MapAllowed{{1, 2, 3, 4, 5, 6, 7, 8}, 64},
       "0343"
       "0102030405060708"
       "4000"},
      {"lookup", MapLookup{0x04030201, 3, Key(0x10)},
       "0344"
       "01020304"
       "0300" +
           kKey10},
      {"endpoints, none", MapEndpoints{0x04030201, Key(0x10), {}},
       "0345"
       "01020304" +
           kKey10 + "00"},
      {"endpoints",
       MapEndpoints{0x04030201, Key(0x10), {At("192.0.2.7:13116"), At("[2001:db8::1]:13116")}},
       "0345"
       "01020304" +
           kKey10 + "02" + kV4 + kV6},
      {"push", MapPush{0x04030201, Key(0x10), {At("192.0.2.7:13116")}},
       "0346"
       "01020304" +
           kKey10 + "01" + kV4},
      {"push-ack", MapPushAck{0x04030201},
       "0347"
       "01020304"},
      {"deregister, one port", MapDeregister{3},
       "0348"
       "0300"},
      {"deregister, all", MapDeregister{},
       "0348"
       "ffff"},
  };
}

TEST(MapMessage, EncodesToTheseBytes) {
  for (const Row& row : Table())
    EXPECT_EQ(wire::ToHex(EncodeMapMessage(row.message)), row.hex) << row.name;
}

TEST(MapMessage, DecodesFromTheseBytes) {
  for (const Row& row : Table()) {
    const auto decoded = DecodeMapMessage(wire::FromHex(row.hex));
    ASSERT_TRUE(std::holds_alternative<MapMessage>(decoded)) << row.name;
    EXPECT_EQ(std::get<MapMessage>(decoded), row.message) << row.name;
  }
}

TEST(MapMessage, RefusesEveryTruncationAndEveryExtension) {
  for (const Row& row : Table()) {
    std::vector<uint8_t> bytes = wire::FromHex(row.hex);
    for (size_t size = 0; size < bytes.size(); ++size) {
      const auto decoded = DecodeMapMessage(std::span(bytes).first(size));
      ASSERT_TRUE(std::holds_alternative<wire::Drop>(decoded)) << row.name << " cut to " << size;
      EXPECT_EQ(std::get<wire::Drop>(decoded), wire::Drop::kMalformed);
    }
    bytes.push_back(0);
    EXPECT_TRUE(std::holds_alternative<wire::Drop>(DecodeMapMessage(bytes))) << row.name;
  }
}

TEST(MapMessage, RefusesWhatBreaksTheGrammar) {
  const std::string zeros = "0000000000000000";
  struct {
    const char* what;
    std::string hex;
  } const kRows[] = {
      {"another kind",
       "0240"
       "0300" +
           zeros + zeros + "01" + kV4},
      {"register of port ffff",
       "0340"
       "ffff" +
           zeros + zeros + "01" + kV4},
      {"register without a candidate",
       "0340"
       "0300" +
           zeros + zeros + "00"},
      {"register with UDP port 0",
       "0340"
       "0300" +
           zeros + zeros +
           "01"
           "00000000000000000000ffffc0000207"
           "0000"},
      {"register with 17 candidates",
       "0340"
       "0300" +
           zeros + zeros + "11" +
           [] {
             std::string many;
             for (int i = 0; i < 17; ++i) many += kV4;
             return many;
           }()},
      {"registered, unknown state",
       "0341"
       "0300"
       "04"
       "00" +
           zeros +
           "3c00"
           "e803" +
           kV4},
      {"registered, unknown flag",
       "0341"
       "0300"
       "01"
       "02" +
           zeros +
           "3c00"
           "e803" +
           kV4},
      {"registered, lifetime 0",
       "0341"
       "0300"
       "01"
       "00" +
           zeros +
           "0000"
           "e803" +
           kV4},
      {"registered, refresh 0",
       "0341"
       "0300"
       "01"
       "00" +
           zeros +
           "3c00"
           "0000" +
           kV4},
      {"allow of none", "0342" + zeros +
                            "0000"
                            "0000"
                            "00"},
      {"allow, not at a multiple of 64", "0342" + zeros +
                                             "4200"
                                             "4100"
                                             "01"
                                             "101112131415161718191a1b1c1d1e1f"},
      {"allow, beyond the total", "0342" + zeros +
                                      "4000"
                                      "4000"
                                      "01"
                                      "101112131415161718191a1b1c1d1e1f"},
      {"allow, too few for its place", "0342" + zeros +
                                           "0200"
                                           "0000"
                                           "01"
                                           "101112131415161718191a1b1c1d1e1f"},
      {"allow, not sorted", "0342" + zeros +
                                "0200"
                                "0000"
                                "02"
                                "202122232425262728292a2b2c2d2e2f"
                                "101112131415161718191a1b1c1d1e1f"},
      {"allow, twice the same", "0342" + zeros +
                                    "0200"
                                    "0000"
                                    "02"
                                    "101112131415161718191a1b1c1d1e1f"
                                    "101112131415161718191a1b1c1d1e1f"},
      {"allowed, not at a multiple of 64", "0343" + zeros + "0100"},
      {"lookup through port ffff",
       "0344"
       "01020304"
       "ffff" +
           kKey10},
      {"push of nothing",
       "0346"
       "01020304" +
           kKey10 + "00"},
  };
  for (const auto& row : kRows) {
    const auto decoded = DecodeMapMessage(wire::FromHex(row.hex));
    ASSERT_TRUE(std::holds_alternative<wire::Drop>(decoded)) << row.what;
    EXPECT_EQ(std::get<wire::Drop>(decoded), wire::Drop::kMalformed) << row.what;
  }
}

TEST(MapMessage, NamesTypesOfALaterVersion) {
  for (const uint8_t type : {0x3f, 0x49, 0x00, 0xff}) {
    const std::vector<uint8_t> bytes = {0x03, type, 0, 0};
    EXPECT_EQ(std::get<wire::Drop>(DecodeMapMessage(bytes)), wire::Drop::kUnknownKind);
  }
}

TEST(MapMessage, FitsItsDatagram) {
  constexpr size_t kSealed = wire::kDataHeaderSize + wire::kTagSize;
  MapAllow allow{{}, kMapAllowPart, 0, std::vector<KeyId>(kMapAllowPart)};
  EXPECT_LE(EncodeMapMessage(allow).size() + kSealed, kMapMaxDatagram);
  MapPush push{1, Key(1), std::vector<wire::Endpoint>(kMapMaxEndpoints, At("192.0.2.7:13116"))};
  EXPECT_LE(EncodeMapMessage(push).size() + kSealed, kMapMaxDatagram);
  MapRegister reg{1, {}, {}, std::vector<wire::Endpoint>(kMapMaxCandidates, At("192.0.2.7:13116"))};
  EXPECT_LE(EncodeMapMessage(reg).size() + kSealed, kMapMaxDatagram);
}

// A source address may be forged. Until an address has echoed a challenge, no answer may be longer than its request.
TEST(MapMessage, AnswersToUnverifiedAddressesAreNotLongerThanTheirRequests) {
  const size_t registered =
      EncodeMapMessage(MapRegistered{0, {}, {}, {}, 1, 1, At("192.0.2.7:1")}).size();
  EXPECT_LE(registered, EncodeMapMessage(MapRegister{0, {}, {}, {At("192.0.2.7:1")}}).size());
  EXPECT_LE(registered, EncodeMapMessage(MapLookup{}).size());
  EXPECT_LE(EncodeMapMessage(MapAllowed{}).size(),
            EncodeMapMessage(MapAllow{{}, 1, 0, {Id(1)}}).size());
}

TEST(MapMessage, AllowListsAreSetsInOneOrder) {
  const std::vector<wire::PublicKey> keys = {Key(3), Key(1), Key(2), Key(1)};
  const std::vector<wire::PublicKey> other = {Key(2), Key(3), Key(1)};
  EXPECT_EQ(AllowList(keys).size(), 3u);
  EXPECT_EQ(AllowList(keys), AllowList(other));
  EXPECT_EQ(DigestOf(AllowList(keys)), DigestOf(AllowList(other)));
  EXPECT_NE(DigestOf(AllowList(keys)), DigestOf(AllowList(std::vector{Key(2), Key(3)})));
  EXPECT_EQ(DigestOf({}), AllowDigest{});
  // `b2sum -l 128` gives this BLAKE2b-128 hash of the bytes 00 01 .. 1f.
  EXPECT_EQ(wire::ToHex(KeyId::Of(Key(0)).bytes()), "f39a2cad58411cd49f577e5086b8031f");
}

}  // namespace
}  // namespace warp::protocol
