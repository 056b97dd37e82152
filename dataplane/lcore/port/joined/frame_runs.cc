#include "dataplane/lcore/port/joined/frame_runs.h"

#include <algorithm>

#include "dataplane/wire/frame/segments.h"

namespace warp::lcore {

uint16_t FrameRuns::Length(rte_mbuf* const* frames, uint16_t count, size_t header_size,
                           uint32_t most, size_t most_payload) {
  const size_t size = rte_pktmbuf_pkt_len(frames[0]) - header_size;
  const auto limit = static_cast<uint16_t>(std::min<size_t>(
      {count, wire::kMaxSegments, most, most_payload / std::max<size_t>(size, 1)}));
  const uint8_t* const headers = FirstBytes(frames[0]).data();
  uint16_t length = 1;
  while (length < limit) {
    const rte_mbuf* const next = frames[length];
    const wire::Bytes bytes = FirstBytes(next);
    if (next->nb_segs > kSegments || bytes.size() < header_size ||
        rte_pktmbuf_pkt_len(next) == header_size ||
        rte_pktmbuf_pkt_len(next) - header_size > size ||
        !wire::SameFlow(headers, bytes.data(), header_size)) {
      break;
    }
    ++length;
    if (rte_pktmbuf_pkt_len(next) - header_size < size)
      break;  // Only the last segment may be shorter.
  }
  return length;
}

msghdr* FrameRuns::Begin() {
  first_ = next_;
  return &messages_[size_].msg_hdr;
}

size_t FrameRuns::End(rte_mbuf* const* frames, uint16_t count, size_t skip) {
  Run& run = runs_[size_];
  run = {.frames = count};
  size_t payload = 0;
  for (uint16_t i = 0; i < count; ++i) {
    run.bytes += rte_pktmbuf_pkt_len(frames[i]);
    payload += rte_pktmbuf_pkt_len(frames[i]) - skip;
    size_t passed = skip;
    for (rte_mbuf* part = frames[i]; part != nullptr; part = part->next) {
      if (part->data_len > passed)
        Add(rte_pktmbuf_mtod_offset(part, void*, passed), part->data_len - passed);
      passed -= std::min<size_t>(passed, part->data_len);
    }
  }
  msghdr& header = messages_[size_].msg_hdr;
  header.msg_iov = first_;
  header.msg_iovlen = static_cast<size_t>(next_ - first_);
  ++size_;
  return payload;
}

uint16_t FrameRuns::Send(int fd, rte_mbuf** frames) {
  const int sent = sendmmsg(fd, messages_.data(), static_cast<unsigned>(size_), MSG_DONTWAIT);
  if (sent <= 0) return 0;
  uint16_t taken = 0;
  uint64_t bytes = 0;
  for (size_t run = 0; run < static_cast<size_t>(sent); ++run) {
    taken = static_cast<uint16_t>(taken + runs_[run].frames);
    bytes += runs_[run].bytes;
  }
  packets_.Add(taken);
  bytes_.Add(bytes);
  rte_pktmbuf_free_bulk(frames, taken);
  return taken;
}

}  // namespace warp::lcore
