#include "dataplane/lcore/port/packet_socket/segment_sender.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "dataplane/wire/frame/segments.h"

namespace warp::lcore {
namespace {

wire::Bytes FirstBytes(const rte_mbuf* frame) {
  return {rte_pktmbuf_mtod(frame, const uint8_t*), rte_pktmbuf_data_len(frame)};
}

}  // namespace

uint16_t SegmentSender::Send(rte_mbuf** frames, uint16_t count) {
  uint16_t done = 0;
  bool join = singly_ == 0;
  if (!join) --singly_;
  join = join && most_frames_.load(std::memory_order_relaxed) > 1;
  // EINVAL may be an old error of the socket, which the call takes off it without sending. So the first one is tried
  // again.
  bool told = false;
  refused_for_size_ = false;
  // Each round sends frames, stops joining, takes an old error off the socket, or ends the call.
  while (done < count) {
    const size_t runs =
        BuildRuns(frames + done, std::min<uint16_t>(count - done, uint16_t{kFrames}), join);
    if (runs == 0) {
      refused_for_size_ = true;
      return done;
    }
    const int sent = sendmmsg(fd_, messages_.data(), static_cast<unsigned>(runs), MSG_DONTWAIT);
    if (sent > 0) {
      uint16_t taken = 0;
      uint64_t bytes = 0;
      for (int i = 0; i < sent; ++i) {
        taken = static_cast<uint16_t>(taken + runs_[static_cast<size_t>(i)].frames);
        bytes += runs_[static_cast<size_t>(i)].bytes;
      }
      packets_.Add(taken);
      bytes_.Add(bytes);
      rte_pktmbuf_free_bulk(frames + done, taken);
      done = static_cast<uint16_t>(done + taken);
      if (runs_[0].frames > 1) {
        next_singly_ = kFewBursts;
        kernel_refuses_.store(false, std::memory_order_relaxed);
      }
      continue;
    }
    const bool joined = runs_[0].frames > 1;
    switch (errno) {
      case EINTR:
        continue;
      case EINVAL:
        if (!std::exchange(told, true)) continue;
        if (!joined) {
          refused_for_size_ = true;
          return done;
        }
        join = false;
        StopJoining(EINVAL);
        continue;
      case ENOBUFS:  // There is no room, or the interface has no carrier or a full queue.
        if (!joined) {
          singly_ = 0;  // Joining was not the reason.
          next_singly_ = std::max(next_singly_ / 2, kFewBursts);
          return done;
        }
        join = false;
        StopJoining(ENOBUFS);
        continue;
      case EMSGSIZE:
        refused_for_size_ = true;
        return done;
      default:  // The send buffer is full, or the interface is down or gone.
        return done;
    }
  }
  return done;
}

// Called where the kernel knows no joined frames, or has no room for one at the moment.
void SegmentSender::StopJoining(int error) {
  if (error == EINVAL) kernel_refuses_.store(true, std::memory_order_relaxed);
  singly_ = error == ENOBUFS ? next_singly_ : kManyBursts;
  next_singly_ = std::min(next_singly_ * 2, kManyBursts);
}

// Makes messages of the frames, up to one that cannot be sent at all, and returns how many messages there are.
size_t SegmentSender::BuildRuns(rte_mbuf* const* frames, uint16_t count, bool join) {
  size_t runs = 0;
  iovec* vector = vectors_.data();
  const uint32_t largest =
      uint32_t{mtu_.load(std::memory_order_relaxed)} + wire::kEthernetHeaderSize;
  for (uint16_t i = 0; i < count && frames[i]->nb_segs <= kSegments;) {
    const bool joins = join && rte_pktmbuf_pkt_len(frames[i]) <= largest;
    const size_t header_size = joins ? wire::JoinableHeaderSize(FirstBytes(frames[i])) : 0;
    Run& run = runs_[runs];
    run.frames = header_size == 0 ? uint16_t{1} : RunLength(frames + i, count - i, header_size);
    iovec* const first = vector;
    vector = AddRun(frames + i, &run, header_size, vector);
    messages_[runs].msg_hdr.msg_iov = first;
    messages_[runs].msg_hdr.msg_iovlen = static_cast<size_t>(vector - first);
    i = static_cast<uint16_t>(i + run.frames);
    ++runs;
  }
  return runs;
}

// How many frames, from the first on, can leave as one.
uint16_t SegmentSender::RunLength(rte_mbuf* const* frames, uint16_t count,
                                  size_t header_size) const {
  const size_t size = rte_pktmbuf_pkt_len(frames[0]) - header_size;
  const size_t limit = most_bytes_.load(std::memory_order_relaxed);
  const size_t payload =
      std::min(wire::kMaxJoinedPayload, limit - std::min(limit, header_size + 1));
  const auto most = static_cast<uint16_t>(
      std::min<size_t>({count, wire::kMaxSegments, most_frames_.load(std::memory_order_relaxed),
                        payload / std::max<size_t>(size, 1)}));
  const uint8_t* const headers = FirstBytes(frames[0]).data();
  uint16_t length = 1;
  while (length < most) {
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

// Writes the vectors of one message from `vector` on, and returns what follows the last.
iovec* SegmentSender::AddRun(rte_mbuf* const* frames, Run* run, size_t header_size, iovec* vector) {
  run->bytes = 0;
  run->offload = {};
  *vector++ = {&run->offload, sizeof(run->offload)};
  size_t skip = 0;  // bytes of each frame's own headers, where the joined frame has headers for all
  if (run->frames > 1) {
    skip = header_size;
    *vector++ = {run->headers.data(), header_size};
  }
  size_t payload = 0;
  for (uint16_t i = 0; i < run->frames; ++i) {
    run->bytes += rte_pktmbuf_pkt_len(frames[i]);
    payload += rte_pktmbuf_pkt_len(frames[i]) - skip;
    size_t passed = skip;
    for (rte_mbuf* part = frames[i]; part != nullptr; part = part->next) {
      if (part->data_len > passed) {
        *vector++ = {rte_pktmbuf_mtod_offset(part, void*, passed), part->data_len - passed};
      }
      passed -= std::min<size_t>(passed, part->data_len);
    }
  }
  if (run->frames > 1) {
    wire::WriteSegmentHeaders(FirstBytes(frames[0]).data(), header_size, payload,
                              run->headers.data());
    run->offload.flags = OffloadHeader::kNeedsChecksum;
    run->offload.kind = OffloadHeader::kUdpSegments;
    run->offload.headers_size = static_cast<uint16_t>(header_size);
    run->offload.segment_size = static_cast<uint16_t>(rte_pktmbuf_pkt_len(frames[0]) - header_size);
    run->offload.checksum_start = static_cast<uint16_t>(header_size - 8);
    run->offload.checksum_offset = wire::kUdpChecksumOffset;
  }
  return vector;
}

}  // namespace warp::lcore
