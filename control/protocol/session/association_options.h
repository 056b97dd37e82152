// The differences between the two kinds of association: those between nodes, and those between a node and a map.
#ifndef WARP_CONTROL_PROTOCOL_SESSION_ASSOCIATION_OPTIONS_H_
#define WARP_CONTROL_PROTOCOL_SESSION_ASSOCIATION_OPTIONS_H_

#include <cstddef>
#include <optional>

#include "control/protocol/constants.h"
#include "dataplane/wire/constants.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/handshake/handshake_message.h"

namespace warp::protocol {

// What the responder is. The handshake's prologue names it, so that a handshake meant for a peer fails at a map.
using Role = wire::Role;

struct AssociationOptions {
  wire::PublicKey remote;
  wire::PresharedKey psk = {};  // all zero: none
  // Which of our keys alone it is for; unset: for all of them, as they follow each other.
  std::optional<wire::PublicKey> own = std::nullopt;
  Role role = Role::kPeer;  // kMap: between a node and a map, at both ends
  size_t window = wire::kDefaultWindow;
  bool initiates = true;  // false at a map, which only answers
  // Where the remote end answers a crowd: the time between two repetitions of an initiation grows up to this, and is
  // random, so that those who all miss it do not all come at once. Zero: it has few peers, who are soon back.
  Duration spread{};
  // When nothing authentic has come for this long, a new handshake begins. Zero: it never begins for that reason, and
  // the owner calls Connect instead.
  Duration silence{};
  Duration rekey_after{};            // of a session that this end initiated
  Duration rekey_after_responder{};  // of one that the remote end initiated
  Duration session_lifetime{};
};

// The options of a session with a peer, by `timers`.
AssociationOptions PeerAssociation(const Timers& timers, const wire::PublicKey& remote,
                                   wire::PresharedKey psk, size_t window);

// The options of a session with a map: `initiates` is true at the node. The window has 1,024 counters, and the keys die
// at one and a half times `rekey_after`.
AssociationOptions MapAssociation(const wire::PublicKey& remote, Duration rekey_after,
                                  bool initiates,
                                  const std::optional<wire::PublicKey>& own = std::nullopt);

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_SESSION_ASSOCIATION_OPTIONS_H_
