// The two ends of one handshake, without timers: what dataplane/wire's Noise and message codecs make of keys and
// datagrams. Initiator and Association decide when.
//
//   initiator                                responder
//   InitiatorHandshake ── initiation ──────► ReadInitiation
//                      ◄── cookie reply ────
//        Refresh       ── initiation ──────► ReadInitiation, AnswerInitiation ─► session
//        ReadResponse  ◄── response ────────
//           └► session
#ifndef WARP_CONTROL_PROTOCOL_SESSION_HANDSHAKE_H_
#define WARP_CONTROL_PROTOCOL_SESSION_HANDSHAKE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "control/protocol/session/cookie.h"
#include "control/protocol/session/identity.h"
#include "control/protocol/transmit.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/handshake/handshake_mac.h"
#include "dataplane/wire/handshake/handshake_message.h"
#include "dataplane/wire/handshake/noise.h"
#include "dataplane/wire/session/session.h"

namespace warp::protocol {

// Names an initiation: a hash of all that stands before its MACs, which differ from route to route.
using InitiationHash = std::array<uint8_t, 16>;

// With whom the handshake is, and what for. Both ends of an association name the same role and psk.
struct HandshakeParams {
  wire::PublicKey remote;
  const wire::PresharedKey* psk = nullptr;  // not null
  wire::Role role = wire::Role::kPeer;
  size_t window = wire::kDefaultWindow;
};

class InitiatorHandshake {
 public:
  // Makes the first initiation. `index` is reserved by the caller, and becomes the session's.
  InitiatorHandshake(Identity& identity, const HandshakeParams& params, uint32_t index);

  // A new ephemeral key and timestamp under the same index.
  void Refresh(Identity& identity, const HandshakeParams& params);

  // The initiation as it goes over one route: with that route's cookie, where there is one. Empty where the remote key
  // is of low order, because nobody can hold the secret of such a key.
  std::vector<uint8_t> Copy(Instant now, const Route& route, CookieJar& cookies) const;

  // Returns true if the cookie answers this initiation, or the one before its last Refresh.
  bool ReadCookieReply(Instant now, const Route& route, wire::Bytes datagram,
                       CookieJar& cookies) const;

  // The session. Null where the response does not answer this initiation; then nothing has changed.
  std::shared_ptr<wire::Session> ReadResponse(const HandshakeParams& params, wire::Bytes datagram);

  uint32_t index() const { return index_; }

 private:
  uint32_t index_;
  wire::MacKey mac1_key_;         // of messages to the remote end
  wire::MacKey cookie_seal_key_;  // of its cookie replies
  std::vector<wire::Cipher> offered_;
  std::unique_ptr<wire::NoiseInitiator> noise_;
  std::vector<uint8_t> datagram_;  // MACs not yet written
  wire::Mac mac1_{};
  std::optional<wire::Mac> previous_mac1_;
};

// An initiation that the holder of the key it names has made for our key, just now or in the past (a recording).
struct ReceivedInitiation {
  std::unique_ptr<wire::NoiseResponder> noise;  // not null
  wire::PublicKey remote;
  uint32_t remote_index = 0;
  uint64_t timestamp = 0;
  std::vector<wire::Cipher> ciphers;
  InitiationHash hash{};
  bool has_cookie = false;  // its sender has shown that it receives at its source address
};

// Decrypts `datagram`, an initiation with a verified mac1. nullopt where it does not decrypt or breaks the format.
// Costs two X25519 operations.
std::optional<ReceivedInitiation> ReadInitiation(const Identity& identity, wire::Role role,
                                                 wire::Bytes datagram);
InitiationHash HashInitiation(wire::Bytes datagram);

struct AnsweredInitiation {
  std::vector<uint8_t> response;
  std::shared_ptr<wire::Session> session;
};
// nullopt where no offered cipher suits us. Costs three X25519 operations.
std::optional<AnsweredInitiation> AnswerInitiation(const Identity& identity,
                                                   const HandshakeParams& params,
                                                   ReceivedInitiation& initiation, uint32_t index);

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_SESSION_HANDSHAKE_H_
