#include "dataplane/wire/message.h"

#include <algorithm>

#include "dataplane/wire/byte_order.h"

namespace warp::wire {

namespace {

struct PayloadLayout {
  uint8_t kind = 0;
  uint8_t flow = 0;
  Le16 tunnel_id;
};
static_assert(sizeof(PayloadLayout) == kInnerHeaderSize);

struct FragmentLayout {
  uint8_t kind = 0;
  uint8_t index = 0;
  Le16 tunnel_id;
  uint8_t count = 0;
  uint8_t flow = 0;
  Le16 chunk;
};
static_assert(sizeof(FragmentLayout) == kFragmentHeaderSize);

struct SequencedLayout {
  uint8_t kind = 0;
  uint8_t hold = 0;
  Le16 tunnel_id;
  Le32 sequence;
};
static_assert(sizeof(SequencedLayout) == kSequencedHeaderSize);

struct SequencedFragmentLayout {
  SequencedLayout payload;
  uint8_t index = 0;
  uint8_t count = 0;
  Le16 chunk;
};
static_assert(sizeof(SequencedFragmentLayout) == kSequencedFragmentHeaderSize);

struct ParityLayout {
  uint8_t kind = 0;
  uint8_t index = 0;
  Le16 tunnel_id;
  Le32 first;
  uint8_t count = 0;
  uint8_t hold = 0;
  Le16 length;
};
static_assert(sizeof(ParityLayout) == kParityHeaderSize);

constexpr uint8_t kResendBit = 0x80;

// Of the first byte.
constexpr uint8_t kFlowBit = 0x80;    // a flow byte follows
constexpr uint8_t kAnswerBit = 0x40;  // the receiver gave the flow's number
constexpr uint8_t kMarkBit = 0x20;    // a DSCP byte follows
constexpr uint8_t kKindBits = 0x1f;
constexpr uint8_t kMostDscp = 63;

bool IsSequenced(Kind kind) { return kind == Kind::kSequenced || kind == Kind::kSequencedFragment; }

uint8_t FirstByte(Kind kind, const Flow& flow) {
  const bool follows = IsSequenced(kind) && flow.number != 0;
  return static_cast<uint8_t>(static_cast<uint8_t>(kind) | (follows ? kFlowBit : 0) |
                              (flow.answer ? kAnswerBit : 0) | (flow.dscp != 0 ? kMarkBit : 0));
}

// Writes what follows a header: the number of the flow, and its DSCP.
void WriteFollowing(Kind kind, const Flow& flow, uint8_t* out) {
  if (IsSequenced(kind) && flow.number != 0) *out++ = flow.number;
  if (flow.dscp != 0) *out = flow.dscp;
}

// The flow of a header with this first byte, where `number` is what the header itself has of it. `after` is what
// follows the header. nullopt where a byte ought to follow, and there is none or it is out of its range.
std::optional<Flow> ReadFlow(uint8_t first_byte, uint8_t number, Bytes after) {
  Flow flow{.number = number, .answer = (first_byte & kAnswerBit) != 0};
  if ((first_byte & kFlowBit) != 0) {
    if (after.empty() || after[0] == 0) return std::nullopt;
    flow.number = after[0];
    after = after.subspan(1);
  }
  if ((first_byte & kMarkBit) != 0) {
    if (after.empty() || after[0] == 0 || after[0] > kMostDscp) return std::nullopt;
    flow.dscp = after[0];
  }
  return flow;
}

SequencedLayout LayoutOf(const SequencedHeader& header, Kind kind) {
  return {.kind = FirstByte(kind, header.flow),
          .hold = HoldByteOf(header),
          .tunnel_id = Le16(header.tunnel_id),
          .sequence = Le32(header.sequence)};
}

// As ReadFlow.
std::optional<SequencedHeader> HeaderOf(const SequencedLayout& layout, Bytes after) {
  const std::optional<Flow> flow = ReadFlow(layout.kind, 0, after);
  if (!flow.has_value()) return std::nullopt;
  SequencedHeader header{
      .tunnel_id = layout.tunnel_id.value(), .sequence = layout.sequence.value(), .flow = *flow};
  SetHoldByte(layout.hold, &header);
  return header;
}

// Whether fragment `index` of `count` may have `size` bytes.
bool MayBe(size_t size, uint8_t index, uint8_t count, uint16_t chunk) {
  if (count < 2 || index >= count || size == 0) return false;
  const bool is_last = index == count - 1;
  if (is_last ? size > chunk : size != chunk) return false;
  // The least size that the whole payload can have; its exact size where this fragment is the last.
  const size_t before_last = size_t{chunk} * (count - 1u);
  return before_last + (is_last ? size : 1) <= kMaxPayloadSize;
}

}  // namespace

uint8_t HoldByteOf(const SequencedHeader& header) {
  const Duration hold = std::clamp(header.hold, Duration::zero(), kLongestHold);
  const auto units = static_cast<uint8_t>((hold + kHoldUnit - Duration(1)) / kHoldUnit);
  return static_cast<uint8_t>(units | (header.resend ? kResendBit : 0));
}

void SetHoldByte(uint8_t byte, SequencedHeader* header) {
  header->hold = (byte & ~kResendBit) * kHoldUnit;
  header->resend = (byte & kResendBit) != 0;
}

void WritePayloadHeader(const PayloadHeader& header, uint8_t* out) {
  WriteAs(PayloadLayout{.kind = FirstByte(Kind::kPayload, header.flow),
                        .flow = header.flow.number,
                        .tunnel_id = Le16(header.tunnel_id)},
          out);
  WriteFollowing(Kind::kPayload, header.flow, out + sizeof(PayloadLayout));
}

void WriteFragmentHeader(const FragmentHeader& header, uint8_t* out) {
  WriteAs(FragmentLayout{.kind = FirstByte(Kind::kFragment, header.flow),
                         .index = header.index,
                         .tunnel_id = Le16(header.tunnel_id),
                         .count = header.count,
                         .flow = header.flow.number,
                         .chunk = Le16(header.chunk)},
          out);
  WriteFollowing(Kind::kFragment, header.flow, out + sizeof(FragmentLayout));
}

void WriteSequencedHeader(const SequencedHeader& header, uint8_t* out) {
  WriteAs(LayoutOf(header, Kind::kSequenced), out);
  WriteFollowing(Kind::kSequenced, header.flow, out + sizeof(SequencedLayout));
}

void WriteSequencedFragmentHeader(const SequencedFragmentHeader& header, uint8_t* out) {
  WriteAs(SequencedFragmentLayout{.payload = LayoutOf(header.payload, Kind::kSequencedFragment),
                                  .index = header.index,
                                  .count = header.count,
                                  .chunk = Le16(header.chunk)},
          out);
  WriteFollowing(Kind::kSequencedFragment, header.payload.flow,
                 out + sizeof(SequencedFragmentLayout));
}

void WriteParityHeader(const ParityHeader& header, uint8_t* out) {
  const auto kind = static_cast<uint8_t>(Kind::kParity);
  WriteAs(ParityLayout{.kind = static_cast<uint8_t>(kind | (header.flows ? kFlowBit : 0)),
                       .index = header.index,
                       .tunnel_id = Le16(header.tunnel_id),
                       .first = Le32(header.first),
                       .count = header.count,
                       .hold = header.hold,
                       .length = Le16(header.length)},
          out);
}

std::optional<Kind> ClassifyPlaintext(Bytes plaintext) {
  if (plaintext.empty()) return std::nullopt;
  const auto kind = static_cast<Kind>(plaintext[0] & kKindBits);
  uint8_t may_have = 0;
  switch (kind) {
    case Kind::kControl:
      break;
    case Kind::kPayload:
    case Kind::kFragment:
      may_have = kAnswerBit | kMarkBit;
      break;
    case Kind::kParity:
      may_have = kFlowBit;
      break;
    case Kind::kSequenced:
    case Kind::kSequencedFragment:
      may_have = kAnswerBit | kMarkBit | kFlowBit;
      break;
    default:
      return std::nullopt;
  }
  if ((plaintext[0] & ~kKindBits & ~may_have) != 0) return std::nullopt;
  return kind;
}

std::optional<PayloadHeader> ReadPayloadHeader(Bytes plaintext) {
  if (plaintext.size() < sizeof(PayloadLayout)) return std::nullopt;
  const auto layout = ReadAs<PayloadLayout>(plaintext.data());
  if (ClassifyPlaintext(plaintext) != Kind::kPayload) return std::nullopt;
  const auto flow = ReadFlow(layout.kind, layout.flow, plaintext.subspan(sizeof(layout)));
  if (!flow.has_value()) return std::nullopt;
  return PayloadHeader{.tunnel_id = layout.tunnel_id.value(), .flow = *flow};
}

std::optional<FragmentHeader> ReadFragmentHeader(Bytes plaintext) {
  if (plaintext.size() < sizeof(FragmentLayout)) return std::nullopt;
  const auto layout = ReadAs<FragmentLayout>(plaintext.data());
  if (ClassifyPlaintext(plaintext) != Kind::kFragment) return std::nullopt;
  const auto flow = ReadFlow(layout.kind, layout.flow, plaintext.subspan(sizeof(layout)));
  if (!flow.has_value()) return std::nullopt;
  const FragmentHeader header{.tunnel_id = layout.tunnel_id.value(),
                              .flow = *flow,
                              .index = layout.index,
                              .count = layout.count,
                              .chunk = layout.chunk.value()};
  const size_t size = plaintext.size() - HeaderSizeOf(Kind::kFragment, header.flow);
  if (!MayBe(size, header.index, header.count, header.chunk)) return std::nullopt;
  return header;
}

std::optional<SequencedHeader> ReadSequencedHeader(Bytes plaintext) {
  if (plaintext.size() < sizeof(SequencedLayout)) return std::nullopt;
  const auto layout = ReadAs<SequencedLayout>(plaintext.data());
  if (ClassifyPlaintext(plaintext) != Kind::kSequenced) return std::nullopt;
  return HeaderOf(layout, plaintext.subspan(sizeof(layout)));
}

std::optional<SequencedFragmentHeader> ReadSequencedFragmentHeader(Bytes plaintext) {
  if (plaintext.size() < sizeof(SequencedFragmentLayout)) return std::nullopt;
  const auto layout = ReadAs<SequencedFragmentLayout>(plaintext.data());
  if (ClassifyPlaintext(plaintext) != Kind::kSequencedFragment) return std::nullopt;
  const auto payload = HeaderOf(layout.payload, plaintext.subspan(sizeof(layout)));
  if (!payload.has_value()) return std::nullopt;
  const size_t size = plaintext.size() - HeaderSizeOf(Kind::kSequencedFragment, payload->flow);
  if (!MayBe(size, layout.index, layout.count, layout.chunk.value())) return std::nullopt;
  return SequencedFragmentHeader{.payload = *payload,
                                 .index = layout.index,
                                 .count = layout.count,
                                 .chunk = layout.chunk.value()};
}

std::optional<ParityHeader> ReadParityHeader(Bytes plaintext) {
  if (plaintext.size() < sizeof(ParityLayout)) return std::nullopt;
  const auto layout = ReadAs<ParityLayout>(plaintext.data());
  if (ClassifyPlaintext(plaintext) != Kind::kParity) return std::nullopt;
  if (layout.index >= kMostParitiesOfBlock) return std::nullopt;
  if (layout.count == 0 || layout.count > kMostPayloadsOfBlock) return std::nullopt;
  return ParityHeader{.tunnel_id = layout.tunnel_id.value(),
                      .first = layout.first.value(),
                      .count = layout.count,
                      .index = layout.index,
                      .hold = layout.hold,
                      .length = layout.length.value(),
                      .flows = (layout.kind & kFlowBit) != 0};
}

}  // namespace warp::wire
