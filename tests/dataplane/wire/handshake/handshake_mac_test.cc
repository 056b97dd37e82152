#include "dataplane/wire/handshake/handshake_mac.h"

#include <gtest/gtest.h>

#include "tests/dataplane/wire/hex.h"

namespace warp::wire {
namespace {

const PublicKey kReceiver = PublicKey::FromBytes(CountingBytes(32));

// These are the figures of docs/wire-format.md. Another implementation of BLAKE2b computed them.
TEST(HandshakeMac, AgreesWithTheDocument) {
  EXPECT_EQ(ToHex(Mac1Key(kReceiver)),
            "d5f00d4cd3ad6f10a82d67b9dd211e5090ce6686db928bec981d33a063c0c0ac");
  EXPECT_EQ(ToHex(CookieSealKey(kReceiver)),
            "04934da5390c268244b8acacb73aa9b66405b5cfc5e29494529faf50443c9115");
  const std::string message = "message";
  EXPECT_EQ(ToHex(ComputeMac(Mac1Key(kReceiver),
                             {reinterpret_cast<const uint8_t*>(message.data()), message.size()})),
            "fe2a3da253defc5770a7393abd68663b");
  EXPECT_EQ(ToHex(ComputeCookie(SecretBytes(CountingBytes(0)),
                                Endpoint::Parse("192.0.2.1:13116").value())),
            "20f9c6695ea5484b9605da3c3df4ca1e");
}

TEST(HandshakeMac, Mac1CoversEveryByteBeforeIt) {
  std::vector<uint8_t> datagram(120, 0x11);
  const MacKey key = Mac1Key(kReceiver);
  WriteMacs(key, nullptr, datagram);
  EXPECT_TRUE(VerifyMac1(key, datagram));
  for (size_t i = 0; i < datagram.size() - kMacSize; ++i) {
    datagram[i] ^= 0x80;
    EXPECT_FALSE(VerifyMac1(key, datagram)) << i;
    datagram[i] ^= 0x80;
  }
  EXPECT_FALSE(VerifyMac1(Mac1Key(PublicKey::FromBytes(CountingBytes(1))), datagram));
}

TEST(HandshakeMac, Mac2CoversMac1AndNeedsTheCookie) {
  std::vector<uint8_t> datagram(120, 0x11);
  const MacKey key = Mac1Key(kReceiver);
  const SecretBytes secret(CountingBytes(0));
  const Cookie cookie = ComputeCookie(secret, Endpoint::Parse("192.0.2.1:13116").value());
  WriteMacs(key, nullptr, datagram);
  EXPECT_FALSE(VerifyMac2(cookie, datagram));
  WriteMacs(key, &cookie, datagram);
  EXPECT_TRUE(VerifyMac1(key, datagram));
  EXPECT_TRUE(VerifyMac2(cookie, datagram));
  for (size_t i = 0; i < datagram.size(); ++i) {
    datagram[i] ^= 0x01;
    EXPECT_FALSE(VerifyMac2(cookie, datagram)) << i;
    datagram[i] ^= 0x01;
  }
  // A cookie is bound to both address and port.
  for (const char* other : {"192.0.2.2:13116", "192.0.2.1:13117", "[2001:db8::1]:13116"}) {
    EXPECT_FALSE(VerifyMac2(ComputeCookie(secret, Endpoint::Parse(other).value()), datagram));
  }
}

TEST(HandshakeMac, TooShortForTwoMacsIsNotVerified) {
  std::vector<uint8_t> datagram(2 * kMacSize - 1);
  WriteMacs(Mac1Key(kReceiver), nullptr, datagram);
  EXPECT_FALSE(VerifyMac1(Mac1Key(kReceiver), datagram));
  EXPECT_FALSE(VerifyMac2(Cookie{}, datagram));
  EXPECT_FALSE(VerifyMac1(Mac1Key(kReceiver), {}));
}

}  // namespace
}  // namespace warp::wire
