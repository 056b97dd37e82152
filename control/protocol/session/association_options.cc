#include "control/protocol/session/association_options.h"

#include <utility>

namespace warp::protocol {

AssociationOptions PeerAssociation(const Timers& timers, const wire::PublicKey& remote,
                                   wire::PresharedKey psk, size_t window) {
  return {.remote = remote,
          .psk = std::move(psk),
          .role = Role::kPeer,
          .window = window,
          .initiates = true,
          .silence = timers.session_silence,
          .rekey_after = timers.rekey_after,
          .rekey_after_responder = timers.rekey_after_responder,
          .session_lifetime = timers.session_lifetime};
}

AssociationOptions MapAssociation(const wire::PublicKey& remote, Duration rekey_after,
                                  bool initiates, const std::optional<wire::PublicKey>& own) {
  return {.remote = remote,
          .own = own,
          .role = Role::kMap,
          .window = wire::kMapWindow,
          .initiates = initiates,
          .spread = kMapGreetingMax,
          .silence = Duration::zero(),
          .rekey_after = rekey_after,
          .rekey_after_responder = rekey_after + rekey_after / 4,
          .session_lifetime = rekey_after + rekey_after / 2};
}

}  // namespace warp::protocol
