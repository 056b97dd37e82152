// Feeds any bytes to what handles handshake messages: decoding, MACs, cookies and the Noise state machine. The payloads
// are those that an authenticated stranger may send.
#include "dataplane/wire/handshake/handshake_message.h"
#include "dataplane/wire/handshake/noise.h"
#include "tests/fuzz/fuzz_target.h"

using namespace warp::wire;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool ready = InitCrypto().ok();
  WARP_FUZZ_CHECK(ready);
  const std::array<uint8_t, kKeySize> seed = {1, 2, 3};
  static const KeyPair local{SecretKey(seed)};
  static const PublicKey remote = local.public_key();
  const Bytes bytes(data, size);

  const MacKey key = Mac1Key(remote);
  (void)VerifyMac1(key, bytes);
  (void)VerifyMac2(Cookie{}, bytes);
  (void)DecodeHandshakeReceiver(bytes);
  (void)OpenCookieReply(bytes, Mac{}, key);
  (void)OpenRetry(bytes, RetrySecret{});

  if (const auto request = DecodeCookieRequest(bytes)) {
    WARP_FUZZ_CHECK(EncodeCookieReply(*request, Cookie{}, key).size() <= size);
  }
  if (const auto initiation = DecodeInitiation(bytes)) {
    // Except for the MACs, the encoder must write the same bytes.
    const auto encoded = EncodeInitiation(*initiation);
    WARP_FUZZ_CHECK(std::equal(encoded.begin(), encoded.end() - 2 * kMacSize, data));
    NoiseResponder responder(local, HandshakePrologue(Role::kPeer, initiation->sender_index));
    (void)responder.ReadInitiation(initiation->noise);
  }
  if (const auto response = DecodeResponse(bytes)) {
    const auto encoded = EncodeResponse(*response);
    WARP_FUZZ_CHECK(std::equal(encoded.begin(), encoded.end() - 2 * kMacSize, data));
    NoiseInitiator initiator(local, remote, HandshakePrologue(Role::kPeer, 1));
    WARP_FUZZ_CHECK(initiator.WriteInitiation({}).ok());
    WARP_FUZZ_CHECK(!initiator.ReadResponse(PresharedKey(), response->noise).ok());
  }
  if (const auto payload = DecodeInitiationPayload(bytes)) {
    WARP_FUZZ_CHECK(payload->ciphers.size() <= kMaxOfferedCiphers);
    (void)ChooseCipher(payload->ciphers, SupportedCiphers());
  }
  (void)DecodeResponsePayload(bytes);
  return 0;
}
