#include "dataplane/wire/handshake/handshake_message.h"

#include <sodium.h>

#include <algorithm>

#include "absl/strings/string_view.h"
#include "dataplane/wire/byte_order.h"
#include "dataplane/wire/handshake/noise_state.h"
#include "dataplane/wire/message.h"

namespace warp::wire {

namespace {

struct InitiationLayout {
  uint8_t type = static_cast<uint8_t>(MessageType::kInitiation);
  uint8_t reserved[3] = {};
  Le32 sender_index;
};
struct ResponseLayout {
  uint8_t type = static_cast<uint8_t>(MessageType::kResponse);
  uint8_t reserved[3] = {};
  Le32 receiver_index;
};
// A cookie reply or a retry, which differ in what is sealed and with which key.
struct SmallReplyLayout {
  uint8_t type = 0;
  uint8_t reserved[3] = {};
  Le32 receiver_index;
  std::array<uint8_t, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES> nonce;
  std::array<uint8_t, 16 + kTagSize> sealed;
};
static_assert(kCookieSize == 16 && kTokenSize == 16);
constexpr size_t kMacsSize = 2 * kMacSize;

static_assert(sizeof(InitiationLayout) + kNoiseInitiationOverhead + kMinInitiationPayloadSize +
                  kMacsSize ==
              kMinInitiationSize);
static_assert(sizeof(ResponseLayout) + kNoiseResponseOverhead + kMinResponsePayloadSize +
                  kMacsSize ==
              kMinResponseSize);
static_assert(sizeof(SmallReplyLayout) == kCookieReplySize &&
              sizeof(SmallReplyLayout) == kRetrySize);
static_assert(kCookieReplySize <= kMinResponseSize && kMinResponseSize <= kMinInitiationSize);

bool HasShape(Bytes datagram, MessageType type, size_t min_size, size_t max_size) {
  return ClassifyDatagram(datagram) == type && datagram.size() >= min_size &&
         datagram.size() <= max_size;
}

bool IsInitiation(Bytes datagram) {
  return HasShape(datagram, MessageType::kInitiation, kMinInitiationSize, kMaxHandshakeSize);
}
bool IsResponse(Bytes datagram) {
  return HasShape(datagram, MessageType::kResponse, kMinResponseSize, kMinInitiationSize);
}
bool IsSmallReply(Bytes datagram, MessageType type) {
  return HasShape(datagram, type, sizeof(SmallReplyLayout), sizeof(SmallReplyLayout));
}

std::vector<uint8_t> SealSmallReply(MessageType type, uint32_t receiver_index,
                                    const std::array<uint8_t, 16>& content, Bytes key,
                                    Bytes additional) {
  SmallReplyLayout layout{.type = static_cast<uint8_t>(type),
                          .receiver_index = Le32(receiver_index)};
  randombytes_buf(layout.nonce.data(), layout.nonce.size());
  crypto_aead_xchacha20poly1305_ietf_encrypt(layout.sealed.data(), nullptr, content.data(),
                                             content.size(), additional.data(), additional.size(),
                                             nullptr, layout.nonce.data(), key.data());
  std::vector<uint8_t> datagram(sizeof(layout));
  WriteAs(layout, datagram.data());
  return datagram;
}

std::optional<std::array<uint8_t, 16>> OpenSmallReply(MessageType type, Bytes datagram, Bytes key,
                                                      Bytes additional) {
  if (!IsSmallReply(datagram, type)) return std::nullopt;
  const auto layout = ReadAs<SmallReplyLayout>(datagram.data());
  std::array<uint8_t, 16> content;
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          content.data(), nullptr, nullptr, layout.sealed.data(), layout.sealed.size(),
          additional.data(), additional.size(), layout.nonce.data(), key.data()) != 0) {
    return std::nullopt;
  }
  return content;
}

template <typename Layout>
std::vector<uint8_t> EncodeAround(const Layout& layout, Bytes noise) {
  std::vector<uint8_t> datagram(sizeof(layout) + noise.size() + kMacsSize);
  WriteAs(layout, datagram.data());
  std::copy(noise.begin(), noise.end(), datagram.begin() + sizeof(layout));
  return datagram;
}

template <typename Layout>
Bytes NoiseOf(Bytes datagram) {
  return datagram.subspan(sizeof(Layout), datagram.size() - sizeof(Layout) - kMacsSize);
}

bool IsKnown(uint8_t cipher) {
  return cipher == static_cast<uint8_t>(Cipher::kAes256Gcm) ||
         cipher == static_cast<uint8_t>(Cipher::kChaCha20Poly1305);
}

struct IntroductionLayout {
  Le32 features;
  Le32 life;
};

// An introduction follows after `cipher_count` ciphers.
struct InitiationPayloadLayout {
  Token token;
  uint8_t cipher_count = 0;
  std::array<uint8_t, kMaxOfferedCiphers> ciphers{};
};
static_assert(sizeof(InitiationPayloadLayout) + sizeof(IntroductionLayout) <=
              kMinInitiationPayloadSize);

size_t IntroductionOffset(size_t cipher_count) {
  return sizeof(InitiationPayloadLayout) - kMaxOfferedCiphers + cipher_count;
}

struct ResponsePayloadLayout {
  Le32 sender_index;
  uint8_t cipher = 0;
  IntroductionLayout sender;
};
static_assert(sizeof(ResponsePayloadLayout) <= kMinResponsePayloadSize);

IntroductionLayout LayoutOf(const Introduction& introduction) {
  return {.features = Le32(introduction.features), .life = Le32(introduction.life)};
}
Introduction IntroductionOf(const IntroductionLayout& layout) {
  return {.features = layout.features.value(), .life = layout.life.value()};
}

}  // namespace

std::vector<uint8_t> EncodeInitiation(const InitiationMessage& message) {
  return EncodeAround(InitiationLayout{.sender_index = Le32(message.sender_index)}, message.noise);
}

std::optional<InitiationMessage> DecodeInitiation(Bytes datagram) {
  if (!IsInitiation(datagram)) return std::nullopt;
  const auto layout = ReadAs<InitiationLayout>(datagram.data());
  return InitiationMessage{.sender_index = layout.sender_index.value(),
                           .noise = NoiseOf<InitiationLayout>(datagram)};
}

std::vector<uint8_t> EncodeResponse(const ResponseMessage& message) {
  return EncodeAround(ResponseLayout{.receiver_index = Le32(message.receiver_index)},
                      message.noise);
}

std::optional<ResponseMessage> DecodeResponse(Bytes datagram) {
  if (!IsResponse(datagram)) return std::nullopt;
  const auto layout = ReadAs<ResponseLayout>(datagram.data());
  return ResponseMessage{.receiver_index = layout.receiver_index.value(),
                         .noise = NoiseOf<ResponseLayout>(datagram)};
}

std::optional<CookieRequest> DecodeCookieRequest(Bytes datagram) {
  if (!IsInitiation(datagram)) return std::nullopt;
  return CookieRequest{
      .sender_index = ReadAs<InitiationLayout>(datagram.data()).sender_index.value(),
      .mac1 = ReadAs<Mac>(datagram.data() + datagram.size() - kMacsSize)};
}

std::optional<uint32_t> DecodeHandshakeReceiver(Bytes datagram) {
  if (IsResponse(datagram)) return ReadAs<ResponseLayout>(datagram.data()).receiver_index.value();
  if (IsSmallReply(datagram, MessageType::kCookieReply) ||
      IsSmallReply(datagram, MessageType::kRetry)) {
    return ReadAs<SmallReplyLayout>(datagram.data()).receiver_index.value();
  }
  return std::nullopt;
}

std::vector<uint8_t> EncodeCookieReply(const CookieRequest& request, const Cookie& cookie,
                                       const MacKey& seal_key) {
  return SealSmallReply(MessageType::kCookieReply, request.sender_index, cookie, seal_key,
                        request.mac1);
}

std::optional<Cookie> OpenCookieReply(Bytes datagram, const Mac& mac1, const MacKey& seal_key) {
  return OpenSmallReply(MessageType::kCookieReply, datagram, seal_key, mac1);
}

Cookie ResponseCookie(const RetrySecret& secret) {
  constexpr absl::string_view kLabel = "WARP/1 response";
  return ComputeMac(secret.key.bytes(),
                    Bytes(reinterpret_cast<const uint8_t*>(kLabel.data()), kLabel.size()));
}

std::vector<uint8_t> EncodeRetry(uint32_t receiver_index, const Token& token,
                                 const RetrySecret& secret) {
  return SealSmallReply(MessageType::kRetry, receiver_index, token, secret.key.bytes(),
                        secret.hash);
}

std::optional<Token> OpenRetry(Bytes datagram, const RetrySecret& secret) {
  return OpenSmallReply(MessageType::kRetry, datagram, secret.key.bytes(), secret.hash);
}

std::vector<uint8_t> EncodeInitiationPayload(const InitiationPayload& payload) {
  InitiationPayloadLayout layout{.token = payload.token};
  for (const Cipher cipher : payload.ciphers) {
    if (layout.cipher_count == layout.ciphers.size()) break;
    layout.ciphers[layout.cipher_count++] = static_cast<uint8_t>(cipher);
  }
  std::vector<uint8_t> bytes(kMinInitiationPayloadSize);
  WriteAs(layout, bytes.data());
  WriteAs(LayoutOf(payload.sender), bytes.data() + IntroductionOffset(layout.cipher_count));
  return bytes;
}

std::optional<InitiationPayload> DecodeInitiationPayload(Bytes bytes) {
  if (bytes.size() < kMinInitiationPayloadSize) return std::nullopt;
  const auto layout = ReadAs<InitiationPayloadLayout>(bytes.data());
  if (layout.cipher_count == 0 || layout.cipher_count > layout.ciphers.size()) return std::nullopt;
  const auto sender =
      ReadAs<IntroductionLayout>(bytes.data() + IntroductionOffset(layout.cipher_count));
  InitiationPayload payload{.token = layout.token, .ciphers = {}, .sender = IntroductionOf(sender)};
  for (size_t i = 0; i < layout.cipher_count; ++i) {
    if (IsKnown(layout.ciphers[i]))
      payload.ciphers.push_back(static_cast<Cipher>(layout.ciphers[i]));
  }
  return payload;
}

std::vector<uint8_t> EncodeResponsePayload(const ResponsePayload& payload) {
  std::vector<uint8_t> bytes(kMinResponsePayloadSize);
  WriteAs(ResponsePayloadLayout{.sender_index = Le32(payload.sender_index),
                                .cipher = static_cast<uint8_t>(payload.cipher),
                                .sender = LayoutOf(payload.sender)},
          bytes.data());
  return bytes;
}

std::optional<ResponsePayload> DecodeResponsePayload(Bytes bytes) {
  if (bytes.size() < kMinResponsePayloadSize) return std::nullopt;
  const auto layout = ReadAs<ResponsePayloadLayout>(bytes.data());
  if (!IsKnown(layout.cipher)) return std::nullopt;
  return ResponsePayload{.sender_index = layout.sender_index.value(),
                         .cipher = static_cast<Cipher>(layout.cipher),
                         .sender = IntroductionOf(layout.sender)};
}

std::optional<Cipher> ChooseCipher(std::span<const Cipher> offered,
                                   std::span<const Cipher> supported) {
  const auto chosen =
      std::find_first_of(offered.begin(), offered.end(), supported.begin(), supported.end());
  if (chosen == offered.end()) return std::nullopt;
  return *chosen;
}

std::vector<uint8_t> HandshakePrologue(Role role, uint32_t sender_index) {
  const absl::string_view text = role == Role::kPeer ? "WARP/1 peer" : "WARP/1 map";
  std::vector<uint8_t> prologue(text.begin(), text.end());
  prologue.resize(text.size() + sizeof(InitiationLayout));
  WriteAs(InitiationLayout{.sender_index = Le32(sender_index)}, prologue.data() + text.size());
  return prologue;
}

}  // namespace warp::wire
