#include "tools/link/model/link_frame.h"

namespace warp::tools {
namespace {

// The Internet checksum (RFC 1071) of these bytes, where a checksum that is to be made stands as a partial sum already.
uint16_t InternetChecksum(absl::Span<const uint8_t> bytes) {
  uint64_t sum = 0;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) sum += bytes[i] * 256u + bytes[i + 1];
  if (bytes.size() % 2 == 1) sum += bytes.back() * 256u;
  while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

void FinishChecksum(Offload& offload, absl::Span<uint8_t> frame) {
  const size_t start = offload.checksum_start;
  const size_t place = start + offload.checksum_offset;
  offload.flags = 0;
  offload.checksum_start = 0;
  offload.checksum_offset = 0;
  if (place + 2 > frame.size()) return;
  const uint16_t checksum = InternetChecksum(frame.subspan(start));
  // In UDP a checksum of 0 means that there is none (RFC 768); elsewhere 0xFFFF is the same number as 0.
  const uint16_t written = checksum == 0 ? 0xFFFF : checksum;
  frame[place] = static_cast<uint8_t>(written >> 8);
  frame[place + 1] = static_cast<uint8_t>(written);
}

}  // namespace

void CorruptFrame(Offload& offload, absl::Span<uint8_t> frame, size_t bit) {
  if (!offload.is_joined()) {
    if ((offload.flags & Offload::kNeedsChecksum) != 0) FinishChecksum(offload, frame);
    offload.flags = 0;  // nobody has looked at the checksum since
  }
  frame[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
}

}  // namespace warp::tools
