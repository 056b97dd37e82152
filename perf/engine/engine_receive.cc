// Measures the way in: of first copies from a port to control's ring, and of later copies from a port to their end.
#include <rte_ethdev.h>

#include "absl/strings/str_cat.h"
#include "dataplane/wire/message.h"
#include "perf/engine/bare_cipher.h"
#include "perf/engine/engine_suite.h"
#include "perf/engine/frame_source.h"

namespace warp::perf {
namespace {

using lcore::kBurst;

class ReceiveCase {
 public:
  ReceiveCase(FrameSource* source, const std::string& size)
      : source_(*source),
        sizes_(SizesOf(size)),
        sessions_(MakeSessions(wire::Cipher::kAes256Gcm)),
        node_({.devices = {source->device()},
               .session = sessions_.receiver,
               .max_mtu = static_cast<uint16_t>(size == "8900" ? 9000 : 1500)}) {
    rte_eth_dev_get_port_by_name(source->device().c_str(), &device_);
  }

  EngineCase FirstCopies() {
    return {.whole = [this] { return Whole(/*duplicates=*/false); },
            .bare = {{"rx", [this] { return Receive(); }},
                     {"cipher", [this] { return Cipher(); }},
                     {"ring", [this] { return HandOver(); }}},
            .stages = &node_.worker().stages()};
  }
  EngineCase Duplicates() {
    return {.whole = [this] { return Whole(/*duplicates=*/true); },
            .bare = {{"rx", [this] { return Receive(); }}, {"free", [this] { return Free(); }}},
            .stages = &node_.worker().stages()};
  }

 private:
  double Whole(bool duplicates) {
    Prepare();
    if (duplicates) {
      for (uint64_t c = counter_ - kSample; c < counter_; ++c)
        sessions_.receiver->window().Claim(c);
    }
    const uint64_t begin = Cycles();
    for (size_t i = 0; i < kSample; i += kBurst) node_.worker().RunOnce();
    const uint64_t end = Cycles();
    if (node_.Drain() != (duplicates ? 0 : kSample)) std::abort();
    return PerPayload(begin, end);
  }

  double Receive() {
    Prepare();
    const uint64_t begin = Cycles();
    for (size_t i = 0; i < kSample; i += kBurst) rte_eth_rx_burst(device_, 0, &frames_[i], kBurst);
    const uint64_t end = Cycles();
    rte_pktmbuf_free_bulk(frames_.data(), kSample);
    return PerPayload(begin, end);
  }
  double Cipher() {
    Take();
    const uint64_t begin = Cycles();
    for (size_t i = 0; i < kSample; ++i) {
      cipher_.Open(FrameSource::DatagramOf(frames_[i]), sizes_[i], i);
    }
    const uint64_t end = Cycles();
    rte_pktmbuf_free_bulk(frames_.data(), kSample);
    return PerPayload(begin, end);
  }
  double HandOver() {
    Take();
    const uint64_t begin = Cycles();
    for (size_t i = 0; i < kSample; i += kBurst) ring_.Push(std::span(frames_).subspan(i, kBurst));
    const uint64_t end = Cycles();
    ring_.Pop(frames_);
    rte_pktmbuf_free_bulk(frames_.data(), kSample);
    return PerPayload(begin, end);
  }
  double Free() {
    Take();
    const uint64_t begin = Cycles();
    for (size_t i = 0; i < kSample; i += kBurst) rte_pktmbuf_free_bulk(&frames_[i], kBurst);
    const uint64_t end = Cycles();
    return PerPayload(begin, end);
  }

  // Puts sealed frames of fresh counters into the port's ring.
  void Prepare() {
    for (size_t i = 0; i < kSample; ++i) {
      const auto size = static_cast<uint16_t>(sizes_[i] + wire::kMinSealedSize);
      rte_mbuf* frame = FrameSource::MakeFrame(node_, 0, 0, size);
      uint8_t* datagram = FrameSource::DatagramOf(frame);
      const uint64_t counter = *sessions_.sender->ReserveCounters(1);
      wire::WriteDataHeader(
          {.receiver_index = sessions_.sender->remote_index(), .counter = counter}, datagram);
      wire::AeadJob job = {.key = &sessions_.sender->seal_key(),
                           .counter = counter,
                           .header = datagram,
                           .text = datagram + wire::kDataHeaderSize,
                           .text_size = sizes_[i]};
      wire::AeadJob* done = nullptr;
      engine_->Submit(wire::Direction::kSeal, {&job, 1});
      engine_->Collect({&done, 1});
      source_.Put(frame);
    }
    counter_ = sessions_.sender->sent();
  }
  void Take() {
    Prepare();
    for (size_t i = 0; i < kSample; i += kBurst) rte_eth_rx_burst(device_, 0, &frames_[i], kBurst);
  }

  static double PerPayload(uint64_t begin, uint64_t end) {
    return static_cast<double>(end - begin) / kSample;
  }

  FrameSource& source_;
  const std::vector<uint16_t> sizes_;
  const SessionPair sessions_;
  BenchNode node_;
  const std::unique_ptr<wire::AeadEngine> engine_ = *wire::MakeEngine(wire::EngineKind::kAuto);
  BareCipher cipher_;
  uint64_t counter_ = 0;
  uint16_t device_ = 0;
  std::array<rte_mbuf*, kSample> frames_;
  lcore::Ring<rte_mbuf*> ring_{4096};
};

}  // namespace

void MeasureReceiving(const Effort& effort, Json* results) {
  FrameSource source;
  for (const std::string& size : SizeNames(effort)) {
    const std::string first = "open_deliver_" + size, later = "duplicate_drop_" + size;
    if (!effort.Wants(first) && !effort.Wants(later)) continue;
    ReceiveCase receiving(&source, size);
    if (effort.Wants(first)) (*results)[first] = Measure(receiving.FirstCopies(), effort.rounds);
    if (effort.Wants(later)) (*results)[later] = Measure(receiving.Duplicates(), effort.rounds);
  }
}

}  // namespace warp::perf
