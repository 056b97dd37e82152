#include "dataplane/wire/handshake/noise.h"

#include <algorithm>

#include "absl/status/status.h"

namespace warp::wire {

namespace {

PublicKey KeyAt(Bytes message, size_t offset) {
  std::array<uint8_t, kKeySize> bytes;
  std::copy_n(message.begin() + static_cast<ptrdiff_t>(offset), bytes.size(), bytes.begin());
  return PublicKey::FromBytes(bytes);
}

// Token e, of either side. With a pre-shared key the ephemeral is mixed into the keys too
// (section 9.2).
void MixEphemeral(NoisePattern pattern, const PublicKey& ephemeral, NoiseState* state) {
  state->MixHash(ephemeral.bytes());
  if (pattern == NoisePattern::kIkPsk2) state->MixKey(ephemeral.bytes());
}

NoiseKeys SplitKeys(const NoiseState& state) {
  NoiseKeys keys;
  state.Split(&keys.initiator_to_responder, &keys.responder_to_initiator);
  keys.handshake_hash = state.hash();
  return keys;
}

absl::Status NotAuthentic() {
  return absl::UnauthenticatedError("the handshake message does not authenticate");
}

absl::Status OutOfTurn() { return absl::FailedPreconditionError("handshake call out of turn"); }

}  // namespace

RetrySecret RetrySecretOf(const NoiseState& state) {
  return {.key = state.DeriveKey("WARP/1 retry"), .hash = state.hash()};
}

NoiseInitiator::NoiseInitiator(const KeyPair& local, const PublicKey& remote, Bytes prologue,
                               NoisePattern pattern)
    : pattern_(pattern), local_(local.Clone()), remote_(remote), state_(pattern, prologue) {
  state_.MixHash(remote_.bytes());
}

absl::StatusOr<std::vector<uint8_t>> NoiseInitiator::WriteInitiation(Bytes payload) {
  if (step_ != Step::kStart) return OutOfTurn();
  if (!ephemeral_) ephemeral_ = SecretKey::Generate();

  NoiseState state = state_;
  const PublicKey ephemeral = ephemeral_->Public();
  std::vector<uint8_t> message(ephemeral.bytes().begin(), ephemeral.bytes().end());
  MixEphemeral(pattern_, ephemeral, &state);                               // e
  bool sound = state.MixDh(*ephemeral_, remote_);                          // es
  if (sound) state.EncryptAndHash(local_.public_key().bytes(), &message);  // s
  sound = sound && state.MixDh(local_.secret(), remote_);                  // ss
  if (!sound) return absl::InvalidArgumentError("the remote public key is of low order");
  state.EncryptAndHash(payload, &message);

  state_ = state;
  step_ = Step::kInitiationSent;
  return message;
}

absl::StatusOr<NoiseInitiator::Response> NoiseInitiator::ReadResponse(const PresharedKey& psk,
                                                                      Bytes message) const {
  if (step_ != Step::kInitiationSent) return OutOfTurn();
  if (message.size() < kNoiseResponseOverhead) return NotAuthentic();

  NoiseState state = state_;
  const PublicKey remote_ephemeral = KeyAt(message, 0);
  MixEphemeral(pattern_, remote_ephemeral, &state);                            // e
  if (!state.MixDh(*ephemeral_, remote_ephemeral)) return NotAuthentic();      // ee
  if (!state.MixDh(local_.secret(), remote_ephemeral)) return NotAuthentic();  // se
  if (pattern_ == NoisePattern::kIkPsk2) state.MixKeyAndHash(psk.bytes());     // psk
  Response response{.payload = std::vector<uint8_t>(message.size() - kNoiseResponseOverhead)};
  if (!state.DecryptAndHash(message.subspan(kKeySize), response.payload.data()))
    return NotAuthentic();
  response.keys = SplitKeys(state);
  return response;
}

NoiseResponder::NoiseResponder(const KeyPair& local, Bytes prologue, NoisePattern pattern)
    : pattern_(pattern), local_(local.Clone()), state_(pattern, prologue) {
  state_.MixHash(local_.public_key().bytes());
}

absl::StatusOr<NoiseResponder::Initiation> NoiseResponder::ReadInitiation(Bytes message) {
  if (step_ != Step::kStart) return OutOfTurn();
  if (message.size() < kNoiseInitiationOverhead) return NotAuthentic();

  NoiseState state = state_;
  const PublicKey remote_ephemeral = KeyAt(message, 0);
  MixEphemeral(pattern_, remote_ephemeral, &state);                            // e
  if (!state.MixDh(local_.secret(), remote_ephemeral)) return NotAuthentic();  // es
  std::array<uint8_t, kKeySize> key;
  if (!state.DecryptAndHash(message.subspan(kKeySize, kKeySize + kTagSize), key.data())) {
    return NotAuthentic();  // s
  }
  const PublicKey remote_static = PublicKey::FromBytes(key);
  if (!state.MixDh(local_.secret(), remote_static)) return NotAuthentic();  // ss
  std::vector<uint8_t> payload(message.size() - kNoiseInitiationOverhead);
  if (!state.DecryptAndHash(message.subspan(2 * kKeySize + kTagSize), payload.data())) {
    return NotAuthentic();
  }

  state_ = state;
  step_ = Step::kInitiationRead;
  remote_static_ = remote_static;
  remote_ephemeral_ = remote_ephemeral;
  return Initiation{.remote_static = remote_static, .payload = std::move(payload)};
}

absl::StatusOr<std::vector<uint8_t>> NoiseResponder::WriteResponse(const PresharedKey& psk,
                                                                   Bytes payload) {
  if (step_ != Step::kInitiationRead) return OutOfTurn();
  if (!ephemeral_) ephemeral_ = SecretKey::Generate();

  NoiseState state = state_;
  const PublicKey ephemeral = ephemeral_->Public();
  std::vector<uint8_t> message(ephemeral.bytes().begin(), ephemeral.bytes().end());
  MixEphemeral(pattern_, ephemeral, &state);                                // e
  if (!state.MixDh(*ephemeral_, remote_ephemeral_)) return NotAuthentic();  // ee
  if (!state.MixDh(*ephemeral_, remote_static_)) return NotAuthentic();     // se
  if (pattern_ == NoisePattern::kIkPsk2) state.MixKeyAndHash(psk.bytes());  // psk
  state.EncryptAndHash(payload, &message);

  state_ = state;
  step_ = Step::kDone;
  ephemeral_.reset();
  return message;
}

absl::StatusOr<NoiseKeys> NoiseResponder::Split() const {
  if (step_ != Step::kDone) return OutOfTurn();
  return SplitKeys(state_);
}

}  // namespace warp::wire
