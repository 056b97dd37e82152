// Measures the way out, from control's ring to null ports, and the parts of which it consists.
#include <rte_mbuf.h>

#include "absl/strings/str_cat.h"
#include "dataplane/lcore/exchange/ring.h"
#include "perf/bench_node.h"
#include "perf/engine/bare_cipher.h"
#include "perf/engine/engine_suite.h"

namespace warp::perf {
namespace {

using lcore::kBurst;

std::vector<std::string> NullPorts(size_t count) {
  std::vector<std::string> devices;
  for (size_t i = 0; i < count; ++i) devices.push_back(UniqueName("net_null") + ",no-rx=1");
  return devices;
}

class SendCase {
 public:
  SendCase(size_t ports, size_t remotes, const std::string& size)
      : copies_(ports * remotes),
        sizes_(SizesOf(size)),
        node_({.devices = NullPorts(ports),
               .remotes = remotes,
               .session = MakeSessions(wire::Cipher::kAes256Gcm).sender,
               .max_mtu = static_cast<uint16_t>(size == "8900" ? 9000 : 1500)}),
        frame_(node_.FrameFrom(0)),
        payloads_(kSample) {}

  EngineCase Case() {
    return {.whole = [this] { return Whole(); },
            .bare = {{"cipher", [this] { return Cipher(); }},
                     {"copies", [this] { return Copies(); }},
                     {"ring", [this] { return Rings(); }}},
            .stages = &node_.worker().stages()};
  }

 private:
  double Whole() {
    node_.Submit(sizes_);
    const uint64_t begin = Cycles();
    for (size_t i = 0; i < kSample; i += kBurst) node_.worker().RunOnce();
    const uint64_t end = Cycles();
    if (node_.Drain() != kSample) std::abort();
    return PerPayload(begin, end);
  }

  double Cipher() {
    Allocate();
    const uint64_t begin = Cycles();
    for (size_t i = 0; i < kSample; ++i) {
      cipher_.Seal(rte_pktmbuf_mtod(payloads_[i], uint8_t*), sizes_[i], counter_++);
    }
    const uint64_t end = Cycles();
    rte_pktmbuf_free_bulk(payloads_.data(), kSample);
    return PerPayload(begin, end);
  }

  // Measures headers with references, or linear copies, and the driver's part, which frees each.
  double Copies() {
    Allocate();
    const uint64_t begin = Cycles();
    for (size_t i = 0; i < kSample; i += kBurst) {
      for (size_t k = i; k < i + kBurst; ++k) {
        if (copies_ == 1) {
          InPlace(payloads_[k]);
        } else if (rte_pktmbuf_data_len(payloads_[k]) >= lcore::kReferenceFrom) {
          References(payloads_[k]);
        } else {
          LinearCopies(payloads_[k]);
        }
      }
      for (size_t k = 0; k < queued_; ++k) rte_pktmbuf_free(queue_[k]);
      queued_ = 0;
    }
    const uint64_t end = Cycles();
    return PerPayload(begin, end);
  }

  // Measures the worker's ends of two rings: payloads come from control, and completions go to it.
  double Rings() {
    for (rte_mbuf*& payload : payloads_) payload_ring_.Push(payload);
    const uint64_t begin = Cycles();
    for (size_t i = 0; i < kSample; i += kBurst) {
      payload_ring_.Pop(std::span(payloads_).subspan(i, kBurst));
      report_ring_.Push(reports_);
    }
    const uint64_t end = Cycles();
    while (report_ring_.Pop(reports_) > 0) {
    }
    return PerPayload(begin, end);
  }

  void Allocate() {
    for (size_t i = 0; i < kSample; ++i) {
      payloads_[i] = rte_pktmbuf_alloc(payload_pool());
      rte_pktmbuf_append(payloads_[i], static_cast<uint16_t>(sizes_[i] + wire::kMinSealedSize));
    }
  }
  void InPlace(rte_mbuf* payload) {
    const uint16_t size = rte_pktmbuf_data_len(payload);
    wire::WriteFrameHeader(frame_, size, 0,
                           reinterpret_cast<uint8_t*>(rte_pktmbuf_prepend(payload, frame_.size)));
    queue_[queued_++] = payload;
  }
  void References(rte_mbuf* payload) {
    const uint16_t size = rte_pktmbuf_data_len(payload);
    rte_mbuf** headers = &queue_[queued_];
    if (rte_pktmbuf_alloc_bulk(header_pool(), headers, static_cast<unsigned>(copies_)) != 0)
      std::abort();
    rte_mbuf_refcnt_set(payload, static_cast<uint16_t>(copies_));
    for (size_t i = 0; i < copies_; ++i) {
      wire::WriteFrameHeader(
          frame_, size, 0,
          reinterpret_cast<uint8_t*>(rte_pktmbuf_prepend(headers[i], frame_.size)));
      headers[i]->next = payload;
      headers[i]->nb_segs = 2;
      headers[i]->pkt_len += size;
    }
    queued_ += copies_;
  }
  void LinearCopies(rte_mbuf* payload) {
    const uint16_t size = rte_pktmbuf_data_len(payload);
    rte_mbuf** frames = &queue_[queued_];
    if (rte_pktmbuf_alloc_bulk(frame_pool(), frames, static_cast<unsigned>(copies_)) != 0)
      std::abort();
    for (size_t i = 0; i < copies_; ++i) {
      auto* bytes = reinterpret_cast<uint8_t*>(
          rte_pktmbuf_append(frames[i], static_cast<uint16_t>(frame_.size + size)));
      wire::WriteFrameHeader(frame_, size, 0, bytes);
      std::memcpy(bytes + frame_.size, rte_pktmbuf_mtod(payload, const void*), size);
    }
    queued_ += copies_;
    rte_pktmbuf_free(payload);
  }

  rte_mempool* payload_pool() { return const_cast<rte_mempool*>(node_.plane().payload_pool()); }
  rte_mempool* header_pool() { return const_cast<rte_mempool*>(node_.worker().header_pool()); }
  rte_mempool* frame_pool() { return node_.plane().slot(0).rx_pool.get(); }

  static double PerPayload(uint64_t begin, uint64_t end) {
    return static_cast<double>(end - begin) / kSample;
  }

  const size_t copies_;
  const std::vector<uint16_t> sizes_;
  BenchNode node_;
  const wire::FrameTemplate frame_;
  BareCipher cipher_;
  uint64_t counter_ = 0;
  std::vector<rte_mbuf*> payloads_;
  std::array<rte_mbuf*, size_t{kBurst} * 16> queue_;
  size_t queued_ = 0;
  lcore::Ring<rte_mbuf*> payload_ring_{4096};
  lcore::Ring<lcore::Report> report_ring_{4096};
  std::array<lcore::Report, kBurst> reports_{};
};

}  // namespace

std::vector<uint16_t> SizesOf(const std::string& name) {
  std::vector<uint16_t> sizes(kSample);
  static constexpr std::array<uint16_t, 12> kImix = {64, 570, 64, 64, 570, 1420,
                                                     64, 570, 64, 64, 570, 64};
  for (size_t i = 0; i < kSample; ++i) {
    sizes[i] = name == "imix" ? kImix[i % kImix.size()] : static_cast<uint16_t>(std::stoi(name));
  }
  return sizes;
}

std::vector<std::string> SizeNames(const Effort& effort) {
  if (effort.quick) return {"64", "512", "1420"};
  return {"64", "256", "512", "1024", "1420", "8900", "imix"};
}

void MeasureSending(const Effort& effort, Json* results) {
  for (size_t side = 1; side <= 4; ++side) {
    for (const std::string& size : SizeNames(effort)) {
      const std::string name = absl::StrCat("seal_replicate_", side, "x", side, "_", size);
      if (!effort.Wants(name)) continue;
      SendCase sending(side, side, size);
      (*results)[name] = Measure(sending.Case(), effort.rounds);
    }
  }
}

}  // namespace warp::perf
