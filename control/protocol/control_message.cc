#include "control/protocol/control_message.h"

#include <algorithm>
#include <cassert>
#include <utility>

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
  kReport = 5,
  kFeedback = kFeedbackMessage,
  kLimits = 7,
  kPortsDown = 8,
  kFirstOfMap = 0x40
};

constexpr size_t kHeader = 2;  // kind, message

// Flags of probes.
constexpr uint8_t kUnheard = 1;
constexpr uint8_t kSpreads = 2;
constexpr int kUseShift = 2;
constexpr uint8_t kUse = 3 << kUseShift;
constexpr int kSilenceShift = 4;
static_assert(kMaxSilence == 0xff >> kSilenceShift);

struct ProbeLayout {
  uint8_t kind = kKind;
  uint8_t message = kProbe;
  wire::Le16 port;
  wire::Le64 number;
  uint8_t flags = 0;
  Challenge challenge;
};
struct AnswerLayout {
  uint8_t kind = kKind;
  uint8_t message = kAnswer;
  wire::Le16 port;
  Challenge challenge;
};
struct ReportLayout {
  uint8_t kind = kKind;
  uint8_t message = kReport;
  uint8_t count = 0;
};
struct ReceiptLayout {
  wire::Le16 from;
  wire::Le16 to;
  wire::Le32 packets;
  wire::Le32 bytes;
};
struct LimitsLayout {
  uint8_t kind = kKind;
  uint8_t message = kLimits;
  uint8_t count = 0;
};
struct LimitLayout {
  wire::Le16 port;
  wire::Le32 rate;
};
struct PortsDownLayout {
  uint8_t kind = kKind;
  uint8_t message = kPortsDown;
  uint8_t count = 0;
};
static_assert(sizeof(ProbeLayout) == kProbeSize && sizeof(AnswerLayout) == 12);
static_assert(sizeof(ReportLayout) == 3 && sizeof(ReceiptLayout) == 12);
static_assert(sizeof(LimitsLayout) == 3 && sizeof(LimitLayout) == 6);
static_assert(sizeof(PortsDownLayout) == 3 && sizeof(wire::Le16) == 2);

template <typename Layout>
std::vector<uint8_t> BytesOf(const Layout& layout) {
  std::vector<uint8_t> bytes(sizeof layout);
  wire::WriteAs(layout, bytes.data());
  return bytes;
}

struct Encoder {
  std::vector<uint8_t> operator()(const Probe& probe) const {
    const int flags = (probe.unheard ? kUnheard : 0) | (probe.spreads ? kSpreads : 0) |
                      static_cast<int>(probe.use) << kUseShift | probe.silence << kSilenceShift;
    std::vector<uint8_t> bytes = BytesOf(ProbeLayout{.port = wire::Le16(probe.port),
                                                     .number = wire::Le64(probe.number),
                                                     .flags = static_cast<uint8_t>(flags),
                                                     .challenge = probe.challenge});
    bytes.resize(bytes.size() + probe.padding);
    return bytes;
  }
  std::vector<uint8_t> operator()(const Answer& answer) const {
    return BytesOf(AnswerLayout{.port = wire::Le16(answer.port), .challenge = answer.challenge});
  }
  std::vector<uint8_t> operator()(const Confirm&) const { return {kKind, kConfirm}; }
  std::vector<uint8_t> operator()(const Close&) const { return {kKind, kClose}; }
  std::vector<uint8_t> operator()(const Report& report) const {
    assert(!report.receipts.empty() && report.receipts.size() <= kMaxReceipts);
    std::vector<uint8_t> bytes =
        BytesOf(ReportLayout{.count = static_cast<uint8_t>(report.receipts.size())});
    for (const Receipt& receipt : report.receipts) {
      const std::vector<uint8_t> encoded =
          BytesOf(ReceiptLayout{.from = wire::Le16(receipt.from),
                                .to = wire::Le16(receipt.to),
                                .packets = wire::Le32(receipt.packets),
                                .bytes = wire::Le32(receipt.bytes)});
      bytes.insert(bytes.end(), encoded.begin(), encoded.end());
    }
    return bytes;
  }
  std::vector<uint8_t> operator()(const Feedback& feedback) const {
    return EncodeFeedback(feedback);
  }
  std::vector<uint8_t> operator()(const Limits& limits) const {
    assert(!limits.limits.empty() && limits.limits.size() <= kMaxLimits);
    std::vector<uint8_t> bytes =
        BytesOf(LimitsLayout{.count = static_cast<uint8_t>(limits.limits.size())});
    for (const Limit& limit : limits.limits) {
      const std::vector<uint8_t> encoded =
          BytesOf(LimitLayout{.port = wire::Le16(limit.port), .rate = wire::Le32(limit.rate)});
      bytes.insert(bytes.end(), encoded.begin(), encoded.end());
    }
    return bytes;
  }
  std::vector<uint8_t> operator()(const PortsDown& down) const {
    assert(!down.ports.empty() && down.ports.size() <= kMaxPortsDown);
    std::vector<uint8_t> bytes =
        BytesOf(PortsDownLayout{.count = static_cast<uint8_t>(down.ports.size())});
    for (const uint16_t port : down.ports) {
      const std::vector<uint8_t> encoded = BytesOf(wire::Le16(port));
      bytes.insert(bytes.end(), encoded.begin(), encoded.end());
    }
    return bytes;
  }
};

std::variant<ControlMessage, wire::Drop> DecodeReport(wire::Bytes plaintext) {
  if (plaintext.size() < sizeof(ReportLayout)) return wire::Drop::kMalformed;
  const size_t count = wire::ReadAs<ReportLayout>(plaintext.data()).count;
  if (count == 0 || count > kMaxReceipts ||
      plaintext.size() != sizeof(ReportLayout) + count * sizeof(ReceiptLayout)) {
    return wire::Drop::kMalformed;
  }
  Report report;
  for (size_t i = 0; i < count; ++i) {
    const auto layout = wire::ReadAs<ReceiptLayout>(plaintext.data() + sizeof(ReportLayout) +
                                                    i * sizeof(ReceiptLayout));
    report.receipts.push_back({.from = layout.from.value(),
                               .to = layout.to.value(),
                               .packets = layout.packets.value(),
                               .bytes = layout.bytes.value()});
  }
  return report;
}

std::variant<ControlMessage, wire::Drop> DecodeLimits(wire::Bytes plaintext) {
  if (plaintext.size() < sizeof(LimitsLayout)) return wire::Drop::kMalformed;
  const size_t count = wire::ReadAs<LimitsLayout>(plaintext.data()).count;
  if (count == 0 || count > kMaxLimits ||
      plaintext.size() != sizeof(LimitsLayout) + count * sizeof(LimitLayout)) {
    return wire::Drop::kMalformed;
  }
  Limits limits;
  for (size_t i = 0; i < count; ++i) {
    const auto layout = wire::ReadAs<LimitLayout>(plaintext.data() + sizeof(LimitsLayout) +
                                                  i * sizeof(LimitLayout));
    limits.limits.push_back({.port = layout.port.value(), .rate = layout.rate.value()});
  }
  return limits;
}

std::variant<ControlMessage, wire::Drop> DecodePortsDown(wire::Bytes plaintext) {
  if (plaintext.size() < sizeof(PortsDownLayout)) return wire::Drop::kMalformed;
  const size_t count = wire::ReadAs<PortsDownLayout>(plaintext.data()).count;
  if (count == 0 || count > kMaxPortsDown ||
      plaintext.size() != sizeof(PortsDownLayout) + count * sizeof(wire::Le16)) {
    return wire::Drop::kMalformed;
  }
  PortsDown down;
  for (size_t i = 0; i < count; ++i) {
    const auto port = wire::ReadAs<wire::Le16>(plaintext.data() + sizeof(PortsDownLayout) +
                                               i * sizeof(wire::Le16));
    down.ports.push_back(port.value());
  }
  return down;
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
      if (plaintext.size() < sizeof(ProbeLayout)) return wire::Drop::kMalformed;
      {
        const auto layout = wire::ReadAs<ProbeLayout>(plaintext.data());
        return Probe{layout.port.value(),
                     layout.number.value(),
                     (layout.flags & kUnheard) != 0,
                     layout.challenge,
                     plaintext.size() - sizeof(ProbeLayout),
                     (layout.flags & kSpreads) != 0,
                     static_cast<PortUse>((layout.flags & kUse) >> kUseShift),
                     static_cast<uint8_t>(layout.flags >> kSilenceShift)};
      }
    case kAnswer:
      if (plaintext.size() != sizeof(AnswerLayout)) return wire::Drop::kMalformed;
      {
        const auto layout = wire::ReadAs<AnswerLayout>(plaintext.data());
        return Answer{layout.port.value(), layout.challenge};
      }
    case kConfirm:
      if (!bare) return wire::Drop::kMalformed;
      return Confirm{};
    case kClose:
      if (!bare) return wire::Drop::kMalformed;
      return Close{};
    case kReport:
      return DecodeReport(plaintext);
    case kFeedback:
      if (auto feedback = DecodeFeedback(plaintext)) return *std::move(feedback);
      return wire::Drop::kMalformed;
    case kLimits:
      return DecodeLimits(plaintext);
    case kPortsDown:
      return DecodePortsDown(plaintext);
    default:
      return wire::Drop::kUnknownKind;
  }
}

bool IsMapMessage(wire::Bytes plaintext) {
  return plaintext.size() >= kHeader && plaintext[0] == kKind && plaintext[1] >= kFirstOfMap;
}

}  // namespace warp::protocol
