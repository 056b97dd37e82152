#include "map-server/registry/challenge.h"

#include <sodium.h>

#include <algorithm>

namespace warp::map {
namespace {

// Keyed BLAKE2b over key id, port, address, and whether that is a TLS connection's, cut to the challenge's 8 bytes.
// That is enough, because each guess costs a sealed message.
protocol::MapChallenge Mac(const std::array<uint8_t, 32>& secret, const Origin& origin,
                           uint16_t port) {
  const wire::Endpoint& at = origin.from;
  std::array<uint8_t, 37> input;
  auto out = std::copy(origin.id.bytes().begin(), origin.id.bytes().end(), input.begin());
  out = std::copy(at.address.bytes().begin(), at.address.bytes().end(), out);
  *out++ = static_cast<uint8_t>(at.port);
  *out++ = static_cast<uint8_t>(at.port >> 8);
  *out++ = static_cast<uint8_t>(port);
  *out++ = static_cast<uint8_t>(port >> 8);
  *out++ = IsStream(origin.local_address) ? 1 : 0;

  std::array<uint8_t, 16> hash;
  crypto_generichash(hash.data(), hash.size(), input.data(), input.size(), secret.data(),
                     secret.size());
  protocol::MapChallenge challenge;
  std::copy_n(hash.begin(), challenge.size(), challenge.begin());
  return challenge;
}

}  // namespace

Challenger::Challenger(wire::Duration period) : period_(period) {
  randombytes_buf(current_.data(), current_.size());
  randombytes_buf(previous_.data(), previous_.size());
}

void Challenger::Rotate(wire::Instant now) {
  if (rotate_at_ == wire::Instant::min()) rotate_at_ = now + period_;
  if (now < rotate_at_) return;
  previous_ = current_;
  randombytes_buf(current_.data(), current_.size());
  if (now >= rotate_at_ + period_) randombytes_buf(previous_.data(), previous_.size());
  rotate_at_ = now + period_;
}

protocol::MapChallenge Challenger::Issue(wire::Instant now, const Origin& origin, uint16_t port) {
  Rotate(now);
  return Mac(current_, origin, port);
}

bool Challenger::Verify(wire::Instant now, const Origin& origin, uint16_t port,
                        const protocol::MapChallenge& echo) {
  Rotate(now);
  for (const Secret* secret : {&current_, &previous_}) {
    const protocol::MapChallenge expected = Mac(*secret, origin, port);
    if (sodium_memcmp(expected.data(), echo.data(), echo.size()) == 0) return true;
  }
  return false;
}

}  // namespace warp::map
