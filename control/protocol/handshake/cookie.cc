#include "control/protocol/handshake/cookie.h"

#include <sodium.h>

#include <utility>

#include "dataplane/wire/handshake/handshake_message.h"

namespace warp::protocol {

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

CookieMaker::CookieMaker(const wire::PublicKey& own, Duration lifetime)
    : lifetime_(lifetime), seal_key_(wire::CookieSealKey(own)) {
  // Never all zero, before the first rotation too: nobody may know a secret of ours.
  randombytes_buf(current_.mutable_bytes().data(), current_.bytes().size());
  randombytes_buf(previous_.mutable_bytes().data(), previous_.bytes().size());
}

std::vector<uint8_t> CookieMaker::Reply(Instant now, const Arrival& arrival, wire::Bytes datagram) {
  const std::optional<wire::CookieRequest> request = wire::DecodeCookieRequest(datagram);
  if (!request) return {};
  Rotate(now);
  return wire::EncodeCookieReply(*request, wire::ComputeCookie(current_, arrival.from), seal_key_);
}

bool CookieMaker::Verify(Instant now, const Arrival& arrival, wire::Bytes datagram) {
  Rotate(now);
  return wire::VerifyMac2(wire::ComputeCookie(current_, arrival.from), datagram) ||
         wire::VerifyMac2(wire::ComputeCookie(previous_, arrival.from), datagram);
}

void CookieMaker::Rotate(Instant now) {
  if (now - made_ < lifetime_) return;
  // Both, where nothing was asked of us for two lifetimes: a cookie does not live longer because nobody called.
  const int turns = now - made_ < 2 * lifetime_ ? 1 : 2;
  for (int i = 0; i < turns; ++i) {
    std::swap(previous_, current_);
    randombytes_buf(current_.mutable_bytes().data(), current_.bytes().size());
  }
  made_ = now;
}

}  // namespace warp::protocol
