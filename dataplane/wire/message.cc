#include "dataplane/wire/message.h"

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

}  // namespace

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

std::optional<Kind> ClassifyPlaintext(Bytes plaintext) {
  if (plaintext.empty() || plaintext[0] < static_cast<uint8_t>(Kind::kPayload) ||
      plaintext[0] > static_cast<uint8_t>(Kind::kControl)) {
    return std::nullopt;
  }
  return static_cast<Kind>(plaintext[0]);
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
  if (header.count < 2 || header.index >= header.count || size == 0) return std::nullopt;
  const bool is_last = header.index == header.count - 1;
  if (is_last ? size > header.chunk : size != header.chunk) return std::nullopt;
  // The least size that the whole payload can have; its exact size where this fragment is the last.
  const size_t before_last = size_t{header.chunk} * (header.count - 1u);
  if (before_last + (is_last ? size : 1) > kMaxPayloadSize) return std::nullopt;
  return header;
}

}  // namespace warp::wire
