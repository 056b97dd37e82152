#include "control/protocol/lan/lan_message.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "control/protocol/lan/lan_key.h"

namespace warp::protocol {
namespace {

std::string Hex(wire::Bytes bytes) {
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

std::array<uint8_t, wire::kKeySize> Filled(uint8_t with) {
  std::array<uint8_t, wire::kKeySize> bytes;
  bytes.fill(with);
  return bytes;
}

wire::SecretKey Secret(uint8_t fill) { return wire::SecretKey(Filled(fill)); }

LanAnnouncement Sample() {
  LanAnnouncement sample{
      .interface = 0x0102,
      .epoch = 0x1122334455667788,
      .number = 5,
      .challenge = {0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb, 0xcc,
                    0xcd, 0xce, 0xcf},
      .udp_port = 13116,
      .addresses = {*wire::IpAddress::Parse("192.0.2.1"), *wire::IpAddress::Parse("fe80::1")}};
  for (uint8_t i = 0; i < kLanTagStep; ++i) {
    LanTag tag;
    tag.fill(i);
    sample.tags.push_back(tag);
  }
  return sample;
}

TEST(LanMessage, HasTheBytesOfTheDocument) {
  std::string expected =
      "5741525001"                        // magic
      "0201"                              // interface
      "8877665544332211"                  // epoch
      "0500000000000000"                  // number
      "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf"  // challenge
      "3c33"                              // UDP port
      "0208"                              // addresses, tags
      "00000000000000000000ffffc0000201"
      "fe800000000000000000000000000001";
  for (int i = 0; i < 8; ++i) {
    for (int k = 0; k < 16; ++k) absl::StrAppend(&expected, "0", i);
  }
  const std::vector<uint8_t> bytes = EncodeLanAnnouncement(Sample());
  EXPECT_EQ(Hex(bytes), expected);
  EXPECT_EQ(DecodeLanAnnouncement(bytes), Sample());
  EXPECT_EQ(Hex(LanHeadOf(Sample(), bytes)), Hex(EncodeLanHead(Sample(), kLanTagStep)));
}

TEST(LanMessage, RefusesWhatBreaksTheFormat) {
  const std::vector<uint8_t> good = EncodeLanAnnouncement(Sample());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(DecodeLanAnnouncement(wire::Bytes(good).first(size))) << size;
  }
  const auto with = [&good](size_t at, uint8_t value) {
    std::vector<uint8_t> bad = good;
    bad[at] = value;
    return DecodeLanAnnouncement(bad).has_value();
  };
  EXPECT_TRUE(with(5, 9));
  EXPECT_FALSE(with(0, 'w'));  // magic
  EXPECT_FALSE(with(4, 2));    // version
  EXPECT_FALSE(with(41, 1));   // another count than there are bytes for
  EXPECT_FALSE(with(42, 7));   // no multiple of eight
  EXPECT_FALSE(with(42, 0));
  EXPECT_FALSE(with(42, 255));
  std::vector<uint8_t> port_0 = good;
  port_0[39] = port_0[40] = 0;
  EXPECT_FALSE(DecodeLanAnnouncement(port_0));
  std::vector<uint8_t> longer = good;
  longer.push_back(0);
  EXPECT_FALSE(DecodeLanAnnouncement(longer));
}

TEST(LanKey, EachDirectionAndPresharedKeyHasItsOwn) {
  const wire::KeyPair a(Secret(1)), b(Secret(2));
  const auto of_a = DeriveLanKeys(a, b.public_key(), {});
  const auto of_b = DeriveLanKeys(b, a.public_key(), {});
  ASSERT_TRUE(of_a && of_b);
  EXPECT_EQ(of_a->to_peer.bytes(), of_b->from_peer.bytes());
  EXPECT_EQ(of_a->from_peer.bytes(), of_b->to_peer.bytes());
  EXPECT_NE(of_a->to_peer.bytes(), of_a->from_peer.bytes());
  const wire::PresharedKey psk(Filled(7));
  EXPECT_NE(DeriveLanKeys(a, b.public_key(), psk)->to_peer.bytes(), of_a->to_peer.bytes());
  // A point of small order is nobody's key.
  EXPECT_FALSE(DeriveLanKeys(a, wire::PublicKey(), {}));
}

// docs/wire-format.md has these bytes.
TEST(LanKey, TagOfTheDocument) {
  const wire::KeyPair a(Secret(1)), b(Secret(2));
  const auto keys = DeriveLanKeys(a, b.public_key(), {});
  const LanTag tag = ComputeLanTag(keys->to_peer, EncodeLanHead(Sample(), kLanTagStep));
  EXPECT_EQ(Hex(tag), "206dc9a70486e36aca09a940c48d7e6c");
  LanChallenge challenge;
  for (uint8_t i = 0; i < challenge.size(); ++i) challenge[i] = 0xd0 + i;
  const LanTag proof =
      ComputeLanProof(keys->to_peer, EncodeLanHead(Sample(), kLanTagStep), challenge);
  EXPECT_EQ(Hex(proof), "6271d86359991c6b8a7b95ee01a9699f");
}

}  // namespace
}  // namespace warp::protocol
