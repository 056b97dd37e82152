// The datagrams of the handshake, around the Noise messages of noise.h. The notation is that of docs/wire-format.md.
//
//   initiation         = 02 000000 | sender-index u32 | noise-initiation | mac1 16 | mac2 16
//   response           = 03 000000 | sender-index u32 | receiver-index u32 | noise-response | mac1 16 | mac2 16
//   cookie-reply       = 04 000000 | receiver-index u32 | nonce 24 | sealed-cookie 32
//
//   noise-initiation   = ephemeral 32 | static 32 + 16 | initiation-payload + 16
//   noise-response     = ephemeral 32 | response-payload + 16
//
//   initiation-payload = timestamp u64 | cipher-count u8 | cipher-count × cipher u8 | padding    ; at least 64 bytes
//   response-payload   = cipher u8 | padding                                                     ; at least 16 bytes
//
// `sender-index` is what the receiver writes as receiver-index from now on. `timestamp` counts nanoseconds since 1970
// by the initiator's clock and is a hint only. `cipher-count` is 1 to 16; ciphers (wire::Cipher) are offered best
// first, unknown ones are skipped, and the response names one of them. `padding` is zero when sent and ignored when
// received: later versions may use it. The MACs and the sealed cookie stand in handshake_mac.h.
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
  uint32_t sender_index = 0;
  uint32_t receiver_index = 0;
  Bytes noise;
};
std::vector<uint8_t> EncodeResponse(const ResponseMessage& message);
std::optional<ResponseMessage> DecodeResponse(Bytes datagram);

// The sender index and mac1 of an initiation or response: what a cookie reply to it needs.
struct CookieRequest {
  uint32_t sender_index = 0;
  Mac mac1{};
};
std::optional<CookieRequest> DecodeCookieRequest(Bytes datagram);

// The receiver index of a response or cookie reply, which names the handshake of ours that it belongs to.
std::optional<uint32_t> DecodeHandshakeReceiver(Bytes datagram);

// Seals a cookie for the sender of `request`; `seal_key` is our CookieSealKey.
std::vector<uint8_t> EncodeCookieReply(const CookieRequest& request, const Cookie& cookie,
                                       const MacKey& seal_key);
// `seal_key` is the remote's CookieSealKey, `mac1` that of our message with this receiver index.
// nullopt where malformed or not authentic.
std::optional<Cookie> OpenCookieReply(Bytes datagram, const Mac& mac1, const MacKey& seal_key);

// --- Noise payloads. ---

struct InitiationPayload {
  uint64_t timestamp_ns = 0;
  std::vector<Cipher> ciphers;  // best first; 1 to kMaxOfferedCiphers
};
std::vector<uint8_t> EncodeInitiationPayload(const InitiationPayload& payload);
// Ciphers that this version does not know are left out; the list may be empty then.
std::optional<InitiationPayload> DecodeInitiationPayload(Bytes bytes);

struct ResponsePayload {
  Cipher cipher = Cipher::kChaCha20Poly1305;
};
std::vector<uint8_t> EncodeResponsePayload(const ResponsePayload& payload);
// The caller, an initiator, must still check that it offered this cipher.
std::optional<ResponsePayload> DecodeResponsePayload(Bytes bytes);

// The first of `offered` that is among `supported`; nullopt where there is none.
std::optional<Cipher> ChooseCipher(std::span<const Cipher> offered,
                                   std::span<const Cipher> supported);

// --- The Noise prologue: protocol, version, and whether the responder is a peer or a map. ---

enum class Role : uint8_t { kPeer, kMap };
// "WARP/1 peer" or "WARP/1 map", without a terminator.
std::vector<uint8_t> HandshakePrologue(Role role);

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_HANDSHAKE_HANDSHAKE_MESSAGE_H_
