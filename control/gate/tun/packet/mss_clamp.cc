#include "control/gate/tun/packet/mss_clamp.h"

#include <algorithm>

#include "dataplane/wire/byte_order.h"

namespace warp::control {
namespace {

using wire::Be16;

constexpr uint8_t kSyn = 0x02;
constexpr uint8_t kOptionEnd = 0, kOptionNothing = 1, kOptionMss = 2;
constexpr size_t kMssOption = 4;
// Nobody is asked for less (RFC 9293 section 3.7.1 has 536 for IPv4, where nothing is said).
constexpr size_t kLeast = 88;

// A frame has its tags beside what is said to fit.
size_t SegmentFor(const InnerPacket& inner, size_t ip_size) {
  const size_t tags = inner.ip - std::min<size_t>(inner.ip, kInnerEthernetHeader);
  const size_t headers = tags + inner.transport - inner.ip + kTcpHeader;
  return std::max(kLeast, ip_size > headers ? ip_size - headers : 0);
}

// Where the value of an option stands that asks for larger segments; 0: there is none. Of several options the receiver
// may take any (Linux the last one).
size_t FindLarger(wire::Bytes packet, const InnerPacket& inner, size_t segment) {
  if (!IsSyn(packet, inner)) return 0;
  const size_t end = inner.transport + TcpHeaderSize(packet, inner);
  size_t at = inner.transport + kTcpHeader;
  while (at + 1 < end && packet[at] != kOptionEnd) {
    if (packet[at] == kOptionNothing) {
      ++at;
      continue;
    }
    const size_t length = packet[at + 1];
    if (length < 2 || at + length > end) return 0;
    if (packet[at] == kOptionMss && length == kMssOption &&
        wire::ReadAs<Be16>(&packet[at + 2]).value() > segment) {
      return at + 2;
    }
    at += length;
  }
  return 0;
}

}  // namespace

bool IsSyn(wire::Bytes packet, const InnerPacket& inner) {
  return TcpHeaderSize(packet, inner) != 0 && (packet[inner.transport + kTcpFlags] & kSyn) != 0;
}

bool WantsLargerSegments(wire::Bytes packet, const InnerPacket& inner, size_t ip_size) {
  return FindLarger(packet, inner, SegmentFor(inner, ip_size)) != 0;
}

// RFC 1624, equation 3. A value at an odd place is summed with its bytes swapped.
void ClampSegments(wire::MutableBytes packet, const InnerPacket& inner, size_t ip_size) {
  const auto after = static_cast<uint16_t>(std::min<size_t>(SegmentFor(inner, ip_size), 0xffff));
  while (const size_t at = FindLarger(packet, inner, after)) {
    uint8_t* const field = &packet[inner.transport + kTcpChecksum];
    const bool odd = (at - inner.transport) % 2 != 0;
    const auto in_sum = [odd](uint16_t value) {
      return odd ? static_cast<uint16_t>(value << 8 | value >> 8) : value;
    };
    const uint16_t before = wire::ReadAs<Be16>(&packet[at]).value();
    const auto old = static_cast<uint16_t>(~wire::ReadAs<Be16>(field).value());
    const uint64_t sum = uint64_t{old} + static_cast<uint16_t>(~in_sum(before)) + in_sum(after);
    wire::WriteAs(Be16(static_cast<uint16_t>(~FoldSum(sum))), field);
    wire::WriteAs(Be16(after), &packet[at]);
  }
}

}  // namespace warp::control
