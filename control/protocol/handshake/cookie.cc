#include "control/protocol/handshake/cookie.h"

#include <sodium.h>

#include <utility>

#include "dataplane/wire/handshake/handshake_message.h"

namespace warp::protocol {
namespace {

wire::SecretBytes RandomSecret() {
  wire::SecretBytes secret;
  randombytes_buf(secret.mutable_bytes().data(), secret.bytes().size());
  return secret;
}

}  // namespace

void CookieJar::Store(Instant now, const Route& route, const wire::Cookie& cookie) {
  if (cookies_.size() >= kMaxCookies && !cookies_.contains(route)) {
    absl::erase_if(cookies_,
                   [&](const auto& entry) { return now - entry.second.received >= lifetime_; });
    if (cookies_.size() >= kMaxCookies) cookies_.erase(cookies_.begin());
  }
  cookies_[route] = {cookie, now};
}

const wire::Cookie* CookieJar::Find(Instant now, const Route& route) const {
  const auto it = cookies_.find(route);
  if (it == cookies_.end() || now - it->second.received >= lifetime_) return nullptr;
  return &it->second.cookie;
}

CookieMaker::CookieMaker(Duration lifetime)
    : lifetime_(lifetime),
      // Never all zero: nobody may know a secret of ours.
      secrets_(std::make_shared<const wire::CookieSecrets>(
          wire::CookieSecrets{RandomSecret(), RandomSecret()})) {}

std::vector<uint8_t> CookieMaker::Reply(Instant now, const Arrival& arrival, wire::Bytes datagram,
                                        const wire::MacKey& seal_key) {
  const std::optional<wire::CookieRequest> request = wire::DecodeCookieRequest(datagram);
  if (!request) return {};
  Rotate(now);
  return wire::EncodeCookieReply(*request, wire::ComputeCookie(secrets_->current, arrival.from),
                                 seal_key);
}

bool CookieMaker::Verify(Instant now, const Arrival& arrival, wire::Bytes datagram) {
  Rotate(now);
  return wire::VerifyCookie(*secrets_, arrival.from, datagram);
}

void CookieMaker::Rotate(Instant now) {
  if (made_ == Instant{}) made_ = now;
  if (now - made_ < lifetime_) return;
  // Both, where nothing was asked of us for two lifetimes: a cookie does not live longer because nobody called.
  const bool previous_lives = now - made_ < 2 * lifetime_;
  secrets_ = std::make_shared<const wire::CookieSecrets>(wire::CookieSecrets{
      RandomSecret(),
      previous_lives ? wire::SecretBytes(secrets_->current.bytes()) : RandomSecret()});
  made_ = now;
}

}  // namespace warp::protocol
