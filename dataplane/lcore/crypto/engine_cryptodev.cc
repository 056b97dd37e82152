#include "dataplane/lcore/crypto/engine_cryptodev.h"

#include <rte_cryptodev.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/lcore/crypto/device_sessions.h"
#include "dataplane/lcore/memory/pool.h"
#include "dataplane/lcore/port/device.h"

namespace warp::lcore {
namespace {

static_assert((kCryptoDepth & (kCryptoDepth - 1)) == 0);

// Stands behind an operation's own fields.
struct Behind {
  std::array<uint8_t, kNonceSize> nonce;  // 32 zero bits, and the counter
  uint32_t slot;
};

Behind* BehindOf(rte_crypto_op* op) { return rte_crypto_op_ctod_offset(op, Behind*, kNonceAt); }

// Jobs go into slots in the order of submission, and come out of them in that order, whatever the order in which the
// device finishes them.
class CryptodevEngine : public wire::AeadEngine {
 public:
  CryptodevEngine(std::string name, uint8_t device, uint16_t queue,
                  std::unique_ptr<wire::AeadEngine> cpu, PoolPtr ops, PoolPtr mbufs)
      : name_(std::move(name)),
        device_(device),
        queue_(queue),
        cpu_(std::move(cpu)),
        ops_pool_(std::move(ops)),
        mbufs_pool_(std::move(mbufs)) {}

  // Gives each slot its operation and its buffer, for good. False if a pool lacks them.
  bool Fill() {
    if (rte_crypto_op_bulk_alloc(ops_pool_.get(), RTE_CRYPTO_OP_TYPE_SYMMETRIC, ops_.data(),
                                 kCryptoDepth) != kCryptoDepth ||
        rte_pktmbuf_alloc_bulk(mbufs_pool_.get(), mbufs_.data(), kCryptoDepth) != 0) {
      return false;
    }
    for (uint32_t slot = 0; slot < kCryptoDepth; ++slot) {
      ops_[slot]->sess_type = RTE_CRYPTO_OP_WITH_SESSION;
      BehindOf(ops_[slot])->slot = slot;
      BehindOf(ops_[slot])->nonce.fill(0);
    }
    return true;
  }

  absl::string_view name() const override { return name_; }

  size_t Submit(wire::Direction direction, std::span<wire::AeadJob> jobs) override {
    // The CPU's engine forgets keys that have ended when it is called next, which else may be never.
    if (jobs.empty()) cpu_->Submit(direction, {});
    const size_t taken = std::min<size_t>(jobs.size(), kCryptoDepth - (tail_ - head_));
    size_t i = 0;
    while (i < taken) {
      uint16_t ready = 0;
      std::array<rte_crypto_op*, kCryptoDepth> burst;
      const size_t first = i;
      for (; i < taken; ++i) {
        void* const session = SessionOf(direction, jobs[i]);
        if (session == nullptr) break;
        burst[ready++] = Prepare(jobs[i], tail_ + (i - first), session);
      }
      const uint16_t sent = ready > 0
                                ? rte_cryptodev_enqueue_burst(device_, queue_, burst.data(), ready)
                                : uint16_t{0};
      for (uint16_t n = 0; n < sent; ++n) Occupy(direction, jobs[first + n], false);
      // The device is full: the caller submits the other jobs again after it has collected some.
      if (sent < ready) return first + sent;
      if (i < taken) {
        RunOnCpu(direction, jobs[i]);
        Occupy(direction, jobs[i++], true);
      }
    }
    return taken;
  }

  size_t Collect(std::span<wire::AeadJob*> done) override {
    std::array<rte_crypto_op*, 32> burst;
    const uint16_t got =
        tail_ != head_ ? rte_cryptodev_dequeue_burst(device_, queue_, burst.data(), burst.size())
                       : uint16_t{0};
    for (uint16_t i = 0; i < got; ++i) Finish(burst[i]);
    size_t moved = 0;
    for (; moved < done.size() && head_ != tail_ && slots_[head_ % kCryptoDepth].done; ++head_) {
      done[moved++] = slots_[head_ % kCryptoDepth].job;
    }
    return moved;
  }

 private:
  struct Slot {
    wire::AeadJob* job = nullptr;
    wire::Direction direction = wire::Direction::kSeal;
    bool done = false;
  };

  void* SessionOf(wire::Direction direction, const wire::AeadJob& job) const {
    const auto* key = static_cast<const DeviceSessions*>(job.key->device_key());
    // Devices differ in whether they take an empty text.
    return key != nullptr && job.text_size > 0 ? key->session(direction) : nullptr;
  }

  rte_crypto_op* Prepare(const wire::AeadJob& job, size_t position, void* session) {
    const size_t slot = position % kCryptoDepth;
    rte_crypto_op* const op = ops_[slot];
    rte_mbuf* const mbuf = mbufs_[slot];
    // The operation works on the text where it is: devices use our virtual addresses (--iova-mode=va).
    mbuf->buf_addr = job.text;
    rte_mbuf_iova_set(mbuf, reinterpret_cast<rte_iova_t>(job.text));
    mbuf->data_off = 0;
    mbuf->buf_len = static_cast<uint16_t>(job.text_size + wire::kTagSize);
    mbuf->data_len = mbuf->buf_len;
    mbuf->pkt_len = mbuf->buf_len;
    op->status = RTE_CRYPTO_OP_STATUS_NOT_PROCESSED;
    const wire::Le64 counter(job.counter);
    std::memcpy(BehindOf(op)->nonce.data() + 4, &counter, sizeof(counter));
    op->sym->m_src = mbuf;
    op->sym->m_dst = nullptr;
    op->sym->session = session;
    op->sym->aead.data.offset = 0;
    op->sym->aead.data.length = job.text_size;
    op->sym->aead.digest.data = job.text + job.text_size;
    op->sym->aead.digest.phys_addr = reinterpret_cast<rte_iova_t>(job.text + job.text_size);
    op->sym->aead.aad.data = const_cast<uint8_t*>(job.header);
    op->sym->aead.aad.phys_addr = reinterpret_cast<rte_iova_t>(job.header);
    return op;
  }

  void Occupy(wire::Direction direction, wire::AeadJob& job, bool done) {
    assert(tail_ - head_ < kCryptoDepth);
    slots_[tail_++ % kCryptoDepth] = {.job = &job, .direction = direction, .done = done};
  }

  void RunOnCpu(wire::Direction direction, wire::AeadJob& job) {
    cpu_->Submit(direction, {&job, 1});  // this engine has done the job when Submit returns
    wire::AeadJob* done = nullptr;
    cpu_->Collect({&done, 1});
  }

  void Finish(rte_crypto_op* op) {
    Slot& slot = slots_[BehindOf(op)->slot];
    assert(slot.job != nullptr && !slot.done);
    const bool good = op->status == RTE_CRYPTO_OP_STATUS_SUCCESS;
    wire::AeadJob& job = *slot.job;
    if (slot.direction == wire::Direction::kOpen) job.authentic = good;
    // A text that is not authentic is shown to nobody, and one that was not sealed never leaves in clear.
    if (!good) {
      const size_t tag = slot.direction == wire::Direction::kSeal ? wire::kTagSize : 0;
      sodium_memzero(job.text, job.text_size + tag);
    }
    slot.done = true;
  }

  const std::string name_;
  const uint8_t device_;
  const uint16_t queue_;
  const std::unique_ptr<wire::AeadEngine> cpu_;
  const PoolPtr ops_pool_;
  const PoolPtr mbufs_pool_;
  std::array<rte_crypto_op*, kCryptoDepth> ops_{};
  std::array<rte_mbuf*, kCryptoDepth> mbufs_{};
  std::array<Slot, kCryptoDepth> slots_{};
  size_t head_ = 0;  // jobs ever collected
  size_t tail_ = 0;  // jobs ever submitted
};

}  // namespace

absl::StatusOr<std::unique_ptr<wire::AeadEngine>> MakeCryptodevEngine(const std::string& name,
                                                                      uint8_t device,
                                                                      uint16_t queue) {
  absl::StatusOr<std::unique_ptr<wire::AeadEngine>> cpu = wire::MakeEngine(wire::EngineKind::kAuto);
  if (!cpu.ok()) return cpu;
  static unsigned count = 0;
  const unsigned number = count++;
  PoolPtr ops(rte_crypto_op_pool_create(absl::StrCat("warp_ops", number).c_str(),
                                        RTE_CRYPTO_OP_TYPE_SYMMETRIC, kCryptoDepth, 0,
                                        sizeof(Behind), SOCKET_ID_ANY));
  PoolPtr mbufs(rte_pktmbuf_pool_create(absl::StrCat("warp_texts", number).c_str(), kCryptoDepth, 0,
                                        0, 0, SOCKET_ID_ANY));
  if (ops == nullptr || mbufs == nullptr) {
    return DeviceError(absl::StrCat(name, ": a worker's operations"), rte_errno);
  }
  auto engine = std::make_unique<CryptodevEngine>(name, device, queue, *std::move(cpu),
                                                  std::move(ops), std::move(mbufs));
  if (!engine->Fill()) return absl::ResourceExhaustedError(absl::StrCat(name, ": no operations"));
  return engine;
}

}  // namespace warp::lcore
