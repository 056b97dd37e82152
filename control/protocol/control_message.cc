#include "control/protocol/control_message.h"

#include <algorithm>

#include "dataplane/wire/message.h"

namespace warp::protocol {
namespace {

constexpr uint8_t kKind = static_cast<uint8_t>(wire::Kind::kControl);

enum MessageByte : uint8_t {
  kProbe = 1,
  kAnswer = 2,
  kConfirm = 3,
  kClose = 4,
  kFirstOfMap = 0x40
};

constexpr size_t kHeader = 2;  // kind, message
constexpr size_t kProbeSize = kHeader + sizeof(Probe::port) + sizeof(Challenge);
constexpr size_t kAnswerSize = kHeader + sizeof(Challenge);

struct Encoder {
  std::vector<uint8_t> operator()(const Probe& probe) const {
    std::vector<uint8_t> out = {kKind, kProbe, static_cast<uint8_t>(probe.port),
                                static_cast<uint8_t>(probe.port >> 8)};
    out.insert(out.end(), probe.challenge.begin(), probe.challenge.end());
    return out;
  }
  std::vector<uint8_t> operator()(const Answer& answer) const {
    std::vector<uint8_t> out = {kKind, kAnswer};
    out.insert(out.end(), answer.challenge.begin(), answer.challenge.end());
    return out;
  }
  std::vector<uint8_t> operator()(const Confirm&) const { return {kKind, kConfirm}; }
  std::vector<uint8_t> operator()(const Close&) const { return {kKind, kClose}; }
};

Challenge ReadChallenge(wire::Bytes bytes) {
  Challenge challenge;
  std::copy_n(bytes.begin(), challenge.size(), challenge.begin());
  return challenge;
}

}  // namespace

std::vector<uint8_t> EncodeControlMessage(const ControlMessage& message) {
  return std::visit(Encoder{}, message);
}

std::variant<ControlMessage, wire::Drop> DecodeControlMessage(wire::Bytes plaintext) {
  if (plaintext.size() < kHeader || plaintext[0] != kKind) return wire::Drop::kMalformed;
  const bool bare = plaintext.size() == kHeader;
  switch (plaintext[1]) {
    case kProbe:
      if (plaintext.size() != kProbeSize) return wire::Drop::kMalformed;
      return Probe{static_cast<uint16_t>(plaintext[2] | plaintext[3] << 8),
                   ReadChallenge(plaintext.subspan(kHeader + sizeof(Probe::port)))};
    case kAnswer:
      if (plaintext.size() != kAnswerSize) return wire::Drop::kMalformed;
      return Answer{ReadChallenge(plaintext.subspan(kHeader))};
    case kConfirm:
      if (!bare) return wire::Drop::kMalformed;
      return Confirm{};
    case kClose:
      if (!bare) return wire::Drop::kMalformed;
      return Close{};
    default:
      return wire::Drop::kUnknownKind;
  }
}

bool IsMapMessage(wire::Bytes plaintext) {
  return plaintext.size() >= kHeader && plaintext[0] == kKind && plaintext[1] >= kFirstOfMap;
}

}  // namespace warp::protocol
