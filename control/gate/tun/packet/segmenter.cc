#include "control/gate/tun/packet/segmenter.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "dataplane/wire/byte_order.h"
#include "dataplane/wire/frame/frame.h"

namespace warp::control {
namespace {

using wire::Be16;
using wire::Be32;
using wire::Drop;

constexpr uint8_t kFin = 0x01, kPsh = 0x08, kCwr = 0x80;

size_t ChecksumOffset(const InnerPacket& inner) {
  return inner.protocol == kProtocolTcp ? kTcpChecksum : kUdpChecksum;
}

// A sum of zero means to UDP that there is none (RFC 768). To TCP, both zeros mean the same.
Be16 ChecksumOf(uint64_t sum, bool udp) {
  const auto checksum = static_cast<uint16_t>(~FoldSum(sum));
  return Be16(udp && checksum == 0 ? 0xffff : checksum);
}

}  // namespace

Drop Segmenter::Take(const OffloadHeader& offload, wire::MutableBytes packet) {
  assert(first_ == count_ && offset_ == packet_.size());
  first_ = count_ = 0;
  packet_ = {};
  offset_ = 0;
  cut_ = false;
  const std::optional<InnerPacket> inner = ReadInnerPacket(packet, layer_);
  if (!inner.has_value()) return Drop::kBadPacket;
  inner_ = *inner;
  if (offload.header_size.value() > packet.size()) return Drop::kBadOffload;
  if (offload.gso == OffloadHeader::kNone) {
    if (!FinishChecksum(offload, packet)) return Drop::kBadOffload;
    window_[0] = packet;
    count_ = 1;
    return Drop::kNone;
  }
  packet_ = packet;
  if (!PrepareCut(offload)) {
    packet_ = {};
    return Drop::kBadOffload;
  }
  return Drop::kNone;
}

bool Segmenter::FinishChecksum(const OffloadHeader& offload, wire::MutableBytes packet) const {
  if ((offload.flags & OffloadHeader::kNeedsChecksum) == 0) return true;
  const size_t start = offload.checksum_start.value();
  const size_t field = start + offload.checksum_offset.value();
  if (start < inner_.ip || field + sizeof(Be16) > packet.size()) return false;
  // Padding of a short frame belongs to no checksum.
  const size_t end = std::max<size_t>(inner_.end, field + sizeof(Be16));
  const uint32_t sum = wire::DatagramSum(packet.subspan(start, end - start));
  wire::WriteAs(ChecksumOf(sum, offload.checksum_offset.value() == kUdpChecksum), &packet[field]);
  return true;
}

bool Segmenter::PrepareCut(const OffloadHeader& offload) {
  const uint8_t gso = offload.gso & static_cast<uint8_t>(~OffloadHeader::kEcn);
  const bool tcp = (gso == OffloadHeader::kTcpV4 && inner_.version == 4) ||
                   (gso == OffloadHeader::kTcpV6 && inner_.version == 6);
  if (tcp) {
    const size_t size = TcpHeaderSize(packet_, inner_);
    if (size == 0) return false;
    header_ = inner_.transport + size;
  } else if (gso == OffloadHeader::kUdp && inner_.is_udp()) {
    header_ = inner_.transport + kUdpHeader;
  } else {
    return false;
  }
  segment_ = offload.segment_size.value();
  const size_t field = inner_.transport + ChecksumOffset(inner_);
  if (segment_ == 0 || header_ > kMaxHeaders || inner_.end != packet_.size() ||
      header_ >= packet_.size() || (offload.flags & OffloadHeader::kNeedsChecksum) == 0 ||
      offload.checksum_start.value() != inner_.transport ||
      offload.checksum_offset.value() != ChecksumOffset(inner_)) {
    return false;
  }
  // The field has the sum for the whole length. Taking that away is adding its complement.
  const auto length = static_cast<uint16_t>(packet_.size() - inner_.transport);
  pseudo_sum_ =
      uint64_t{wire::ReadAs<Be16>(&packet_[field]).value()} + static_cast<uint16_t>(~length);
  offset_ = header_;
  cut_ = true;
  return true;
}

std::span<const wire::Bytes> Segmenter::Next() {
  if (first_ == count_) Cut();
  return {&window_[first_], count_ - first_};
}

void Segmenter::Consume(size_t packets) {
  assert(packets <= count_ - first_);
  first_ += packets;
}

void Segmenter::Cut() {
  first_ = count_ = 0;
  uint8_t* out = room_.get();
  while (offset_ < packet_.size() && count_ < kWindow) {
    const size_t size = std::min(segment_, packet_.size() - offset_);
    const size_t whole = WriteSegment(size, out);
    window_[count_++] = {out, whole};
    out += whole;
    offset_ += size;
  }
}

// The segment of `size` bytes of data at offset_. Returns how many bytes it has.
size_t Segmenter::WriteSegment(size_t size, uint8_t* out) const {
  std::memcpy(out, packet_.data(), header_);
  std::memcpy(out + header_, &packet_[offset_], size);
  const size_t before = offset_ - header_;  // bytes of data in the segments before
  const size_t whole = header_ + size;
  const bool first = before == 0, last = offset_ + size == packet_.size();
  if (inner_.version == 4) {
    uint8_t* const id = out + inner_.ip + kIpv4Id;
    const size_t number = wire::ReadAs<Be16>(id).value() + before / segment_;
    wire::WriteAs(Be16(static_cast<uint16_t>(number)), id);
  }
  WriteIpLength(out, inner_, whole);
  uint8_t* const transport = out + inner_.transport;
  const size_t length = whole - inner_.transport;
  const bool udp = inner_.protocol == kProtocolUdp;
  if (udp) {
    wire::WriteAs(Be16(static_cast<uint16_t>(length)), transport + kUdpLength);
  } else {
    uint8_t* const sequence = transport + kTcpSequence;
    const uint32_t number = wire::ReadAs<Be32>(sequence).value() + static_cast<uint32_t>(before);
    wire::WriteAs(Be32(number), sequence);
    uint8_t& flags = transport[kTcpFlags];
    if (!first) flags &= static_cast<uint8_t>(~kCwr);
    if (!last) flags &= static_cast<uint8_t>(~(kFin | kPsh));
  }
  uint8_t* const checksum = transport + ChecksumOffset(inner_);
  wire::WriteAs(Be16(0), checksum);
  const uint64_t sum = pseudo_sum_ + length + wire::DatagramSum({transport, length});
  wire::WriteAs(ChecksumOf(sum, udp), checksum);
  return whole;
}

}  // namespace warp::control
