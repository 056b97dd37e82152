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

constexpr Token kToken = {0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
                          0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf};
constexpr Introduction kInitiator{.features = 3, .life = 0x12345678};
constexpr Introduction kResponder{.features = 3, .life = 0x9abcdef0};

// As docs/wire-format.md has it.
TEST(HandshakeMessage, ExactBytes) {
  EXPECT_EQ(ToHex(EncodeInitiation({.sender_index = 0x11223344, .noise = Noise(160)})),
            "02000000"
            "44332211" +
                Repeat("ab", 160) + Repeat("00", 32));
  EXPECT_EQ(ToHex(EncodeResponse({.receiver_index = 0x55667788, .noise = Noise(64)})),
            "03000000"
            "88776655" +
                Repeat("ab", 64) + Repeat("00", 32));
  EXPECT_EQ(
      ToHex(EncodeInitiationPayload({.token = kToken,
                                     .ciphers = {Cipher::kAes256Gcm, Cipher::kChaCha20Poly1305},
                                     .sender = kInitiator})),
      "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
      "02"
      "0102"
      "0300000078563412" +
          Repeat("00", 37));
  EXPECT_EQ(
      ToHex(EncodeResponsePayload(
          {.sender_index = 0x55667788, .cipher = Cipher::kChaCha20Poly1305, .sender = kResponder})),
      "88776655"
      "02"
      "03000000f0debc9a"
      "000000");
  const auto text = [](Role role) {
    const std::vector<uint8_t> prologue = HandshakePrologue(role, 0x11223344);
    return std::string(prologue.begin(), prologue.end());
  };
  const std::string header("\x02\0\0\0\x44\x33\x22\x11", 8);
  EXPECT_EQ(text(Role::kPeer), "WARP/1 peer" + header);
  EXPECT_EQ(text(Role::kMap), "WARP/1 map" + header);
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
      EncodeResponse({.receiver_index = 0x80000002, .noise = Noise(64)});
  const auto answer = DecodeResponse(response);
  ASSERT_TRUE(answer);
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
  // A response may be no larger than the least initiation.
  EXPECT_TRUE(DecodeResponse(EncodeResponse({.noise = Noise(160)})));
  EXPECT_FALSE(DecodeResponse(EncodeResponse({.noise = Noise(161)})));
}

TEST(HandshakeMessage, PayloadsThereAndBack) {
  const InitiationPayload payload{.token = kToken,
                                  .ciphers = {Cipher::kChaCha20Poly1305, Cipher::kAes256Gcm},
                                  .sender = kInitiator};
  const auto decoded = DecodeInitiationPayload(EncodeInitiationPayload(payload));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->token, payload.token);
  EXPECT_EQ(decoded->ciphers, payload.ciphers);
  EXPECT_EQ(decoded->sender, payload.sender);
  for (const Cipher cipher : {Cipher::kAes256Gcm, Cipher::kChaCha20Poly1305}) {
    const auto answer = DecodeResponsePayload(EncodeResponsePayload(
        {.sender_index = 0xfedcba98, .cipher = cipher, .sender = kResponder}));
    EXPECT_EQ(answer->cipher, cipher);
    EXPECT_EQ(answer->sender, kResponder);
    EXPECT_EQ(answer->sender_index, 0xfedcba98);
  }
}

TEST(HandshakeMessage, PayloadsOfLaterVersionsAreUnderstood) {
  auto bytes = EncodeInitiationPayload({.ciphers = {Cipher::kAes256Gcm, Cipher::kAes256Gcm}});
  bytes[17] = 77;     // a cipher of the future before one of ours
  bytes[30] = 1;      // something in the padding
  bytes.resize(100);  // and behind it
  const auto decoded = DecodeInitiationPayload(bytes);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->ciphers, std::vector<Cipher>{Cipher::kAes256Gcm});
}

// Versions without an introduction leave zeros there, and ignore one: it is padding to them.
TEST(HandshakeMessage, PayloadsOfVersionsWithoutIntroductionHaveNone) {
  std::vector<uint8_t> initiation(64);
  std::copy(kToken.begin(), kToken.end(), initiation.begin());
  initiation[16] = 1;
  initiation[17] = 2;
  const auto offer = DecodeInitiationPayload(initiation);
  ASSERT_TRUE(offer);
  EXPECT_EQ(offer->sender, Introduction());
  EXPECT_EQ(EncodeInitiationPayload({.token = kToken, .ciphers = {Cipher::kChaCha20Poly1305}}),
            initiation);

  std::vector<uint8_t> response(16);
  response[4] = 1;
  const auto choice = DecodeResponsePayload(response);
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->sender, Introduction());
}

// The introduction stands behind the ciphers, however many there are, and has room behind the most of them.
TEST(HandshakeMessage, TheIntroductionFollowsTheCiphers) {
  for (size_t count = 1; count <= kMaxOfferedCiphers; ++count) {
    const std::vector<uint8_t> bytes = EncodeInitiationPayload(
        {.ciphers = std::vector<Cipher>(count, Cipher::kAes256Gcm), .sender = kInitiator});
    EXPECT_EQ(bytes.size(), kMinInitiationPayloadSize);
    EXPECT_EQ(ToHex(Bytes(bytes).subspan(17 + count, 8)), "0300000078563412");
    EXPECT_EQ(DecodeInitiationPayload(bytes)->sender, kInitiator);
  }
}

TEST(HandshakeMessage, RefusesMalformedPayloads) {
  auto bytes = EncodeInitiationPayload({.ciphers = {Cipher::kAes256Gcm}});
  EXPECT_FALSE(DecodeInitiationPayload(Bytes(bytes).first(63)));
  bytes[16] = 0;
  EXPECT_FALSE(DecodeInitiationPayload(bytes));
  bytes[16] = 16;
  EXPECT_TRUE(DecodeInitiationPayload(bytes));
  bytes[16] = 17;
  EXPECT_FALSE(DecodeInitiationPayload(bytes));
  EXPECT_FALSE(DecodeInitiationPayload({}));

  auto response = EncodeResponsePayload({});
  EXPECT_FALSE(DecodeResponsePayload(Bytes(response).first(15)));
  response[4] = 0;
  EXPECT_FALSE(DecodeResponsePayload(response));
  response[4] = 3;
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

TEST(HandshakeMessage, NoCookieAnswersAResponse) {
  EXPECT_FALSE(DecodeCookieRequest(EncodeResponse({.receiver_index = 8, .noise = Noise(64)})));
  EXPECT_FALSE(DecodeCookieRequest(EncodeResponse({.receiver_index = 8, .noise = Noise(160)})));
}

TEST(HandshakeMessage, RetryReachesWhoAsked) {
  const RetrySecret secret{.key = SymmetricKey(CountingBytes(1)), .hash = {7}};
  const auto retry = EncodeRetry(0x11223344, kToken, secret);
  EXPECT_EQ(retry.size(), kRetrySize);
  EXPECT_EQ(ToHex(Bytes(retry).first(8)), "0500000044332211");
  EXPECT_EQ(DecodeHandshakeReceiver(retry), 0x11223344u);
  EXPECT_EQ(OpenRetry(retry, secret), kToken);

  const RetrySecret other_key{.key = SymmetricKey(CountingBytes(2)), .hash = {7}};
  const RetrySecret other_hash{.key = SymmetricKey(CountingBytes(1)), .hash = {8}};
  EXPECT_FALSE(OpenRetry(retry, other_key));
  EXPECT_FALSE(OpenRetry(retry, other_hash)) << "it belongs to one initiation";
  for (size_t i = 8; i < retry.size(); ++i) {  // the index is looked up, not authenticated
    auto changed = retry;
    changed[i] ^= 1;
    EXPECT_FALSE(OpenRetry(changed, secret)) << i;
  }
  auto cookie = retry;
  cookie[0] = 4;
  EXPECT_FALSE(OpenRetry(cookie, secret));
  EXPECT_FALSE(OpenRetry(Bytes(retry).first(63), secret));
}

TEST(HandshakeMessage, NoReplyIsLargerThanWhatItAnswers) {
  const KeyPair alice = KeyPair::Generate();
  const KeyPair bob = KeyPair::Generate();
  NoiseInitiator initiator(alice, bob.public_key(), HandshakePrologue(Role::kPeer, 0));
  NoiseResponder responder(bob, HandshakePrologue(Role::kPeer, 0));
  const auto initiation = EncodeInitiation(
      {.noise = initiator.WriteInitiation(EncodeInitiationPayload({.ciphers = SupportedCiphers()}))
                    .value()});
  ASSERT_TRUE(responder.ReadInitiation(DecodeInitiation(initiation)->noise).ok());
  const auto response = EncodeResponse(
      {.noise = responder.WriteResponse(PresharedKey(), EncodeResponsePayload({})).value()});
  ASSERT_TRUE(DecodeResponse(response));
  EXPECT_LE(response.size(), initiation.size());
  EXPECT_LE(kCookieReplySize, response.size());
  EXPECT_LE(kRetrySize, response.size());
}

// The worked bytes of docs/wire-format.md, computed with another implementation of Noise.
TEST(HandshakeMessage, WholeHandshakeAgreesWithTheDocument) {
  const KeyPair alice(SecretKey(CountingBytes(0)));
  const KeyPair bob(SecretKey(CountingBytes(0x20)));
  constexpr uint32_t kIndex = 0x11223344;
  NoiseInitiator initiator(alice, bob.public_key(), HandshakePrologue(Role::kPeer, kIndex));
  NoiseResponder responder(bob, HandshakePrologue(Role::kPeer, kIndex));
  initiator.SetEphemeralForTest(SecretKey(CountingBytes(0x40)));
  responder.SetEphemeralForTest(SecretKey(CountingBytes(0x60)));

  auto initiation =
      EncodeInitiation({.sender_index = kIndex,
                        .noise = *initiator.WriteInitiation(EncodeInitiationPayload(
                            {.token = kToken,
                             .ciphers = {Cipher::kAes256Gcm, Cipher::kChaCha20Poly1305},
                             .sender = kInitiator}))});
  WriteMacs(Mac1Key(bob.public_key()), nullptr, initiation);
  EXPECT_EQ(ToHex(initiation),
            "020000004433221179a631eede1bf9c98f12032cdeadd0e7a079398fc786b88cc846ec89af85a51a"
            "7bb480111a69ad45f96f524c50dad7814fd7decdf10dec98735a3c407bda34e2ce14de28a7bcfbe2"
            "cbce97c8006946fb058087d0db6e48edbb90a92e5d3452a24a798c23707740257fa02f72c48bb12c"
            "7f1d81bf0e27080f69f9bfa4e3346b4bc503a4a38c52c37536468a2b5d60924618ca5cbf5088a502"
            "5161e6e398aff790569594f081b6146df089554196e912f200000000000000000000000000000000");
  ASSERT_TRUE(responder.ReadInitiation(DecodeInitiation(initiation)->noise).ok());

  const RetrySecret secret = responder.retry_secret();
  EXPECT_EQ(ToHex(secret.hash),
            "77f60fb47b941cb4cb5a80e5bf48ffe77db8773251f3ea1fcfdce37f2bf6759953e3b9ccaa9a77ea"
            "4e32af2c60314a1b8597e3cdff610061485cddb688389a74");
  EXPECT_EQ(ToHex(secret.key.bytes()),
            "c3d100998168900d1a4de4979b50c9e0b5566ae99f18a9b00dd79d083ffaf371");
  const std::vector<uint8_t> retry = FromHex(
      "0500000044332211b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7de73783f07526530"
      "6af92e2fcbb19f47abb974a7852961abd20c1966de650376");
  EXPECT_EQ(OpenRetry(retry, initiator.retry_secret()), kToken);

  auto response = EncodeResponse(
      {.receiver_index = kIndex,
       .noise = *responder.WriteResponse(PresharedKey(),
                                         EncodeResponsePayload({.sender_index = 0x55667788,
                                                                .cipher = Cipher::kChaCha20Poly1305,
                                                                .sender = kResponder}))});
  const Cookie cookie = ResponseCookie(secret);
  WriteMacs(Mac1Key(alice.public_key()), &cookie, response);
  EXPECT_EQ(ToHex(response),
            "0300000044332211675dd574ed7789310b3d2e7681f3790b466c773b1521fecf36577958371ea52f"
            "df73ef26cccfd920ff784b66714e23ac96af3542ecd5624b0a50d2ad46668b54a35e5339b58f142b"
            "1b15828c69753630d1d26ab46338e141f920033dad2fd20a");
  const auto heard = initiator.ReadResponse(PresharedKey(), DecodeResponse(response)->noise);
  ASSERT_TRUE(heard.ok());
  EXPECT_EQ(ToHex(heard->keys.initiator_to_responder.bytes()),
            "f774815af13ce75e6c2486f2b42c0c78696f31080195b9f44efbc09b376ac462");
  EXPECT_EQ(ToHex(heard->keys.responder_to_initiator.bytes()),
            "d8445ebed0f62f99a792579171844f8080558dc8abd110d83f20ccff35b5f6e2");
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
