#include "control/protocol/control_message.h"

#include <algorithm>

#include "dataplane/wire/byte_order.h"
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

struct ProbeLayout {
  uint8_t kind = kKind;
  uint8_t message = kProbe;
  wire::Le16 port;
  wire::Le64 number;
  Challenge challenge;
};
struct AnswerLayout {
  uint8_t kind = kKind;
  uint8_t message = kAnswer;
  Challenge challenge;
};
static_assert(sizeof(ProbeLayout) == 20 && sizeof(AnswerLayout) == 10);

template <typename Layout>
std::vector<uint8_t> BytesOf(const Layout& layout) {
  std::vector<uint8_t> bytes(sizeof layout);
  wire::WriteAs(layout, bytes.data());
  return bytes;
}

struct Encoder {
  std::vector<uint8_t> operator()(const Probe& probe) const {
    return BytesOf(ProbeLayout{.port = wire::Le16(probe.port),
                               .number = wire::Le64(probe.number),
                               .challenge = probe.challenge});
  }
  std::vector<uint8_t> operator()(const Answer& answer) const {
    return BytesOf(AnswerLayout{.challenge = answer.challenge});
  }
  std::vector<uint8_t> operator()(const Confirm&) const { return {kKind, kConfirm}; }
  std::vector<uint8_t> operator()(const Close&) const { return {kKind, kClose}; }
};

}  // namespace

std::vector<uint8_t> EncodeControlMessage(const ControlMessage& message) {
  return std::visit(Encoder{}, message);
}

std::variant<ControlMessage, wire::Drop> DecodeControlMessage(wire::Bytes plaintext) {
  if (plaintext.size() < kHeader || plaintext[0] != kKind) return wire::Drop::kMalformed;
  const bool bare = plaintext.size() == kHeader;
  switch (plaintext[1]) {
    case kProbe:
      if (plaintext.size() != sizeof(ProbeLayout)) return wire::Drop::kMalformed;
      {
        const auto layout = wire::ReadAs<ProbeLayout>(plaintext.data());
        return Probe{layout.port.value(), layout.number.value(), layout.challenge};
      }
    case kAnswer:
      if (plaintext.size() != sizeof(AnswerLayout)) return wire::Drop::kMalformed;
      return Answer{wire::ReadAs<AnswerLayout>(plaintext.data()).challenge};
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
