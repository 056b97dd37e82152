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
      {"register, first", MapRegister{3, {5, 6}, {}, {At("192.0.2.7:13116")}},
       "0340"
       "0300"
       "0500000000000000"
       "0600000000000000"
       "0000000000000000"
       "01" +
           kV4 +
           "0000000000000000"
           "0000"
           "00"},
      {"register, refresh",
       MapRegister{0x0201,
                   {5, 6},
                   {1, 2, 3, 4, 5, 6, 7, 8},
                   {At("192.0.2.7:13116"), At("[2001:db8::1]:13116")},
                   {9, 10, 11, 12, 13, 14, 15, 16}},
       "0340"
       "0102"
       "0500000000000000"
       "0600000000000000"
       "0102030405060708"
       "02" +
           kV4 + kV6 +
           "090a0b0c0d0e0f10"
           "0000"
           "00"},
      {"register, with a list of two",
       MapRegister{3,
                   {0x0807060504030201, 6},
                   {1, 2, 3, 4, 5, 6, 7, 8},
                   {At("192.0.2.7:13116")},
                   {9, 10, 11, 12, 13, 14, 15, 16},
                   2,
                   {Id(0x10), Id(0x20)}},
       "0340"
       "0300"
       "0102030405060708"
       "0600000000000000"
       "0102030405060708"
       "01" +
           kV4 +
           "090a0b0c0d0e0f10"
           "0200"
           "02"
           "101112131415161718191a1b1c1d1e1f"
           "202122232425262728292a2b2c2d2e2f"},
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
           kV4 + "0000000000000000"},
      {"registered, published, send the allow list",
       MapRegistered{3,
                     MapState::kPublished,
                     true,
                     {1, 2, 3, 4, 5, 6, 7, 8},
                     60,
                     10000,
                     At("[2001:db8::1]:13116"),
                     0x0807060504030201},
       "0341"
       "0300"
       "01"
       "01"
       "0102030405060708"
       "3c00"
       "1027" +
           kV6 + "0102030405060708"},
      {"registered, full",
       MapRegistered{3, MapState::kFull, false, {}, 60, 1000, At("192.0.2.7:13116")},
       "0341"
       "0300"
       "02"
       "00"
       "0000000000000000"
       "3c00"
       "e803" +
           kV4 + "0000000000000000"},
      {"registered, too many ports",
       MapRegistered{3, MapState::kTooManyPorts, false, {}, 60, 1000, At("192.0.2.7:13116")},
       "0341"
       "0300"
       "03"
       "00"
       "0000000000000000"
       "3c00"
       "e803" +
           kV4 + "0000000000000000"},
      {"registered, stale",
       MapRegistered{3, MapState::kStale, false, {}, 60, 1000, At("192.0.2.7:13116"), 5},
       "0341"
       "0300"
       "04"
       "00"
       "0000000000000000"
       "3c00"
       "e803" +
           kV4 + "0500000000000000"},
      {"allow, whole", MapAllow{{1, 2, 3, 4, 5, 6, 7, 8}, 0, 2, {Id(0x10), Id(0x20)}},
       "0342"
       "0102030405060708"
       "0000"
       "0200"
       "02"
       "101112131415161718191a1b1c1d1e1f"
       "202122232425262728292a2b2c2d2e2f"},
      {"allow, the last part", MapAllow{{1, 2, 3, 4, 5, 6, 7, 8}, 48, 49, {Id(0x10)}},
       "0342"
       "0102030405060708"
       "3000"
       "3100"
       "01"
       "101112131415161718191a1b1c1d1e1f"},
      {"allowed", MapAllowed{{1, 2, 3, 4, 5, 6, 7, 8}, 48},
       "0343"
       "0102030405060708"
       "3000"},
      {"lookup", MapLookup{0x04030201, 3, Key(0x10)},
       "0344"
       "0102030400000000"
       "0300" +
           kKey10},
      {"endpoints, none", MapEndpoints{0x04030201, Key(0x10), {}},
       "0345"
       "0102030400000000" +
           kKey10 + "00"},
      {"endpoints",
       MapEndpoints{0x04030201, Key(0x10), {At("192.0.2.7:13116"), At("[2001:db8::1]:13116")}},
       "0345"
       "0102030400000000" +
           kKey10 + "02" + kV4 + kV6},
      {"push", MapPush{0x04030201, Key(0x10), {At("192.0.2.7:13116")}},
       "0346"
       "01020304" +
           kKey10 + "01" + kV4},
      {"push-ack", MapPushAck{0x04030201},
       "0347"
       "01020304"},
      {"deregister, one port", MapDeregister{3, {5, 6}},
       "0348"
       "0300"
       "0500000000000000"
       "0600000000000000"},
      {"relay", MapRelay{0x04030201, 3, Key(0x10)},
       "0349"
       "0102030400000000"
       "0300" +
           kKey10},
      {"relayed, none", MapRelayed{0x04030201, Key(0x10), RelayState::kOff, 60, {}},
       "034a"
       "0102030400000000" +
           kKey10 +
           "02"
           "3c00"
           "00"},
      {"relayed, unasked",
       MapRelayed{0, Key(0x10), RelayState::kGiven, 60, {{0x04030201, 3, 20000}, {5, 4, 20001}}},
       "034a"
       "0000000000000000" +
           kKey10 +
           "00"
           "3c00"
           "02"
           "01020304"
           "0300"
           "204e"
           "05000000"
           "0400"
           "214e"},
      {"bind", MapBind{0x04030201, 3, true, {5, 6}, {1, 2, 3, 4, 5, 6, 7, 8}},
       "034b"
       "01020304"
       "0300"
       "01"
       "0500000000000000"
       "0600000000000000"
       "0102030405060708"},
      {"bound", MapBound{0x04030201, 3, BindState::kOpen, {1, 2, 3, 4, 5, 6, 7, 8}, 60, 10000},
       "034c"
       "01020304"
       "0300"
       "02"
       "0102030405060708"
       "3c00"
       "1027"},
      {"deregister, all", MapDeregister{},
       "0348"
       "ffff"
       "0000000000000000"
       "0000000000000000"},
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
  const std::string order = zeros + zeros;
  const std::string empty = zeros + "000000";  // the empty list
  struct {
    const char* what;
    std::string hex;
  } const kRows[] = {
      {"another kind",
       "0240"
       "0300" +
           order + zeros + "01" + kV4 + empty},
      {"register of port ffff",
       "0340"
       "ffff" +
           order + zeros + "01" + kV4 + empty},
      {"register without a candidate",
       "0340"
       "0300" +
           order + zeros + "00" + empty},
      {"register with UDP port 0",
       "0340"
       "0300" +
           order + zeros +
           "01"
           "00000000000000000000ffffc0000207"
           "0000" +
           empty},
      {"register in the epoch ffffffffffffffff",
       "0340"
       "0300"
       "ffffffffffffffff" +
           zeros + zeros + "01" + kV4 + empty},
      {"register with a part of the empty list",
       "0340"
       "0300" +
           order + zeros + "01" + kV4 + zeros +
           "0100"
           "01"
           "101112131415161718191a1b1c1d1e1f"},
      {"register with less than a part",
       "0340"
       "0300" +
           order + zeros + "01" + kV4 +
           "0102030405060708"
           "0200"
           "01"
           "101112131415161718191a1b1c1d1e1f"},
      {"register with a list and no part",
       "0340"
       "0300" +
           order + zeros + "01" + kV4 +
           "0102030405060708"
           "0200"
           "00"},
      {"registered, stale by no epoch",
       "0341"
       "0300"
       "04"
       "00" +
           zeros +
           "3c00"
           "e803" +
           kV4 + "ffffffffffffffff"},
      {"registered, echo with a version",
       "0341"
       "0300"
       "00"
       "00" +
           zeros +
           "3c00"
           "e803" +
           kV4 + "0100000000000000"},
      {"deregister in the epoch ffffffffffffffff",
       "0348"
       "0300"
       "ffffffffffffffff" +
           zeros},
      {"register with 17 candidates",
       "0340"
       "0300" +
           order + zeros + "11" +
           [] {
             std::string many;
             for (int i = 0; i < 17; ++i) many += kV4;
             return many;
           }() +
           empty},
      {"registered, unknown state",
       "0341"
       "0300"
       "05"
       "00" +
           zeros +
           "3c00"
           "e803" +
           kV4 + zeros},
      {"registered, unknown flag",
       "0341"
       "0300"
       "01"
       "02" +
           zeros +
           "3c00"
           "e803" +
           kV4 + zeros},
      {"registered, lifetime 0",
       "0341"
       "0300"
       "01"
       "00" +
           zeros +
           "0000"
           "e803" +
           kV4 + zeros},
      {"registered, refresh 0",
       "0341"
       "0300"
       "01"
       "00" +
           zeros +
           "3c00"
           "0000" +
           kV4 + zeros},
      {"allow of none", "0342" + zeros +
                            "0000"
                            "0000"
                            "00"},
      {"allow, not at a multiple of 48", "0342" + zeros +
                                             "3100"
                                             "4200"
                                             "01"
                                             "101112131415161718191a1b1c1d1e1f"},
      {"allow, beyond the total", "0342" + zeros +
                                      "3000"
                                      "3000"
                                      "01"
                                      "101112131415161718191a1b1c1d1e1f"},
      {"allow, too few for its place", "0342" + zeros +
                                           "0000"
                                           "0200"
                                           "01"
                                           "101112131415161718191a1b1c1d1e1f"},
      {"allow, not sorted", "0342" + zeros +
                                "0000"
                                "0200"
                                "02"
                                "202122232425262728292a2b2c2d2e2f"
                                "101112131415161718191a1b1c1d1e1f"},
      {"allow, twice the same", "0342" + zeros +
                                    "0000"
                                    "0200"
                                    "02"
                                    "101112131415161718191a1b1c1d1e1f"
                                    "101112131415161718191a1b1c1d1e1f"},
      {"allowed, not at a multiple of 48", "0343" + zeros + "0100"},
      {"lookup through port ffff",
       "0344"
       "0102030400000000"
       "ffff" +
           kKey10},
      {"relay without a request", "0349" + zeros + "0300" + kKey10},
      {"relayed, unknown state", "034a" + zeros + kKey10 + "033c0000"},
      {"relayed, lifetime 0", "034a" + zeros + kKey10 + "00000000"},
      {"relayed, channels of a map that is off",
       "034a" + zeros + kKey10 + "023c0001" + "010203040300204e"},
      {"relayed, UDP port 0", "034a" + zeros + kKey10 + "003c0001" + "0102030403000000"},
      {"relayed, more channels than it says",
       "034a" + zeros + kKey10 + "003c0000" + "010203040300204e"},
      {"bind, unknown flag", "034b01020304030002" + order + zeros},
      {"bind in the epoch ffffffffffffffff", "034b01020304030001ffffffffffffffff" + zeros + zeros},
      {"bound, unknown state", "034c01020304030004" + zeros + "3c001027"},
      {"bound, refresh 0", "034c01020304030002" + zeros + "3c000000"},
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
  for (const uint8_t type : {0x3f, 0x4d, 0x00, 0xff}) {
    const std::vector<uint8_t> bytes = {0x03, type, 0, 0};
    EXPECT_EQ(std::get<wire::Drop>(DecodeMapMessage(bytes)), wire::Drop::kUnknownKind);
  }
}

TEST(MapMessage, FitsItsDatagram) {
  constexpr size_t kSealed = wire::kDataHeaderSize + wire::kTagSize;
  MapAllow allow{{}, 0, kMapAllowPart, std::vector<KeyId>(kMapAllowPart)};
  EXPECT_LE(EncodeMapMessage(allow).size() + kSealed, kMapMaxDatagram);
  MapPush push{1, Key(1), std::vector<wire::Endpoint>(kMapMaxEndpoints, At("192.0.2.7:13116"))};
  EXPECT_LE(EncodeMapMessage(push).size() + kSealed, kMapMaxDatagram);
  MapRegister reg{1,
                  {},
                  {},
                  std::vector<wire::Endpoint>(kMapMaxCandidates, At("192.0.2.7:13116")),
                  {1},
                  kMapAllowPart,
                  std::vector<KeyId>(kMapAllowPart)};
  EXPECT_LE(EncodeMapMessage(reg).size() + kSealed, kMapMaxDatagram);
}

// A source address may be forged. Until an address has echoed a challenge, no answer may be longer than its request.
TEST(MapMessage, AnswersToUnverifiedAddressesAreNotLongerThanTheirRequests) {
  const size_t registered =
      EncodeMapMessage(MapRegistered{0, {}, {}, {}, 1, 1, At("192.0.2.7:1")}).size();
  EXPECT_LE(registered, EncodeMapMessage(MapRegister{0, {}, {}, {At("192.0.2.7:1")}}).size());
  EXPECT_LE(registered, EncodeMapMessage(MapLookup{}).size());
  EXPECT_LE(EncodeMapMessage(MapAllowed{}).size(),
            EncodeMapMessage(MapAllow{{}, 0, 1, {Id(1)}}).size());
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
