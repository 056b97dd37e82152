#include "dataplane/wire/message.h"

#include <algorithm>

#include "dataplane/wire/byte_order.h"

namespace warp::wire {

namespace {

struct PayloadLayout {
  uint8_t kind = 0;
  uint8_t zero = 0;
  Le16 tunnel_id;
};
static_assert(sizeof(PayloadLayout) == kInnerHeaderSize);

struct FragmentLayout {
  uint8_t kind = 0;
  uint8_t index = 0;
  Le16 tunnel_id;
  uint8_t count = 0;
  uint8_t zero = 0;
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

SequencedLayout LayoutOf(const SequencedHeader& header, Kind kind) {
  return {.kind = static_cast<uint8_t>(kind),
          .hold = HoldByteOf(header),
          .tunnel_id = Le16(header.tunnel_id),
          .sequence = Le32(header.sequence)};
}

SequencedHeader HeaderOf(const SequencedLayout& layout) {
  SequencedHeader header{.tunnel_id = layout.tunnel_id.value(),
                         .sequence = layout.sequence.value()};
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
  WriteAs(PayloadLayout{.kind = static_cast<uint8_t>(Kind::kPayload),
                        .tunnel_id = Le16(header.tunnel_id)},
          out);
}

void WriteFragmentHeader(const FragmentHeader& header, uint8_t* out) {
  WriteAs(FragmentLayout{.kind = static_cast<uint8_t>(Kind::kFragment),
                         .index = header.index,
                         .tunnel_id = Le16(header.tunnel_id),
                         .count = header.count,
                         .chunk = Le16(header.chunk)},
          out);
}

void WriteSequencedHeader(const SequencedHeader& header, uint8_t* out) {
  WriteAs(LayoutOf(header, Kind::kSequenced), out);
}

void WriteSequencedFragmentHeader(const SequencedFragmentHeader& header, uint8_t* out) {
  WriteAs(SequencedFragmentLayout{.payload = LayoutOf(header.payload, Kind::kSequencedFragment),
                                  .index = header.index,
                                  .count = header.count,
                                  .chunk = Le16(header.chunk)},
          out);
}

void WriteParityHeader(const ParityHeader& header, uint8_t* out) {
  WriteAs(ParityLayout{.kind = static_cast<uint8_t>(Kind::kParity),
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
  const auto kind = static_cast<Kind>(plaintext[0]);
  switch (kind) {
    case Kind::kPayload:
    case Kind::kFragment:
    case Kind::kControl:
    case Kind::kSequenced:
    case Kind::kParity:
    case Kind::kSequencedFragment:
      return kind;
  }
  return std::nullopt;
}

std::optional<PayloadHeader> ReadPayloadHeader(Bytes plaintext) {
  if (plaintext.size() < sizeof(PayloadLayout)) return std::nullopt;
  const auto layout = ReadAs<PayloadLayout>(plaintext.data());
  if (layout.kind != static_cast<uint8_t>(Kind::kPayload) || layout.zero != 0) return std::nullopt;
  return PayloadHeader{.tunnel_id = layout.tunnel_id.value()};
}

std::optional<FragmentHeader> ReadFragmentHeader(Bytes plaintext) {
  if (plaintext.size() < sizeof(FragmentLayout)) return std::nullopt;
  const auto layout = ReadAs<FragmentLayout>(plaintext.data());
  if (layout.kind != static_cast<uint8_t>(Kind::kFragment) || layout.zero != 0) return std::nullopt;

  const FragmentHeader header{.tunnel_id = layout.tunnel_id.value(),
                              .index = layout.index,
                              .count = layout.count,
                              .chunk = layout.chunk.value()};
  const size_t size = plaintext.size() - sizeof(FragmentLayout);
  if (!MayBe(size, header.index, header.count, header.chunk)) return std::nullopt;
  return header;
}

std::optional<SequencedHeader> ReadSequencedHeader(Bytes plaintext) {
  if (plaintext.size() < sizeof(SequencedLayout)) return std::nullopt;
  const auto layout = ReadAs<SequencedLayout>(plaintext.data());
  if (layout.kind != static_cast<uint8_t>(Kind::kSequenced)) return std::nullopt;
  return HeaderOf(layout);
}

std::optional<SequencedFragmentHeader> ReadSequencedFragmentHeader(Bytes plaintext) {
  if (plaintext.size() < sizeof(SequencedFragmentLayout)) return std::nullopt;
  const auto layout = ReadAs<SequencedFragmentLayout>(plaintext.data());
  if (layout.payload.kind != static_cast<uint8_t>(Kind::kSequencedFragment)) return std::nullopt;
  const size_t size = plaintext.size() - sizeof(SequencedFragmentLayout);
  if (!MayBe(size, layout.index, layout.count, layout.chunk.value())) return std::nullopt;
  return SequencedFragmentHeader{.payload = HeaderOf(layout.payload),
                                 .index = layout.index,
                                 .count = layout.count,
                                 .chunk = layout.chunk.value()};
}

std::optional<ParityHeader> ReadParityHeader(Bytes plaintext) {
  if (plaintext.size() < sizeof(ParityLayout)) return std::nullopt;
  const auto layout = ReadAs<ParityLayout>(plaintext.data());
  if (layout.kind != static_cast<uint8_t>(Kind::kParity)) return std::nullopt;
  if (layout.index >= kMostParitiesOfBlock) return std::nullopt;
  if (layout.count == 0 || layout.count > kMostPayloadsOfBlock) return std::nullopt;
  return ParityHeader{.tunnel_id = layout.tunnel_id.value(),
                      .first = layout.first.value(),
                      .count = layout.count,
                      .index = layout.index,
                      .hold = layout.hold,
                      .length = layout.length.value()};
}

}  // namespace warp::wire
