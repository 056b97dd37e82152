// The two ends of one handshake, without timers: what dataplane/wire's Noise and message codecs make of keys and
// datagrams. Initiator and Association decide when.
//
//   initiator                                responder
//   InitiatorHandshake ── initiation ──────────────────► (under load)
//      ReadCookieReply ◄── cookie reply ────────────────
//                      ── the same, with mac2 ─────────► ReadInitiation (a session is to be protected)
//            ReadRetry ◄── retry ─────────────────────── MakeRetry
//   InitiatorHandshake ── initiation, with the token ──► ReadInitiation, AnswerInitiation ─► session
//         ReadResponse ◄── response ────────────────────
//              └► session
#ifndef WARP_CONTROL_PROTOCOL_HANDSHAKE_HANDSHAKE_H_
#define WARP_CONTROL_PROTOCOL_HANDSHAKE_HANDSHAKE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "control/protocol/constants.h"
#include "control/protocol/handshake/cookie.h"
#include "control/protocol/handshake/identity.h"
#include "control/protocol/handshake/key_succession.h"
#include "control/protocol/transmit.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/handshake/handshake_mac.h"
#include "dataplane/wire/handshake/handshake_message.h"
#include "dataplane/wire/handshake/noise.h"
#include "dataplane/wire/session/session.h"

namespace warp::protocol {

// Names an initiation: a hash of its Noise part alone, since anyone may change what stands around that.
using InitiationHash = std::array<uint8_t, 16>;

// With whom the handshake is, and what for. Both ends of an association name the same role, and share a psk.
struct HandshakeParams {
  wire::PublicKey remote;
  const wire::PresharedKey* psk = nullptr;  // what an initiation is answered with; not null there
  // What a response may be made with; null: with `psk` alone.
  const KeySuccession<wire::PresharedKey>* psks = nullptr;
  const wire::KeyPair* own = nullptr;  // which of our keys; null: the newest
  wire::Role role = wire::Role::kPeer;
  size_t window = wire::kDefaultWindow;
  Duration lifetime = Timers{}.session_lifetime;  // of the keys
  Duration spread = Duration::zero();             // association_options.h
};

class InitiatorHandshake {
 public:
  // Makes the initiation. `index` is reserved by the caller, and becomes the session's. `token` is that of the
  // responder's last retry, zeros without one.
  InitiatorHandshake(const Identity& identity, const HandshakeParams& params, uint32_t index,
                     const wire::Token& token);

  // The initiation as it goes over one route: with that route's cookie, where there is one. Empty where the remote key
  // is of low order, because nobody can hold the secret of such a key.
  std::vector<uint8_t> Copy(Instant now, const Route& route, CookieJar& cookies) const;

  // True when the cookie answers this initiation. Whoever sees the initiation can make one, so it changes nothing but
  // what mac2 is made of on that route.
  bool ReadCookieReply(Instant now, const Route& route, wire::Bytes datagram,
                       CookieJar& cookies) const;

  // The token that the responder wants to see. nullopt where the retry does not answer this initiation: only the holder
  // of the remote key can make one that does.
  std::optional<wire::Token> ReadRetry(wire::Bytes datagram) const;

  // Whether the holder of the remote key made the response, in answer to this initiation. Costs no Diffie-Hellman.
  bool IsFromResponder(wire::Bytes datagram) const;

  // The session, which begins to live now, and the number of the preshared key in `params.psks` that its keys are made
  // with. Null where the response does not answer this initiation, or breaks the protocol. Nothing changes.
  struct Read {
    std::shared_ptr<wire::Session> session;
    uint64_t psk_number = 0;
  };
  Read ReadResponse(Instant now, const HandshakeParams& params, wire::Bytes datagram) const;

  uint32_t index() const { return index_; }

 private:
  uint32_t index_;
  wire::MacKey mac1_key_;         // of messages to the remote end
  wire::MacKey cookie_seal_key_;  // of its cookie replies
  std::vector<wire::Cipher> offered_;
  std::unique_ptr<wire::NoiseInitiator> noise_;
  wire::RetrySecret retry_secret_;
  wire::Cookie response_cookie_{};
  std::vector<uint8_t> datagram_;  // MACs not yet written
  wire::Mac mac1_{};
};

// An initiation that the holder of the key it names has made for our key, just now or in the past (a recording).
struct ReceivedInitiation {
  std::unique_ptr<wire::NoiseResponder> noise;  // not null
  wire::PublicKey remote;
  uint64_t own_number = 0;  // of the key of ours that it is for, in Identity::own; set by Responder
  uint32_t remote_index = 0;
  wire::Token token{};  // that it echoes
  std::vector<wire::Cipher> ciphers;
  wire::Introduction sender{};
};

// Decrypts `datagram`, an initiation with a verified mac1 for this key of ours. nullopt where it does not decrypt or
// breaks the format. Costs two X25519 operations.
std::optional<ReceivedInitiation> ReadInitiation(const wire::KeyPair& own, wire::Role role,
                                                 wire::Bytes datagram);
InitiationHash HashInitiation(const wire::InitiationMessage& message);
// Asks the sender of `initiation` for another one, which echoes `token`. No Diffie-Hellman.
std::vector<uint8_t> MakeRetry(const ReceivedInitiation& initiation, const wire::Token& token);

// The response, and what the session is made of: its cipher and the keys of both directions.
struct AnsweredKeys {
  std::vector<uint8_t> response;
  wire::Cipher cipher = wire::Cipher::kChaCha20Poly1305;
  wire::SymmetricKey seal_key;
  wire::SymmetricKey open_key;
};
// nullopt where no offered cipher suits us. Costs three X25519 operations.
std::optional<AnsweredKeys> AnswerWithKeys(const Identity& identity, wire::Role role,
                                           const wire::PresharedKey& psk,
                                           ReceivedInitiation& initiation, uint32_t index);

struct AnsweredInitiation {
  std::vector<uint8_t> response;
  std::shared_ptr<wire::Session> session;
};
// The same, with the session, which begins to live now.
std::optional<AnsweredInitiation> AnswerInitiation(Instant now, const Identity& identity,
                                                   const HandshakeParams& params,
                                                   ReceivedInitiation& initiation, uint32_t index);

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_HANDSHAKE_HANDSHAKE_H_
