#include "control/protocol/handshake/handshake.h"

#include <sodium.h>

#include <algorithm>
#include <utility>

#include "dataplane/wire/crypto/key_derivation.h"

namespace warp::protocol {
namespace {

// The session of the initiator.
std::shared_ptr<wire::Session> MakeSession(const wire::NoiseKeys& keys,
                                           const wire::Session::Params& params) {
  const wire::SymmetricKey from_initiator = wire::DeriveBulkKey(
      keys.initiator_to_responder, params.cipher, wire::KeyDirection::kInitiatorToResponder);
  const wire::SymmetricKey from_responder = wire::DeriveBulkKey(
      keys.responder_to_initiator, params.cipher, wire::KeyDirection::kResponderToInitiator);
  return std::make_shared<wire::Session>(params, from_initiator, from_responder);
}

}  // namespace

InitiatorHandshake::InitiatorHandshake(const Identity& identity, const HandshakeParams& params,
                                       uint32_t index, const wire::Token& token)
    : index_(index),
      mac1_key_(wire::Mac1Key(params.remote)),
      cookie_seal_key_(wire::CookieSealKey(params.remote)),
      offered_(identity.ciphers()),
      noise_(std::make_unique<wire::NoiseInitiator>(
          params.own != nullptr ? *params.own : identity.keys(), params.remote,
          wire::HandshakePrologue(params.role, index))) {
  const auto noise = noise_->WriteInitiation(wire::EncodeInitiationPayload(
      {.token = token, .ciphers = offered_, .sender = identity.IntroductionTo(params.role)}));
  if (!noise.ok()) return;
  retry_secret_ = noise_->retry_secret();
  response_cookie_ = wire::ResponseCookie(retry_secret_);
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
  const std::optional<wire::Cookie> cookie =
      wire::OpenCookieReply(datagram, mac1_, cookie_seal_key_);
  if (!cookie) return false;
  cookies.Store(now, route, *cookie);
  return true;
}

std::optional<wire::Token> InitiatorHandshake::ReadRetry(wire::Bytes datagram) const {
  return wire::OpenRetry(datagram, retry_secret_);
}

bool InitiatorHandshake::IsFromResponder(wire::Bytes datagram) const {
  return wire::DecodeResponse(datagram) && wire::VerifyMac2(response_cookie_, datagram);
}

InitiatorHandshake::Read InitiatorHandshake::ReadResponse(Instant now,
                                                          const HandshakeParams& params,
                                                          wire::Bytes datagram) const {
  const std::optional<wire::ResponseMessage> message = wire::DecodeResponse(datagram);
  if (!message || message->receiver_index != index_) return {};
  uint64_t psk_number = 0;
  absl::StatusOr<wire::NoiseInitiator::Response> response = absl::UnauthenticatedError("");
  if (params.psks == nullptr) {
    response = noise_->ReadResponse(*params.psk, message->noise);
  } else {
    for (const auto& psk : params.psks->entries()) {
      response = noise_->ReadResponse(psk.key, message->noise);
      psk_number = psk.number;
      if (response.ok()) break;
    }
  }
  if (!response.ok()) return {};
  const std::optional<wire::ResponsePayload> payload =
      wire::DecodeResponsePayload(response->payload);
  if (!payload || std::find(offered_.begin(), offered_.end(), payload->cipher) == offered_.end()) {
    return {};  // an authentic peer that breaks the protocol
  }
  auto session = MakeSession(response->keys, {.local_index = index_,
                                              .remote_index = payload->sender_index,
                                              .cipher = payload->cipher,
                                              .initiator = true,
                                              .window = params.window,
                                              .remote = payload->sender,
                                              .expires = now + params.lifetime});
  return {std::move(session), psk_number};
}

InitiationHash HashInitiation(const wire::InitiationMessage& message) {
  InitiationHash hash;
  crypto_generichash(hash.data(), hash.size(), message.noise.data(), message.noise.size(), nullptr,
                     0);
  return hash;
}

std::optional<ReceivedInitiation> ReadInitiation(const wire::KeyPair& own, wire::Role role,
                                                 wire::Bytes datagram) {
  const std::optional<wire::InitiationMessage> message = wire::DecodeInitiation(datagram);
  if (!message) return std::nullopt;
  auto noise = std::make_unique<wire::NoiseResponder>(
      own, wire::HandshakePrologue(role, message->sender_index));
  const auto initiation = noise->ReadInitiation(message->noise);
  if (!initiation.ok()) return std::nullopt;
  std::optional<wire::InitiationPayload> payload =
      wire::DecodeInitiationPayload(initiation->payload);
  if (!payload) return std::nullopt;
  return ReceivedInitiation{.noise = std::move(noise),
                            .remote = initiation->remote_static,
                            .remote_index = message->sender_index,
                            .token = payload->token,
                            .ciphers = std::move(payload->ciphers),
                            .sender = payload->sender};
}

std::vector<uint8_t> MakeRetry(const ReceivedInitiation& initiation, const wire::Token& token) {
  return wire::EncodeRetry(initiation.remote_index, token, initiation.noise->retry_secret());
}

std::optional<AnsweredKeys> AnswerWithKeys(const Identity& identity, wire::Role role,
                                           const wire::PresharedKey& psk,
                                           ReceivedInitiation& initiation, uint32_t index) {
  const std::optional<wire::Cipher> cipher =
      wire::ChooseCipher(initiation.ciphers, identity.ciphers());
  if (!cipher) return std::nullopt;
  const wire::Cookie cookie = wire::ResponseCookie(initiation.noise->retry_secret());
  const auto noise = initiation.noise->WriteResponse(
      psk,
      wire::EncodeResponsePayload(
          {.sender_index = index, .cipher = *cipher, .sender = identity.IntroductionTo(role)}));
  const auto keys = initiation.noise->Split();
  if (!noise.ok() || !keys.ok()) return std::nullopt;
  AnsweredKeys answer;
  answer.response =
      wire::EncodeResponse({.receiver_index = initiation.remote_index, .noise = *noise});
  wire::WriteMacs(wire::Mac1Key(initiation.remote), &cookie, answer.response);
  answer.cipher = *cipher;
  answer.seal_key = wire::DeriveBulkKey(keys->responder_to_initiator, *cipher,
                                        wire::KeyDirection::kResponderToInitiator);
  answer.open_key = wire::DeriveBulkKey(keys->initiator_to_responder, *cipher,
                                        wire::KeyDirection::kInitiatorToResponder);
  return answer;
}

std::optional<AnsweredInitiation> AnswerInitiation(Instant now, const Identity& identity,
                                                   const HandshakeParams& params,
                                                   ReceivedInitiation& initiation, uint32_t index) {
  std::optional<AnsweredKeys> answer =
      AnswerWithKeys(identity, params.role, *params.psk, initiation, index);
  if (!answer) return std::nullopt;
  const wire::Session::Params session{.local_index = index,
                                      .remote_index = initiation.remote_index,
                                      .cipher = answer->cipher,
                                      .initiator = false,
                                      .window = params.window,
                                      .remote = initiation.sender,
                                      .expires = now + params.lifetime};
  return AnsweredInitiation{
      .response = std::move(answer->response),
      .session = std::make_shared<wire::Session>(session, answer->seal_key, answer->open_key)};
}

}  // namespace warp::protocol
