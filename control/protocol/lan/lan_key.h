// The keys by which two nodes know each other's announcements (lan_message.h has the formulas). Pure.
#ifndef WARP_CONTROL_PROTOCOL_LAN_LAN_KEY_H_
#define WARP_CONTROL_PROTOCOL_LAN_LAN_KEY_H_

#include <optional>

#include "control/protocol/lan/lan_message.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/crypto/keys.h"

namespace warp::protocol {

// Of tags from one node to another. Each direction has its own, so that no announcement can be given back to its sender
// as if it were the peer's.
class LanKey : public wire::SecretBytes {
 public:
  using SecretBytes::SecretBytes;
};

struct LanKeys {
  LanKey to_peer;
  LanKey from_peer;
};

// nullopt: the remote key is nobody's. Costs an X25519 operation.
std::optional<LanKeys> DeriveLanKeys(const wire::KeyPair& own, const wire::PublicKey& remote,
                                     const wire::PresharedKey& psk);

LanTag ComputeLanTag(const LanKey& key, wire::Bytes head);
// `challenge` is the receiver's.
LanTag ComputeLanProof(const LanKey& key, wire::Bytes head, const LanChallenge& challenge);

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_LAN_LAN_KEY_H_
