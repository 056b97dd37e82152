#include "control/gate/tun/packet/joiner.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "dataplane/wire/byte_order.h"
#include "dataplane/wire/frame/frame.h"

namespace warp::control {
namespace {

using wire::Be16;
using wire::Be32;
using wire::Bytes;

constexpr uint8_t kFin = 0x01, kPsh = 0x08, kAck = 0x10, kEce = 0x40, kCwr = 0x80;
constexpr uint16_t kDoNotFragment = 0x4000;
// What the lengths in the headers can say.
constexpr size_t kLargest = 65535;

uint16_t Read16(Bytes packet, size_t at) { return wire::ReadAs<Be16>(&packet[at]).value(); }
uint32_t Read32(Bytes packet, size_t at) { return wire::ReadAs<Be32>(&packet[at]).value(); }

bool Same(Bytes a, Bytes b, size_t at, size_t size) {
  return std::memcmp(&a[at], &b[at], size) == 0;
}

bool SameEnds(Bytes a, const InnerPacket& of_a, Bytes b, const InnerPacket& of_b) {
  return of_a.version == of_b.version &&
         std::memcmp(&a[of_a.addresses()], &b[of_b.addresses()], of_a.addresses_size()) == 0;
}

bool SameFlow(Bytes a, const InnerPacket& of_a, Bytes b, const InnerPacket& of_b) {
  return of_a.protocol == of_b.protocol && SameEnds(a, of_a, b, of_b) &&
         std::memcmp(&a[of_a.transport], &b[of_b.transport], 4) == 0;
}

}  // namespace

Joiner::Joiner(Layer layer, Kinds kinds) : layer_(layer), kinds_(kinds) {
  packets_.reserve(kMostPackets);
  runs_.reserve(kMostPackets);
}

void Joiner::Clear() {
  packets_.clear();
  runs_.clear();
}

void Joiner::Add(Bytes packet, const InnerPacket& inner) {
  assert(!full());
  const uint64_t flow = FlowOf(packet, inner);
  // Of a fragment nobody knows the flow. It may be any between its ends, and none may overtake it.
  if (inner.fragment) CloseRunsBetween(packet, inner);
  Candidate candidate;
  const bool joinable = flow != 0 && ReadCandidate(packet, inner, &candidate);
  Run* const run = flow == 0 ? nullptr : OpenRunOf(flow, packet, inner);
  if (run != nullptr) {
    if (joinable && MayFollow(*run, packet, inner, candidate)) {
      Append(*run, packet, candidate);
      return;
    }
    run->open = false;  // nothing of the flow may overtake this packet
  }
  const auto index = static_cast<uint16_t>(packets_.size());
  packets_.push_back({.bytes = packet});
  Run& own = runs_.emplace_back(
      Run{.first = index, .last = index, .flow = flow, .inner = inner, .head = candidate});
  if (!joinable) return;
  own.data = candidate.data;
  own.sequence = candidate.sequence + candidate.data;
  own.closing = candidate.flags & (kPsh | kFin);
  own.open = own.closing == 0;
  if (inner.version == 4) own.id = Read16(packet, inner.ip + kIpv4Id);
}

void Joiner::CloseRunsBetween(Bytes packet, const InnerPacket& inner) {
  for (Run& run : runs_) {
    if (run.open && SameEnds(packets_[run.first].bytes, run.inner, packet, inner)) run.open = false;
  }
}

Joiner::Run* Joiner::OpenRunOf(uint64_t flow, Bytes packet, const InnerPacket& inner) {
  for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) {
    if (run->flow != flow || !run->open) continue;
    if (SameFlow(packets_[run->first].bytes, run->inner, packet, inner)) return &*run;
  }
  return nullptr;
}

// Whether it can be a part of a super-packet at all.
bool Joiner::ReadCandidate(Bytes packet, const InnerPacket& inner, Candidate* candidate) const {
  if (!inner.plain) return false;
  size_t header = inner.transport;
  if (kinds_.tcp && inner.is_tcp()) {
    const size_t size = TcpHeaderSize(packet, inner);
    if (size == 0) return false;
    header += size;
    candidate->flags = packet[inner.transport + kTcpFlags];
    constexpr uint8_t kOthers = static_cast<uint8_t>(~(kAck | kPsh | kFin | kEce | kCwr));
    const bool reserved = (packet[inner.transport + size_t{12}] & 0x0f) != 0;
    if ((candidate->flags & kAck) == 0 || (candidate->flags & kOthers) != 0 || reserved) {
      return false;
    }
    candidate->sequence = Read32(packet, inner.transport + kTcpSequence);
  } else if (kinds_.udp && inner.is_udp()) {
    header += kUdpHeader;
    if (header > inner.end ||
        Read16(packet, inner.transport + kUdpLength) != inner.end - inner.transport ||
        Read16(packet, inner.transport + kUdpChecksum) == 0) {
      return false;
    }
  } else {
    return false;
  }
  if (header >= inner.end) return false;
  candidate->header = static_cast<uint16_t>(header);
  candidate->data = static_cast<uint16_t>(inner.end - header);
  return ChecksumsAreRight(packet, inner);
}

// The joined packet has no checksum that would show what was wrong in a part of it.
bool Joiner::ChecksumsAreRight(Bytes packet, const InnerPacket& inner) const {
  if (inner.version == 4 &&
      FoldSum(wire::DatagramSum(packet.subspan(inner.ip, kIpv4Header))) != 0xffff) {
    return false;
  }
  const size_t length = inner.end - inner.transport;
  return FoldSum(PseudoSum(packet, inner, length) +
                 wire::DatagramSum(packet.subspan(inner.transport, length))) == 0xffff;
}

bool Joiner::MayFollow(const Run& run, Bytes packet, const InnerPacket& inner,
                       const Candidate& candidate) const {
  const Bytes head = packets_[run.first].bytes;
  const size_t ip = inner.ip, tcp = inner.transport;
  if (inner.ip != run.inner.ip || candidate.header != run.head.header ||
      candidate.data > run.head.data || run.head.header + run.data + candidate.data > kLargest) {
    return false;
  }
  if (layer_ == Layer::kEthernet && !Same(head, packet, 0, ip)) return false;
  if (inner.version == 4) {
    // Version and ECN; flags; hop limit.
    if (!Same(head, packet, ip, 2) || !Same(head, packet, ip + kIpv4Fragment, 3)) return false;
    const uint16_t id = Read16(packet, ip + kIpv4Id);
    const bool may_stand = (Read16(packet, ip + kIpv4Fragment) & kDoNotFragment) != 0 &&
                           (run.count == 1 || run.same_id);
    const bool follows = id == static_cast<uint16_t>(run.id + 1) && !run.same_id;
    if (!follows && !(may_stand && id == run.id)) return false;
  } else if (!Same(head, packet, ip, 4) || !Same(head, packet, ip + 7, 1)) {
    return false;  // class and flow label; hop limit
  }
  if (inner.protocol == kProtocolUdp) return run.count < kMostUdp;
  constexpr uint8_t kLastMayHave = kPsh | kFin;
  const uint8_t flags = candidate.flags & static_cast<uint8_t>(~kLastMayHave);
  const uint8_t wanted = run.head.flags & static_cast<uint8_t>(~(kLastMayHave | kCwr));
  return candidate.sequence == run.sequence && flags == wanted &&
         Same(head, packet, tcp + kTcpAcknowledged, 4) &&
         Same(head, packet, tcp + 14, 2) &&                          // the window
         Same(head, packet, tcp + 18, candidate.header - tcp - 18);  // urgent pointer, options
}

void Joiner::Append(Run& run, Bytes packet, const Candidate& candidate) {
  const auto index = static_cast<uint16_t>(packets_.size());
  packets_.push_back({.bytes = packet});
  packets_[run.last].next = index;
  run.last = index;
  run.data += candidate.data;
  run.sequence += candidate.data;
  run.closing = candidate.flags & (kPsh | kFin);
  if (run.inner.version == 4) {
    const uint16_t id = Read16(packet, run.inner.ip + kIpv4Id);
    run.same_id = id == run.id;
    run.id = id;
  }
  ++run.count;
  run.open = run.closing == 0 && candidate.data == run.head.data;
}

std::span<const Bytes> Joiner::Pieces(size_t index) {
  const Run& run = runs_[index];
  offload_ = {};
  pieces_[0] = {reinterpret_cast<const uint8_t*>(&offload_), sizeof(offload_)};
  if (run.count == 1) {
    pieces_[1] = packets_[run.first].bytes;
    return std::span(pieces_).first(2);
  }
  WriteHeaders(run);
  pieces_[1] = std::span(headers_).first(run.head.header);
  size_t count = 2;
  for (uint16_t at = run.first; at != kEnd; at = packets_[at].next) {
    pieces_[count++] = packets_[at].bytes.subspan(run.head.header);
  }
  return std::span(pieces_).first(count);
}

void Joiner::WriteHeaders(const Run& run) {
  const bool tcp = run.inner.protocol == kProtocolTcp;
  uint8_t* const transport = &headers_[run.inner.transport];
  const size_t end = run.head.header + run.data;
  std::memcpy(headers_.data(), packets_[run.first].bytes.data(), run.head.header);
  WriteIpLength(headers_.data(), run.inner, end);
  const size_t length = end - run.inner.transport;
  if (tcp) {
    transport[kTcpFlags] |= run.closing;
  } else {
    wire::WriteAs(Be16(static_cast<uint16_t>(length)), transport + kUdpLength);
  }
  const size_t field = tcp ? kTcpChecksum : kUdpChecksum;
  const uint16_t sum = FoldSum(PseudoSum(headers_, run.inner, length));
  wire::WriteAs(Be16(sum), transport + field);

  const bool ecn = tcp && (run.head.flags & kCwr) != 0;
  const uint8_t kind = run.inner.version == 4 ? OffloadHeader::kTcpV4 : OffloadHeader::kTcpV6;
  offload_.flags = OffloadHeader::kNeedsChecksum;
  offload_.gso = tcp ? static_cast<uint8_t>(kind | (ecn ? OffloadHeader::kEcn : 0))
                     : static_cast<uint8_t>(OffloadHeader::kUdp);
  offload_.header_size = wire::Le16(run.head.header);
  offload_.segment_size = wire::Le16(run.head.data);
  offload_.checksum_start = wire::Le16(run.inner.transport);
  offload_.checksum_offset = wire::Le16(static_cast<uint16_t>(field));
}

}  // namespace warp::control
