// The two MACs at the end of initiations and responses, and the cookie between them.
//
// mac1 proves that the sender knows the receiver's public key: no X25519 is spent on a message without it. mac2 proves
// that the sender receives at its source address: under load, a cookie reply asks for it.
//
//   mac-key       = BLAKE2b-256("WARP/1 mac1" | receiver's public key)
//   mac1          = BLAKE2b-128, keyed with mac-key, of the message before mac1
//   mac2          = BLAKE2b-128, keyed with the cookie, of the message before mac2    ; initiation: zeros without one
//   cookie-key    = BLAKE2b-256("WARP/1 cookie" | public key of the cookie's sender)
//   sealed-cookie = XChaCha20-Poly1305(cookie-key, nonce, cookie 16)                  ; additional data: mac1 of the
//                                                                                     ; message that is answered
//   cookie        = 16 bytes, opaque to its receiver                                  ; see ComputeCookie
//
// Any thread; nothing here allocates.
#ifndef WARP_DATAPLANE_WIRE_HANDSHAKE_HANDSHAKE_MAC_H_
#define WARP_DATAPLANE_WIRE_HANDSHAKE_HANDSHAKE_MAC_H_

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/wire/bytes.h"
#include "dataplane/wire/constants.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/endpoint.h"

namespace warp::wire {

// Not a secret: whoever knows the public key can make it.
using MacKey = std::array<uint8_t, kKeySize>;
using Mac = std::array<uint8_t, kMacSize>;
using Cookie = std::array<uint8_t, kCookieSize>;

// The key of mac1 in messages *to* `receiver`.
MacKey Mac1Key(const PublicKey& receiver);

// The keys of mac1 in messages to one receiver: of the key that it has, and of those of before that serve still.
struct Mac1Keys {
  Mac1Keys() = default;  // none: no message passes
  Mac1Keys(const MacKey& key) : count(1) { keys[0] = key; }
  std::array<MacKey, 1 + kMaxOldKeys> keys{};
  size_t count = 0;
};

// The key that seals cookie replies *from* `sender`.
MacKey CookieSealKey(const PublicKey& sender);

// BLAKE2b-128. The key has 16 to 64 bytes.
Mac ComputeMac(Bytes key, Bytes message);

// BLAKE2b-128, keyed with the secret, of address and port: who shows it has received our cookie at `source`. The secret
// changes every two minutes, and the one before stays valid as long again.
Cookie ComputeCookie(const SecretBytes& secret, const Endpoint& source);

// The secrets of a responder's cookies, of which the younger makes them. Both recognise them.
struct CookieSecrets {
  SecretBytes current;
  SecretBytes previous;
};

// `datagram` is a whole initiation or response; false for what is too short to hold both MACs.
// Constant time. Other types of message have no MAC: see ClassifyDatagram.
bool VerifyMac1(const MacKey& key, Bytes datagram);
// Whether one of the keys made it.
bool VerifyMac1(const Mac1Keys& keys, Bytes datagram);
bool VerifyMac2(const Cookie& cookie, Bytes datagram);
// Whether mac2 was made with a cookie of ours for this source. Where mac2 is zero, that costs nothing.
bool VerifyCookie(const CookieSecrets& secrets, const Endpoint& source, Bytes datagram);

// Writes mac1, and mac2 where there is a cookie (zero otherwise), into an encoded initiation or
// response.
void WriteMacs(const MacKey& key, const Cookie* cookie, MutableBytes datagram);

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_HANDSHAKE_HANDSHAKE_MAC_H_
