// Cookies, at both ends. A responder that is under load, or doubts an initiation's age, asks the sender to show that it
// receives at its source address. dataplane/wire/handshake/handshake_mac.h has the bytes.
#ifndef WARP_CONTROL_PROTOCOL_HANDSHAKE_COOKIE_H_
#define WARP_CONTROL_PROTOCOL_HANDSHAKE_COOKIE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "control/protocol/constants.h"
#include "control/protocol/transmit.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/handshake/handshake_mac.h"

namespace warp::protocol {

// The initiator's cookies: the remote end gives one for each route, which is kept for as long as it can be of use.
class CookieJar {
 public:
  explicit CookieJar(Duration lifetime) : lifetime_(lifetime) {}

  void Store(Instant now, const Route& route, const wire::Cookie& cookie);
  // Null where there is none, or it is too old. Valid until the next Store.
  const wire::Cookie* Find(Instant now, const Route& route) const;

  bool empty() const { return cookies_.empty(); }

 private:
  struct Entry {
    wire::Cookie cookie;
    Instant received;
  };
  const Duration lifetime_;
  absl::flat_hash_map<Route, Entry> cookies_;  // at most kMaxCookies
};

// The responder's cookies are made with the younger of two secrets and recognised by both. So a cookie is good for one
// to two lifetimes, for the source address and port that it was made for.
class CookieMaker {
 public:
  explicit CookieMaker(Duration lifetime);

  // The cookie reply to an initiation or response; empty where `datagram` is neither. `seal_key` is that of the key of
  // ours that the datagram is for.
  std::vector<uint8_t> Reply(Instant now, const Arrival& arrival, wire::Bytes datagram,
                             const wire::MacKey& seal_key);
  // Whether the datagram's mac2 was made with a cookie of ours.
  bool Verify(Instant now, const Arrival& arrival, wire::Bytes datagram);

  // Others recognise cookies by them too. They stay as they are: when they change, these are others.
  const std::shared_ptr<const wire::CookieSecrets>& secrets() const { return secrets_; }

 private:
  void Rotate(Instant now);

  const Duration lifetime_;
  std::shared_ptr<const wire::CookieSecrets> secrets_;
  Instant made_{};  // when the younger was put to use; the epoch: not yet
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_HANDSHAKE_COOKIE_H_
