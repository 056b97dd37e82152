// The keys by which an association knows its two ends, as they follow each other: our own (Identity has them), the
// remote end's, and the preshared ones. Which of them a handshake is made with, and which ended.
//
//   ours       the remote end may know the newest, or one of those before       a handshake of ours names one
//   theirs     it may have the newest, or one of those before                    a handshake of ours is for one
//   preshared  it may have the newest, or one of those before                    tried as a response is read
//
// Nothing tells which of them the remote end has until a handshake has succeeded. Then, where it was made with the
// newest, the remote end has that, and those before serve it no more. Pure; one thread.
#ifndef WARP_CONTROL_PROTOCOL_HANDSHAKE_ASSOCIATION_KEYS_H_
#define WARP_CONTROL_PROTOCOL_HANDSHAKE_ASSOCIATION_KEYS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "control/protocol/constants.h"
#include "control/protocol/handshake/identity.h"
#include "control/protocol/handshake/key_succession.h"
#include "dataplane/wire/crypto/keys.h"

namespace warp::protocol {

// What a handshake, and the session of it, was made with: numbers are those of KeySuccession.
struct HandshakeKeys {
  wire::PublicKey own;
  wire::PublicKey remote;
  uint64_t own_number = 0;
  uint64_t remote_number = 0;
  uint64_t psk_number = 0;  // 0: not known yet
  bool SamePair(const HandshakeKeys& other) const {
    return own_number == other.own_number && remote_number == other.remote_number;
  }
};

class AssociationKeys {
 public:
  // `identity` outlives it. `own`: which of our keys alone it is for (an old registration at a map); unset: for all.
  AssociationKeys(const Identity& identity, const wire::PublicKey& remote, wire::PresharedKey psk,
                  std::optional<wire::PublicKey> own = std::nullopt)
      : identity_(identity), own_(own), remotes_(remote), psks_(std::move(psk)) {}

  const KeySuccession<wire::PublicKey>& remotes() const { return remotes_; }
  const KeySuccession<wire::PresharedKey>& psks() const { return psks_; }
  const wire::PublicKey& remote() const { return remotes_.newest().key; }
  const std::optional<wire::PublicKey>& own() const { return own_; }

  // --- They change. False: it is the newest already. ---
  // As KeySuccession::Put has it.
  bool SetRemote(Instant now, const wire::PublicKey& key, Replaced replaced, bool has_served) {
    return remotes_.Put(now, key, replaced, has_served);
  }
  bool SetPsk(Instant now, wire::PresharedKey psk, Replaced replaced, bool has_served) {
    return psks_.Put(now, std::move(psk), replaced, has_served);
  }
  void Settle() {
    remotes_.Settle();
    psks_.Settle();
  }

  // The pairs that a handshake of ours may be made with, in the order in which they are tried: the newest two, those by
  // which the remote end was heard last, and the others. Empty: our key has ended.
  std::vector<HandshakeKeys> Pairs() const;
  // An initiation for this key of ours, by this one of the remote end's. nullopt: they do not serve.
  std::optional<HandshakeKeys> Find(uint64_t own_number, const wire::PublicKey& remote) const;
  // What an initiation is answered with, the first of its pair since the newest preshared key came being number 0.
  // Nothing in it tells which of them its sender has. So they take turns, as do its attempts.
  const KeySuccession<wire::PresharedKey>::Entry& PskOf(uint64_t number) const {
    return psks_.entries()[number % psks_.entries().size()];
  }

  // A session that was made with these was confirmed. True where old keys of the remote end have ended by that.
  bool NoteServed(const HandshakeKeys& keys);
  // Of the session that was confirmed last; zeros: none was.
  const HandshakeKeys& served() const { return served_; }
  bool knows_newest_own() const { return own_known_ == identity_.own().newest().number; }
  // Whether the remote end may know others than the newest two: there are several Pairs.
  bool several() const {
    return remotes_.has_old() ||
           (!own_.has_value() && identity_.own().has_old() && !knows_newest_own());
  }

  // Old keys end whose time is over.
  void Expire(Instant now);
  // These serve nobody any more, unless they are the newest.
  void EndRemote(const wire::PublicKey& key) { remotes_.End(key); }
  Instant NextEnd() const;
  // Whether handshakes may be made with them still.
  bool Serve(const HandshakeKeys& keys) const;

 private:
  const Identity& identity_;
  const std::optional<wire::PublicKey> own_;
  KeySuccession<wire::PublicKey> remotes_;
  KeySuccession<wire::PresharedKey> psks_;
  HandshakeKeys served_;    // of the session that was confirmed last
  uint64_t own_known_ = 0;  // the number of the newest own key by which the remote end was heard
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_HANDSHAKE_ASSOCIATION_KEYS_H_
