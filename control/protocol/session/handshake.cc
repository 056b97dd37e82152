#include "control/protocol/session/handshake.h"

#include <sodium.h>

#include <algorithm>

#include "dataplane/wire/crypto/key_derivation.h"

namespace warp::protocol {
namespace {

constexpr size_t kMacsSize = 2 * wire::kMacSize;

std::shared_ptr<wire::Session> MakeSession(const wire::NoiseKeys& keys,
                                           const wire::Session::Params& params) {
  const wire::SymmetricKey from_initiator = wire::DeriveBulkKey(
      keys.initiator_to_responder, params.cipher, wire::KeyDirection::kInitiatorToResponder);
  const wire::SymmetricKey from_responder = wire::DeriveBulkKey(
      keys.responder_to_initiator, params.cipher, wire::KeyDirection::kResponderToInitiator);
  return params.initiator ? std::make_shared<wire::Session>(params, from_initiator, from_responder)
                          : std::make_shared<wire::Session>(params, from_responder, from_initiator);
}

}  // namespace

InitiatorHandshake::InitiatorHandshake(Identity& identity, const HandshakeParams& params,
                                       uint32_t index)
    : index_(index),
      mac1_key_(wire::Mac1Key(params.remote)),
      cookie_seal_key_(wire::CookieSealKey(params.remote)),
      offered_(identity.ciphers()) {
  Refresh(identity, params);
}

void InitiatorHandshake::Refresh(Identity& identity, const HandshakeParams& params) {
  if (!datagram_.empty()) previous_mac1_ = mac1_;
  datagram_.clear();
  noise_ = std::make_unique<wire::NoiseInitiator>(identity.keys(), params.remote,
                                                  wire::HandshakePrologue(params.role));
  const auto noise = noise_->WriteInitiation(wire::EncodeInitiationPayload(
      {.timestamp_ns = identity.NextTimestamp(), .ciphers = offered_}));
  if (!noise.ok()) return;
  datagram_ = wire::EncodeInitiation({.sender_index = index_, .noise = *noise});
  wire::WriteMacs(mac1_key_, nullptr, datagram_);
  mac1_ = wire::DecodeCookieRequest(datagram_)->mac1;
}

std::vector<uint8_t> InitiatorHandshake::Copy(Instant now, const Route& route,
                                              CookieJar& cookies) const {
  std::vector<uint8_t> copy = datagram_;
  if (const wire::Cookie* cookie = cookies.Find(now, route); cookie != nullptr && !copy.empty()) {
    wire::WriteMacs(mac1_key_, cookie, copy);
  }
  return copy;
}

bool InitiatorHandshake::ReadCookieReply(Instant now, const Route& route, wire::Bytes datagram,
                                         CookieJar& cookies) const {
  std::optional<wire::Cookie> cookie = wire::OpenCookieReply(datagram, mac1_, cookie_seal_key_);
  if (!cookie && previous_mac1_)
    cookie = wire::OpenCookieReply(datagram, *previous_mac1_, cookie_seal_key_);
  if (!cookie) return false;
  cookies.Store(now, route, *cookie);
  return true;
}

std::shared_ptr<wire::Session> InitiatorHandshake::ReadResponse(const HandshakeParams& params,
                                                                wire::Bytes datagram) {
  const std::optional<wire::ResponseMessage> message = wire::DecodeResponse(datagram);
  if (!message || message->receiver_index != index_) return nullptr;
  const auto bytes = noise_->ReadResponse(*params.psk, message->noise);
  if (!bytes.ok()) return nullptr;
  const std::optional<wire::ResponsePayload> payload = wire::DecodeResponsePayload(*bytes);
  if (!payload || std::find(offered_.begin(), offered_.end(), payload->cipher) == offered_.end()) {
    return nullptr;  // an authentic peer that breaks the protocol
  }
  const auto keys = noise_->Split();
  if (!keys.ok()) return nullptr;
  return MakeSession(*keys, {.local_index = index_,
                             .remote_index = message->sender_index,
                             .cipher = payload->cipher,
                             .initiator = true,
                             .window = params.window});
}

InitiationHash HashInitiation(wire::Bytes datagram) {
  InitiationHash hash;
  const wire::Bytes named = datagram.first(datagram.size() - kMacsSize);
  crypto_generichash(hash.data(), hash.size(), named.data(), named.size(), nullptr, 0);
  return hash;
}

std::optional<ReceivedInitiation> ReadInitiation(const Identity& identity, wire::Role role,
                                                 wire::Bytes datagram) {
  const std::optional<wire::InitiationMessage> message = wire::DecodeInitiation(datagram);
  if (!message) return std::nullopt;
  auto noise =
      std::make_unique<wire::NoiseResponder>(identity.keys(), wire::HandshakePrologue(role));
  const auto initiation = noise->ReadInitiation(message->noise);
  if (!initiation.ok()) return std::nullopt;
  std::optional<wire::InitiationPayload> payload =
      wire::DecodeInitiationPayload(initiation->payload);
  if (!payload) return std::nullopt;
  return ReceivedInitiation{.noise = std::move(noise),
                            .remote = initiation->remote_static,
                            .remote_index = message->sender_index,
                            .timestamp = payload->timestamp_ns,
                            .ciphers = std::move(payload->ciphers),
                            .hash = HashInitiation(datagram)};
}

std::optional<AnsweredInitiation> AnswerInitiation(const Identity& identity,
                                                   const HandshakeParams& params,
                                                   ReceivedInitiation& initiation, uint32_t index) {
  const std::optional<wire::Cipher> cipher =
      wire::ChooseCipher(initiation.ciphers, identity.ciphers());
  if (!cipher) return std::nullopt;
  const auto noise = initiation.noise->WriteResponse(
      *params.psk, wire::EncodeResponsePayload({.cipher = *cipher}));
  const auto keys = initiation.noise->Split();
  if (!noise.ok() || !keys.ok()) return std::nullopt;
  AnsweredInitiation answer;
  answer.response = wire::EncodeResponse(
      {.sender_index = index, .receiver_index = initiation.remote_index, .noise = *noise});
  wire::WriteMacs(wire::Mac1Key(initiation.remote), nullptr, answer.response);
  answer.session = MakeSession(*keys, {.local_index = index,
                                       .remote_index = initiation.remote_index,
                                       .cipher = *cipher,
                                       .initiator = false,
                                       .window = params.window});
  return answer;
}

}  // namespace warp::protocol
