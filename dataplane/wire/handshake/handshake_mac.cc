#include "dataplane/wire/handshake/handshake_mac.h"

#include <sodium.h>

#include <algorithm>

#include "absl/strings/string_view.h"
#include "dataplane/wire/byte_order.h"

namespace warp::wire {

namespace {

constexpr size_t kMacsSize = 2 * kMacSize;

MacKey LabelledHash(absl::string_view label, const PublicKey& key) {
  crypto_generichash_blake2b_state state;
  crypto_generichash_blake2b_init(&state, nullptr, 0, kKeySize);
  crypto_generichash_blake2b_update(&state, reinterpret_cast<const uint8_t*>(label.data()),
                                    label.size());
  crypto_generichash_blake2b_update(&state, key.bytes().data(), key.bytes().size());
  MacKey hash;
  crypto_generichash_blake2b_final(&state, hash.data(), hash.size());
  return hash;
}

bool Verify(Bytes key, Bytes message, Bytes mac) {
  const Mac expected = ComputeMac(key, message);
  return sodium_memcmp(expected.data(), mac.data(), kMacSize) == 0;
}

}  // namespace

MacKey Mac1Key(const PublicKey& receiver) { return LabelledHash("WARP/1 mac1", receiver); }

MacKey CookieSealKey(const PublicKey& sender) { return LabelledHash("WARP/1 cookie", sender); }

Mac ComputeMac(Bytes key, Bytes message) {
  Mac mac;
  crypto_generichash_blake2b(mac.data(), mac.size(), message.data(), message.size(), key.data(),
                             key.size());
  return mac;
}

Cookie ComputeCookie(const SecretBytes& secret, const Endpoint& source) {
  std::array<uint8_t, 18> text;
  std::copy(source.address.bytes().begin(), source.address.bytes().end(), text.begin());
  WriteAs(Be16(source.port), text.data() + 16);
  return ComputeMac(secret.bytes(), text);
}

bool VerifyMac1(const MacKey& key, Bytes datagram) {
  if (datagram.size() < kMacsSize) return false;
  const size_t covered = datagram.size() - kMacsSize;
  return Verify(key, datagram.first(covered), datagram.subspan(covered, kMacSize));
}

bool VerifyMac1(const Mac1Keys& keys, Bytes datagram) {
  for (size_t i = 0; i < keys.count; ++i) {
    if (VerifyMac1(keys.keys[i], datagram)) return true;
  }
  return false;
}

bool VerifyMac2(const Cookie& cookie, Bytes datagram) {
  if (datagram.size() < kMacsSize) return false;
  const size_t covered = datagram.size() - kMacSize;
  return Verify(cookie, datagram.first(covered), datagram.subspan(covered, kMacSize));
}

bool VerifyCookie(const CookieSecrets& secrets, const Endpoint& source, Bytes datagram) {
  if (datagram.size() < kMacsSize) return false;
  const Bytes mac2 = datagram.last(kMacSize);
  if (sodium_is_zero(mac2.data(), mac2.size()) != 0) return false;
  return VerifyMac2(ComputeCookie(secrets.current, source), datagram) ||
         VerifyMac2(ComputeCookie(secrets.previous, source), datagram);
}

void WriteMacs(const MacKey& key, const Cookie* cookie, MutableBytes datagram) {
  if (datagram.size() < kMacsSize) return;
  uint8_t* const mac1 = datagram.data() + datagram.size() - kMacsSize;
  uint8_t* const mac2 = mac1 + kMacSize;
  WriteAs(ComputeMac(key, datagram.first(datagram.size() - kMacsSize)), mac1);
  WriteAs(
      cookie == nullptr ? Mac{} : ComputeMac(*cookie, datagram.first(datagram.size() - kMacSize)),
      mac2);
}

}  // namespace warp::wire
