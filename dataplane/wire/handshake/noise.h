// The Noise handshake IK, with or without a pre-shared key: Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b
// of the Noise Protocol Framework, revision 34.
//
//   <- s                                   the initiator knows the responder's static key
//   ...
//   -> e, es, s, ss, payload               initiation: ephemeral 32 | static 32 + tag 16 | payload + tag 16
//   <- e, ee, se, psk, payload             response:   ephemeral 32 | payload + tag 16
//
// The initiator may be answered by a retry (handshake_message.h) instead of the response. It is sealed with a key of
// the transcript after the initiation, which both ends can derive.
//
// Each object is one handshake. A message that fails leaves it as it was, so that the true message can still come. Keys
// that contribute nothing (X25519 results of zero) fail. Control thread only: each call that is given a message costs
// up to three X25519 operations, some 100 us.
#ifndef WARP_DATAPLANE_WIRE_HANDSHAKE_NOISE_H_
#define WARP_DATAPLANE_WIRE_HANDSHAKE_NOISE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/handshake/noise_state.h"

namespace warp::wire {

// The result of a handshake. WARP derives its bulk keys from these keys (key_derivation.h) and never uses them
// directly.
struct NoiseKeys {
  SymmetricKey initiator_to_responder;
  SymmetricKey responder_to_initiator;
  // Names this handshake: equal on both sides, and not a secret.
  std::array<uint8_t, kNoiseHashSize> handshake_hash{};
};

// Of the transcript up to the initiation: what only its two ends can derive.
struct RetrySecret {
  SymmetricKey key;                            // "WARP/1 retry"
  std::array<uint8_t, kNoiseHashSize> hash{};  // of the transcript; not a secret
};
RetrySecret RetrySecretOf(const NoiseState& state);

class NoiseInitiator {
 public:
  // `local` is copied and wiped with this object. The prologue must be the responder's.
  NoiseInitiator(const KeyPair& local, const PublicKey& remote, Bytes prologue,
                 NoisePattern pattern = NoisePattern::kIkPsk2);

  // Payload + kNoiseInitiationOverhead bytes. FailedPrecondition when called twice, since a repetition sends the same
  // bytes and a new attempt is a new object. InvalidArgument where the remote key is of low order.
  absl::StatusOr<std::vector<uint8_t>> WriteInitiation(Bytes payload);

  struct Response {
    std::vector<uint8_t> payload;
    NoiseKeys keys;
  };
  // `psk` is all zero where none is configured, and unused by NoisePattern::kIk. FailedPrecondition before
  // WriteInitiation; Unauthenticated where the response is not of this handshake or of its peer. It changes nothing, so
  // that a caller who refuses what an authentic response says can still read another.
  absl::StatusOr<Response> ReadResponse(const PresharedKey& psk, Bytes message) const;

  // After WriteInitiation: what seals a retry to it, and names the initiation.
  RetrySecret retry_secret() const { return RetrySecretOf(state_); }

  // Must be called before WriteInitiation, by tests with known answers alone.
  void SetEphemeralForTest(const SecretKey& ephemeral) { ephemeral_ = ephemeral.Clone(); }

 private:
  enum class Step : uint8_t { kStart, kInitiationSent };

  Step step_ = Step::kStart;
  const NoisePattern pattern_;
  const KeyPair local_;
  const PublicKey remote_;
  std::optional<SecretKey> ephemeral_;
  NoiseState state_;
};

class NoiseResponder {
 public:
  NoiseResponder(const KeyPair& local, Bytes prologue,
                 NoisePattern pattern = NoisePattern::kIkPsk2);

  struct Initiation {
    // The sender proved that it has this key; the message may yet be a repetition of an old one.
    PublicKey remote_static;
    std::vector<uint8_t> payload;
  };
  // Unauthenticated where the message was not made for our key by a holder of the key that it names; the call may then
  // be repeated with another.
  absl::StatusOr<Initiation> ReadInitiation(Bytes message);

  // After ReadInitiation succeeded and before WriteResponse: what seals a retry, and names the initiation.
  RetrySecret retry_secret() const { return RetrySecretOf(state_); }

  // Payload + kNoiseResponseOverhead bytes. FailedPrecondition before ReadInitiation succeeded or
  // when called twice.
  absl::StatusOr<std::vector<uint8_t>> WriteResponse(const PresharedKey& psk, Bytes payload);

  // After WriteResponse; before, FailedPrecondition.
  absl::StatusOr<NoiseKeys> Split() const;

  void SetEphemeralForTest(const SecretKey& ephemeral) { ephemeral_ = ephemeral.Clone(); }

 private:
  enum class Step : uint8_t { kStart, kInitiationRead, kDone };

  Step step_ = Step::kStart;
  const NoisePattern pattern_;
  const KeyPair local_;
  PublicKey remote_static_;
  PublicKey remote_ephemeral_;
  std::optional<SecretKey> ephemeral_;
  NoiseState state_;
};

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_HANDSHAKE_NOISE_H_
