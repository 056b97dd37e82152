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
  Le32 sender_index;
  Le32 receiver_index;
};
struct CookieReplyLayout {
  uint8_t type = static_cast<uint8_t>(MessageType::kCookieReply);
  uint8_t reserved[3] = {};
  Le32 receiver_index;
  std::array<uint8_t, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES> nonce;
  std::array<uint8_t, kCookieSize + kTagSize> sealed;
};
constexpr size_t kMacsSize = 2 * kMacSize;

static_assert(sizeof(InitiationLayout) + kNoiseInitiationOverhead + kMinInitiationPayloadSize +
                  kMacsSize ==
              kMinInitiationSize);
static_assert(sizeof(ResponseLayout) + kNoiseResponseOverhead + kMinResponsePayloadSize +
                  kMacsSize ==
              kMinResponseSize);
static_assert(sizeof(CookieReplyLayout) == kCookieReplySize);
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
bool IsCookieReply(Bytes datagram) {
  return HasShape(datagram, MessageType::kCookieReply, kCookieReplySize, kCookieReplySize);
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

struct InitiationPayloadLayout {
  Le64 timestamp_ns;
  uint8_t cipher_count = 0;
  std::array<uint8_t, kMaxOfferedCiphers> ciphers{};
};
static_assert(sizeof(InitiationPayloadLayout) <= kMinInitiationPayloadSize);

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
  return EncodeAround(ResponseLayout{.sender_index = Le32(message.sender_index),
                                     .receiver_index = Le32(message.receiver_index)},
                      message.noise);
}

std::optional<ResponseMessage> DecodeResponse(Bytes datagram) {
  if (!IsResponse(datagram)) return std::nullopt;
  const auto layout = ReadAs<ResponseLayout>(datagram.data());
  return ResponseMessage{.sender_index = layout.sender_index.value(),
                         .receiver_index = layout.receiver_index.value(),
                         .noise = NoiseOf<ResponseLayout>(datagram)};
}

std::optional<CookieRequest> DecodeCookieRequest(Bytes datagram) {
  if (!IsInitiation(datagram) && !IsResponse(datagram)) return std::nullopt;
  // Both begin alike.
  return CookieRequest{
      .sender_index = ReadAs<InitiationLayout>(datagram.data()).sender_index.value(),
      .mac1 = ReadAs<Mac>(datagram.data() + datagram.size() - kMacsSize)};
}

std::optional<uint32_t> DecodeHandshakeReceiver(Bytes datagram) {
  if (IsResponse(datagram)) return ReadAs<ResponseLayout>(datagram.data()).receiver_index.value();
  if (IsCookieReply(datagram)) {
    return ReadAs<CookieReplyLayout>(datagram.data()).receiver_index.value();
  }
  return std::nullopt;
}

std::vector<uint8_t> EncodeCookieReply(const CookieRequest& request, const Cookie& cookie,
                                       const MacKey& seal_key) {
  CookieReplyLayout layout{.receiver_index = Le32(request.sender_index)};
  randombytes_buf(layout.nonce.data(), layout.nonce.size());
  crypto_aead_xchacha20poly1305_ietf_encrypt(
      layout.sealed.data(), nullptr, cookie.data(), cookie.size(), request.mac1.data(),
      request.mac1.size(), nullptr, layout.nonce.data(), seal_key.data());
  std::vector<uint8_t> datagram(sizeof(layout));
  WriteAs(layout, datagram.data());
  return datagram;
}

std::optional<Cookie> OpenCookieReply(Bytes datagram, const Mac& mac1, const MacKey& seal_key) {
  if (!IsCookieReply(datagram)) return std::nullopt;
  const auto layout = ReadAs<CookieReplyLayout>(datagram.data());
  Cookie cookie;
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          cookie.data(), nullptr, nullptr, layout.sealed.data(), layout.sealed.size(), mac1.data(),
          mac1.size(), layout.nonce.data(), seal_key.data()) != 0) {
    return std::nullopt;
  }
  return cookie;
}

std::vector<uint8_t> EncodeInitiationPayload(const InitiationPayload& payload) {
  InitiationPayloadLayout layout{.timestamp_ns = Le64(payload.timestamp_ns)};
  for (const Cipher cipher : payload.ciphers) {
    if (layout.cipher_count == layout.ciphers.size()) break;
    layout.ciphers[layout.cipher_count++] = static_cast<uint8_t>(cipher);
  }
  std::vector<uint8_t> bytes(kMinInitiationPayloadSize);
  WriteAs(layout, bytes.data());
  return bytes;
}

std::optional<InitiationPayload> DecodeInitiationPayload(Bytes bytes) {
  if (bytes.size() < kMinInitiationPayloadSize) return std::nullopt;
  const auto layout = ReadAs<InitiationPayloadLayout>(bytes.data());
  if (layout.cipher_count == 0 || layout.cipher_count > layout.ciphers.size()) return std::nullopt;
  InitiationPayload payload{.timestamp_ns = layout.timestamp_ns.value()};
  for (size_t i = 0; i < layout.cipher_count; ++i) {
    if (IsKnown(layout.ciphers[i]))
      payload.ciphers.push_back(static_cast<Cipher>(layout.ciphers[i]));
  }
  return payload;
}

std::vector<uint8_t> EncodeResponsePayload(const ResponsePayload& payload) {
  std::vector<uint8_t> bytes(kMinResponsePayloadSize);
  bytes[0] = static_cast<uint8_t>(payload.cipher);
  return bytes;
}

std::optional<ResponsePayload> DecodeResponsePayload(Bytes bytes) {
  if (bytes.size() < kMinResponsePayloadSize || !IsKnown(bytes[0])) return std::nullopt;
  return ResponsePayload{.cipher = static_cast<Cipher>(bytes[0])};
}

std::optional<Cipher> ChooseCipher(std::span<const Cipher> offered,
                                   std::span<const Cipher> supported) {
  const auto chosen =
      std::find_first_of(offered.begin(), offered.end(), supported.begin(), supported.end());
  if (chosen == offered.end()) return std::nullopt;
  return *chosen;
}

std::vector<uint8_t> HandshakePrologue(Role role) {
  const absl::string_view text = role == Role::kPeer ? "WARP/1 peer" : "WARP/1 map";
  return {text.begin(), text.end()};
}

}  // namespace warp::wire
