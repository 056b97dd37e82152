// The datagrams of the handshake, around the Noise messages of noise.h. The notation is that of docs/wire-format.md.
//
//   initiation         = 02 000000 | sender-index u32 | noise-initiation | mac1 16 | mac2 16
//   response           = 03 000000 | receiver-index u32 | noise-response | mac1 16 | mac2 16
//   cookie-reply       = 04 000000 | receiver-index u32 | nonce 24 | sealed-cookie 32
//   retry              = 05 000000 | receiver-index u32 | nonce 24 | sealed-token 32
//
//   noise-initiation   = ephemeral 32 | static 32 + 16 | initiation-payload + 16
//   noise-response     = ephemeral 32 | response-payload + 16
//
//   initiation-payload = token 16 | cipher-count u8 | cipher-count × cipher u8 | introduction | padding
//                                                                                           ; at least 64 bytes
//   response-payload   = sender-index u32 | cipher u8 | introduction | padding              ; at least 16 bytes
//   introduction       = features u32 | life u32                                            ; see introduction.h
//
//   prologue           = "WARP/1 " | "peer" / "map" | the initiation's first 8 bytes        ; its type and sender-index
//   retry-key          = BLAKE2b-256, keyed with Noise's chaining key after the initiation, of "WARP/1 retry"
//   sealed-token       = XChaCha20-Poly1305(retry-key, nonce, token 16)    ; additional data: Noise's hash after it
//   response-cookie    = BLAKE2b-128, keyed with retry-key, of "WARP/1 response"    ; keys mac2 of a response
//
// `sender-index` is what the receiver writes as receiver-index from now on. That of the initiation is part of the
// prologue and that of the response is encrypted, so that nobody can put another one in its place. `token` is that
// of the responder's last retry, zeros without one: whoever echoes it made the initiation after the retry, so that a
// recording never passes for a new one. `cipher-count` is 1 to 16; ciphers (wire::Cipher) are offered best first,
// unknown ones are skipped, and the response names one of them. `padding` is zero when sent and ignored when
// received: later versions may use it. The first version had no introduction, so that it left zeros there and
// ignored it. The MACs and the sealed cookie stand in handshake_mac.h.
//
// No reply is larger than what it answers: initiations are padded to at least kMinInitiationSize, and no response may
// be larger than that.
#ifndef WARP_DATAPLANE_WIRE_HANDSHAKE_HANDSHAKE_MESSAGE_H_
#define WARP_DATAPLANE_WIRE_HANDSHAKE_HANDSHAKE_MESSAGE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/wire/bytes.h"
#include "dataplane/wire/constants.h"
#include "dataplane/wire/crypto/aead.h"
#include "dataplane/wire/handshake/handshake_mac.h"
#include "dataplane/wire/handshake/introduction.h"
#include "dataplane/wire/handshake/noise.h"

namespace warp::wire {

// --- Datagrams. ---
//
// Decoders take a whole datagram, verify no MAC, and return views into it; nullopt where the type, the reserved bytes
// or the size is wrong. Encoders leave the MACs zero for WriteMacs().

struct InitiationMessage {
  uint32_t sender_index = 0;
  Bytes noise;
};
std::vector<uint8_t> EncodeInitiation(const InitiationMessage& message);
std::optional<InitiationMessage> DecodeInitiation(Bytes datagram);

struct ResponseMessage {
  uint32_t receiver_index = 0;
  Bytes noise;
};
std::vector<uint8_t> EncodeResponse(const ResponseMessage& message);
std::optional<ResponseMessage> DecodeResponse(Bytes datagram);

// The sender index and mac1 of an initiation: what a cookie reply to it needs.
struct CookieRequest {
  uint32_t sender_index = 0;
  Mac mac1{};
};
std::optional<CookieRequest> DecodeCookieRequest(Bytes datagram);

// The receiver index of a response, cookie reply or retry, which names the handshake of ours that it belongs to.
std::optional<uint32_t> DecodeHandshakeReceiver(Bytes datagram);

// Seals a cookie for the sender of `request`; `seal_key` is our CookieSealKey.
std::vector<uint8_t> EncodeCookieReply(const CookieRequest& request, const Cookie& cookie,
                                       const MacKey& seal_key);
// `seal_key` is the remote's CookieSealKey, `mac1` that of our message with this receiver index.
// nullopt where malformed or not authentic.
std::optional<Cookie> OpenCookieReply(Bytes datagram, const Mac& mac1, const MacKey& seal_key);

// What a responder gives to one remote key, and wants to see in that key's next initiation.
using Token = std::array<uint8_t, kTokenSize>;

// The key of a response's mac2: only the two ends of the initiation can make it, so that a forged response costs a hash
// and no Diffie-Hellman.
Cookie ResponseCookie(const RetrySecret& secret);

std::vector<uint8_t> EncodeRetry(uint32_t receiver_index, const Token& token,
                                 const RetrySecret& secret);
// `secret` is that of our initiation with this receiver index. nullopt where malformed or not authentic.
std::optional<Token> OpenRetry(Bytes datagram, const RetrySecret& secret);

// --- Noise payloads. ---

struct InitiationPayload {
  Token token{};
  std::vector<Cipher> ciphers;  // best first; 1 to kMaxOfferedCiphers
  Introduction sender{};
};
std::vector<uint8_t> EncodeInitiationPayload(const InitiationPayload& payload);
// Ciphers that this version does not know are left out; the list may be empty then.
std::optional<InitiationPayload> DecodeInitiationPayload(Bytes bytes);

struct ResponsePayload {
  uint32_t sender_index = 0;
  Cipher cipher = Cipher::kChaCha20Poly1305;
  Introduction sender{};
};
std::vector<uint8_t> EncodeResponsePayload(const ResponsePayload& payload);
// The caller, an initiator, must still check that it offered this cipher.
std::optional<ResponsePayload> DecodeResponsePayload(Bytes bytes);

// The first of `offered` that is among `supported`; nullopt where there is none.
std::optional<Cipher> ChooseCipher(std::span<const Cipher> offered,
                                   std::span<const Cipher> supported);

// --- The Noise prologue: protocol, version, whether the responder is a peer or a map, and the initiation's header. ---

enum class Role : uint8_t { kPeer, kMap };
std::vector<uint8_t> HandshakePrologue(Role role, uint32_t sender_index);

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_HANDSHAKE_HANDSHAKE_MESSAGE_H_
