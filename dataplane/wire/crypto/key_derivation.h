// The keys of the bulk cipher, made of those that the handshake ends with.
//
//   bulk-key  = BLAKE2b-256, keyed with that direction's split key, of "WARP/1 bulk key" | cipher u8 | direction u8
//   direction = 01 initiator to responder, 02 responder to initiator
#ifndef WARP_DATAPLANE_WIRE_CRYPTO_KEY_DERIVATION_H_
#define WARP_DATAPLANE_WIRE_CRYPTO_KEY_DERIVATION_H_

#include <cstdint>

#include "dataplane/wire/crypto/aead.h"
#include "dataplane/wire/crypto/keys.h"

namespace warp::wire {

enum class KeyDirection : uint8_t { kInitiatorToResponder = 1, kResponderToInitiator = 2 };

// The label keeps a key from ever serving two ciphers, or a Noise transport that someone might add.
SymmetricKey DeriveBulkKey(const SymmetricKey& split_key, Cipher cipher, KeyDirection direction);

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_CRYPTO_KEY_DERIVATION_H_
