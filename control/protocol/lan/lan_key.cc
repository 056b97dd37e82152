#include "control/protocol/lan/lan_key.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cassert>

#include "absl/strings/string_view.h"
#include "dataplane/wire/handshake/handshake_mac.h"

namespace warp::protocol {
namespace {

LanKey Derive(const wire::SecretBytes& shared, const wire::PresharedKey& psk,
              const wire::PublicKey& sender, const wire::PublicKey& receiver) {
  constexpr absl::string_view kLabel = "WARP/1 lan";
  LanKey key;
  crypto_generichash_state state;
  crypto_generichash_init(&state, shared.bytes().data(), shared.bytes().size(), key.bytes().size());
  crypto_generichash_update(&state, reinterpret_cast<const uint8_t*>(kLabel.data()), kLabel.size());
  crypto_generichash_update(&state, psk.bytes().data(), psk.bytes().size());
  crypto_generichash_update(&state, sender.bytes().data(), sender.bytes().size());
  crypto_generichash_update(&state, receiver.bytes().data(), receiver.bytes().size());
  crypto_generichash_final(&state, key.mutable_bytes().data(), key.bytes().size());
  sodium_memzero(&state, sizeof(state));
  return key;
}

}  // namespace

std::optional<LanKeys> DeriveLanKeys(const wire::KeyPair& own, const wire::PublicKey& remote,
                                     const wire::PresharedKey& psk) {
  wire::SecretBytes shared;
  if (crypto_scalarmult_curve25519(shared.mutable_bytes().data(), own.secret().bytes().data(),
                                   remote.bytes().data()) != 0) {
    return std::nullopt;
  }
  return LanKeys{.to_peer = Derive(shared, psk, own.public_key(), remote),
                 .from_peer = Derive(shared, psk, remote, own.public_key())};
}

LanTag ComputeLanTag(const LanKey& key, wire::Bytes head) {
  return wire::ComputeMac(key.bytes(), head);
}

LanTag ComputeLanProof(const LanKey& key, wire::Bytes head, const LanChallenge& challenge) {
  std::array<uint8_t, kLanHeaderSize + 16 * kLanMaxAddresses + sizeof(LanChallenge)> bytes;
  assert(head.size() + challenge.size() <= bytes.size());
  const auto end = std::copy(challenge.begin(), challenge.end(),
                             std::copy(head.begin(), head.end(), bytes.begin()));
  return wire::ComputeMac(key.bytes(),
                          wire::Bytes(bytes).first(static_cast<size_t>(end - bytes.begin())));
}

}  // namespace warp::protocol
