#include "dataplane/wire/handshake/handshake_message.h"

#include <gtest/gtest.h>

#include "dataplane/wire/crypto/key_derivation.h"
#include "dataplane/wire/handshake/noise.h"
#include "tests/dataplane/wire/hex.h"

namespace warp::wire {
namespace {

std::vector<uint8_t> Noise(size_t size) { return std::vector<uint8_t>(size, 0xab); }
std::string Repeat(const std::string& text, size_t times) {
  std::string all;
  while (times-- > 0) all += text;
  return all;
}

// docs/wire-format.md shows the same bytes.
TEST(HandshakeMessage, ExactBytes) {
  EXPECT_EQ(ToHex(EncodeInitiation({.sender_index = 0x11223344, .noise = Noise(160)})),
            "02000000"
            "44332211" +
                Repeat("ab", 160) + Repeat("00", 32));
  EXPECT_EQ(ToHex(EncodeResponse(
                {.sender_index = 0x11223344, .receiver_index = 0x55667788, .noise = Noise(64)})),
            "03000000"
            "44332211"
            "88776655" +
                Repeat("ab", 64) + Repeat("00", 32));
  EXPECT_EQ(
      ToHex(EncodeInitiationPayload({.timestamp_ns = 0x0102030405060708,
                                     .ciphers = {Cipher::kAes256Gcm, Cipher::kChaCha20Poly1305}})),
      "0807060504030201"
      "02"
      "0102" +
          Repeat("00", 53));
  EXPECT_EQ(ToHex(EncodeResponsePayload({.cipher = Cipher::kChaCha20Poly1305})),
            "02" + Repeat("00", 15));
  const auto text = [](Role role) {
    const std::vector<uint8_t> prologue = HandshakePrologue(role);
    return std::string(prologue.begin(), prologue.end());
  };
  EXPECT_EQ(text(Role::kPeer), "WARP/1 peer");
  EXPECT_EQ(text(Role::kMap), "WARP/1 map");
}

TEST(HandshakeMessage, DecodesWhatItEncoded) {
  const std::vector<uint8_t> initiation =
      EncodeInitiation({.sender_index = 0xfffffffe, .noise = Noise(161)});
  const auto decoded = DecodeInitiation(initiation);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->sender_index, 0xfffffffe);
  EXPECT_EQ(ToHex(decoded->noise), Repeat("ab", 161));
  EXPECT_FALSE(DecodeHandshakeReceiver(initiation));

  const std::vector<uint8_t> response =
      EncodeResponse({.sender_index = 1, .receiver_index = 0x80000002, .noise = Noise(64)});
  const auto answer = DecodeResponse(response);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->sender_index, 1u);
  EXPECT_EQ(answer->receiver_index, 0x80000002);
  EXPECT_EQ(ToHex(answer->noise), Repeat("ab", 64));
  EXPECT_EQ(DecodeHandshakeReceiver(response), 0x80000002);
}

TEST(HandshakeMessage, RefusesOtherTypesVersionsAndSizes) {
  const std::vector<uint8_t> initiation = EncodeInitiation({.noise = Noise(160)});
  const std::vector<uint8_t> response = EncodeResponse({.noise = Noise(64)});
  EXPECT_EQ(initiation.size(), kMinInitiationSize);
  EXPECT_EQ(response.size(), kMinResponseSize);
  EXPECT_FALSE(DecodeInitiation(response));
  EXPECT_FALSE(DecodeResponse(initiation));
  for (size_t byte = 0; byte < 4; ++byte) {
    auto other = initiation;
    other[byte] ^= 0x40;
    EXPECT_FALSE(DecodeInitiation(other)) << byte;
    other = response;
    other[byte] ^= 0x40;
    EXPECT_FALSE(DecodeResponse(other)) << byte;
  }
  for (size_t size = 0; size < initiation.size(); ++size) {
    EXPECT_FALSE(DecodeInitiation(Bytes(initiation).first(size)));
  }
  for (size_t size = 0; size < response.size(); ++size) {
    EXPECT_FALSE(DecodeResponse(Bytes(response).first(size)));
  }
  EXPECT_TRUE(DecodeInitiation(EncodeInitiation({.noise = Noise(1160)})));
  EXPECT_FALSE(DecodeInitiation(EncodeInitiation({.noise = Noise(1161)})));
  // A response must not be larger than the smallest initiation.
  EXPECT_TRUE(DecodeResponse(EncodeResponse({.noise = Noise(156)})));
  EXPECT_FALSE(DecodeResponse(EncodeResponse({.noise = Noise(157)})));
}

TEST(HandshakeMessage, PayloadsThereAndBack) {
  const InitiationPayload payload{.timestamp_ns = 1'700'000'000'123'456'789,
                                  .ciphers = {Cipher::kChaCha20Poly1305, Cipher::kAes256Gcm}};
  const auto decoded = DecodeInitiationPayload(EncodeInitiationPayload(payload));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->timestamp_ns, payload.timestamp_ns);
  EXPECT_EQ(decoded->ciphers, payload.ciphers);
  for (const Cipher cipher : {Cipher::kAes256Gcm, Cipher::kChaCha20Poly1305}) {
    EXPECT_EQ(DecodeResponsePayload(EncodeResponsePayload({.cipher = cipher}))->cipher, cipher);
  }
}

TEST(HandshakeMessage, PayloadsOfLaterVersionsAreUnderstood) {
  auto bytes = EncodeInitiationPayload({.ciphers = {Cipher::kAes256Gcm, Cipher::kAes256Gcm}});
  bytes[9] = 77;      // a cipher of the future stands before a known one
  bytes[30] = 1;      // the padding is not zero
  bytes.resize(100);  // more bytes follow
  const auto decoded = DecodeInitiationPayload(bytes);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->ciphers, std::vector<Cipher>{Cipher::kAes256Gcm});
}

TEST(HandshakeMessage, RefusesMalformedPayloads) {
  auto bytes = EncodeInitiationPayload({.ciphers = {Cipher::kAes256Gcm}});
  EXPECT_FALSE(DecodeInitiationPayload(Bytes(bytes).first(63)));
  bytes[8] = 0;
  EXPECT_FALSE(DecodeInitiationPayload(bytes));
  bytes[8] = 16;
  EXPECT_TRUE(DecodeInitiationPayload(bytes));
  bytes[8] = 17;
  EXPECT_FALSE(DecodeInitiationPayload(bytes));
  EXPECT_FALSE(DecodeInitiationPayload({}));

  auto response = EncodeResponsePayload({});
  EXPECT_FALSE(DecodeResponsePayload(Bytes(response).first(15)));
  response[0] = 0;
  EXPECT_FALSE(DecodeResponsePayload(response));
  response[0] = 3;
  EXPECT_FALSE(DecodeResponsePayload(response));
}

TEST(HandshakeMessage, ChoosesTheFirstOfferThatIsSupported) {
  using C = Cipher;
  const std::vector<C> both = {C::kAes256Gcm, C::kChaCha20Poly1305};
  const std::vector<C> reversed = {C::kChaCha20Poly1305, C::kAes256Gcm};
  const std::vector<C> chacha = {C::kChaCha20Poly1305};
  EXPECT_EQ(ChooseCipher(both, reversed), C::kAes256Gcm);
  EXPECT_EQ(ChooseCipher(reversed, both), C::kChaCha20Poly1305);
  EXPECT_EQ(ChooseCipher(both, chacha), C::kChaCha20Poly1305);
  EXPECT_EQ(ChooseCipher({}, both), std::nullopt);
}

TEST(HandshakeMessage, CookieReplyReachesWhoAsked) {
  const PublicKey responder = PublicKey::FromBytes(CountingBytes(32));
  const Cookie cookie = {1, 2, 3};
  std::vector<uint8_t> initiation =
      EncodeInitiation({.sender_index = 0x11223344, .noise = Noise(160)});
  WriteMacs(Mac1Key(responder), nullptr, initiation);

  const auto request = DecodeCookieRequest(initiation);
  ASSERT_TRUE(request);
  const auto reply = EncodeCookieReply(*request, cookie, CookieSealKey(responder));
  EXPECT_EQ(reply.size(), kCookieReplySize);
  EXPECT_EQ(ToHex(Bytes(reply).first(8)), "0400000044332211");
  EXPECT_EQ(DecodeHandshakeReceiver(reply), 0x11223344u);
  EXPECT_EQ(OpenCookieReply(reply, request->mac1, CookieSealKey(responder)), cookie);

  Mac other_mac = request->mac1;
  other_mac[0] ^= 1;
  EXPECT_FALSE(OpenCookieReply(reply, other_mac, CookieSealKey(responder)));
  EXPECT_FALSE(OpenCookieReply(reply, request->mac1, Mac1Key(responder)));
  // Starts behind the index, which is looked up but not authenticated.
  for (size_t i = 8; i < reply.size(); ++i) {
    auto changed = reply;
    changed[i] ^= 1;
    EXPECT_FALSE(OpenCookieReply(changed, request->mac1, CookieSealKey(responder))) << i;
  }
  EXPECT_FALSE(OpenCookieReply(Bytes(reply).first(63), request->mac1, CookieSealKey(responder)));
}

TEST(HandshakeMessage, AResponseCanBeAnsweredByACookieToo) {
  const std::vector<uint8_t> response =
      EncodeResponse({.sender_index = 7, .receiver_index = 8, .noise = Noise(64)});
  ASSERT_TRUE(DecodeCookieRequest(response));
  EXPECT_EQ(DecodeCookieRequest(response)->sender_index, 7u);
  EXPECT_FALSE(DecodeCookieRequest(Bytes(response).first(60)));
}

TEST(HandshakeMessage, NoReplyIsLargerThanWhatItAnswers) {
  const KeyPair alice = KeyPair::Generate();
  const KeyPair bob = KeyPair::Generate();
  NoiseInitiator initiator(alice, bob.public_key(), HandshakePrologue(Role::kPeer));
  NoiseResponder responder(bob, HandshakePrologue(Role::kPeer));
  const auto initiation = EncodeInitiation(
      {.noise = initiator.WriteInitiation(EncodeInitiationPayload({.ciphers = SupportedCiphers()}))
                    .value()});
  ASSERT_TRUE(responder.ReadInitiation(DecodeInitiation(initiation)->noise).ok());
  const auto response = EncodeResponse(
      {.noise = responder.WriteResponse(PresharedKey(), EncodeResponsePayload({})).value()});
  ASSERT_TRUE(DecodeResponse(response));
  EXPECT_LE(response.size(), initiation.size());
  EXPECT_LE(kCookieReplySize, response.size());
}

// These are the figures of docs/wire-format.md. Another implementation of BLAKE2b computed them.
TEST(KeyDerivation, AgreesWithTheDocument) {
  const SymmetricKey split(CountingBytes(0));
  const auto derive = [&](Cipher cipher, KeyDirection direction) {
    return ToHex(DeriveBulkKey(split, cipher, direction).bytes());
  };
  EXPECT_EQ(derive(Cipher::kAes256Gcm, KeyDirection::kInitiatorToResponder),
            "faf68209447df1028a220112927f7201a2b7504c0cd254bc11e1f4104af72a03");
  EXPECT_EQ(derive(Cipher::kAes256Gcm, KeyDirection::kResponderToInitiator),
            "61c31bbada6d230e3d6d87d3176227a446790e9907c875cf26ab8aabcbf54dd8");
  EXPECT_EQ(derive(Cipher::kChaCha20Poly1305, KeyDirection::kInitiatorToResponder),
            "81e3ec81d0374e5e387cef6c205843c59413d0e6a2c8d4fdaf2db0f1c167b7a3");
  EXPECT_EQ(derive(Cipher::kChaCha20Poly1305, KeyDirection::kResponderToInitiator),
            "6f4dc469830e86bdc09c43b4990d4c1afd3c0109d47ab20e7876d8ecfe0a1255");
}

}  // namespace
}  // namespace warp::wire
