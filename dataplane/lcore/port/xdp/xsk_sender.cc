#include "dataplane/lcore/port/xdp/xsk_sender.h"

#include <linux/if_xdp.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <thread>

namespace warp::lcore {
namespace {

uint32_t Load(uint32_t* index) { return std::atomic_ref(*index).load(std::memory_order_acquire); }
void Store(uint32_t* index, uint32_t value) {
  std::atomic_ref(*index).store(value, std::memory_order_release);
}

}  // namespace

XskSender::XskSender(int socket, const XskSendRings& rings, const rte_mempool* pool)
    : socket_(socket),
      rings_(rings),
      umem_(pool),
      produced_(Load(rings.tx.producer)),
      consumed_(Load(rings.completed.consumer)),
      placed_(rings.tx.size) {}

uint32_t XskSender::Waiting() const { return produced_ - Load(rings_.tx.consumer); }

uint16_t XskSender::Send(rte_mbuf** frames, uint16_t count) {
  Reap();
  Flush();
  if (waiting_ > 0) return 0;
  // The kernel sends nothing that it could not tell of in the completion ring.
  const auto taken = static_cast<uint16_t>(
      std::min({uint32_t{count}, rings_.tx.size, rings_.completed.size - out_}));
  if (taken == 0) return 0;
  uint64_t bytes = 0;
  for (uint16_t i = 0; i < taken; ++i) {
    rte_mbuf* const frame = frames[i];
    assert(frame->nb_segs == 1);
    const xdp_desc descriptor = {
        .addr = umem_.AddressOf(frame), .len = rte_pktmbuf_data_len(frame), .options = 0};
    const uint32_t place = PlaceOf(produced_ + i);
    placed_[place] = frame;
    frame->hash.usr = place;  // which is nobody else's while the buffer is out
    std::memcpy(rings_.tx.descriptors + place * sizeof(descriptor), &descriptor,
                sizeof(descriptor));
    bytes += descriptor.len;
  }
  produced_ += taken;
  out_ += taken;
  Store(rings_.tx.producer, produced_);
  packets_.Add(taken);
  bytes_.Add(bytes);
  Kick();
  return taken;
}

// Frees what was sent.
void XskSender::Reap() {
  const uint32_t end = Load(rings_.completed.producer);
  for (; consumed_ != end; ++consumed_) {
    uint64_t address = 0;
    const uint32_t place = consumed_ & (rings_.completed.size - 1);
    std::memcpy(&address, rings_.completed.descriptors + place * sizeof(address), sizeof(address));
    assert(out_ > 0);
    --out_;
    rte_mbuf* const buffer = umem_.BufferAt(address);
    // A frame that came back late may have lost its place to another.
    if (placed_[buffer->hash.usr] == buffer) placed_[buffer->hash.usr] = nullptr;
    rte_pktmbuf_free(buffer);
  }
  Store(rings_.completed.consumer, consumed_);
}

void XskSender::Kick() {
  waiting_ = Waiting();
  uint32_t calls = waiting_ / kBatch + 1;
  // With EBUSY the interface has thrown a frame away, as one without carrier does: the call after it sends the next.
  uint32_t thrown_away = waiting_;
  while (waiting_ > 0 && calls > 0 && thrown_away > 0) {
    const bool sent = send(socket_, nullptr, 0, MSG_DONTWAIT) >= 0;
    waiting_ = Waiting();
    if (!sent && errno == EBUSY) {
      --thrown_away;
    } else if (sent || errno == EAGAIN || errno == EINTR) {
      --calls;
    } else {
      return;  // The interface is down or gone.
    }
  }
}

std::vector<rte_mbuf*> XskSender::Drain(std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  for (Reap(); out_ > 0 && std::chrono::steady_clock::now() < until; Reap()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::vector<rte_mbuf*> left;
  for (uint32_t i = produced_ - Waiting(); i != produced_; ++i) {
    if (placed_[PlaceOf(i)] != nullptr) left.push_back(placed_[PlaceOf(i)]);
  }
  return left;
}

}  // namespace warp::lcore
