#include "control/protocol/session/association_options.h"

#include <utility>

namespace warp::protocol {

SessionTerms PeerTerms(const Timers& timers, size_t window) {
  return {.window = window,
          .silence = timers.session_silence,
          .rekey_after = timers.rekey_after,
          .rekey_after_responder = timers.rekey_after_responder,
          .session_lifetime = timers.session_lifetime};
}

SessionTerms MapTerms(Duration rekey_after) {
  return {.window = wire::kMapWindow,
          .silence = Duration::zero(),
          .rekey_after = rekey_after,
          .rekey_after_responder = rekey_after + rekey_after / 4,
          .session_lifetime = rekey_after + rekey_after / 2};
}

AssociationOptions PeerAssociation(const Timers& timers, const wire::PublicKey& remote,
                                   wire::PresharedKey psk, size_t window) {
  return {.remote = remote,
          .psk = std::move(psk),
          .role = Role::kPeer,
          .initiates = true,
          .terms = PeerTerms(timers, window)};
}

AssociationOptions MapAssociation(const wire::PublicKey& remote, Duration rekey_after,
                                  bool initiates, const std::optional<wire::PublicKey>& own) {
  return {.remote = remote,
          .own = own,
          .role = Role::kMap,
          .initiates = initiates,
          .spread = kMapGreetingMax,
          .terms = MapTerms(rekey_after)};
}

}  // namespace warp::protocol
