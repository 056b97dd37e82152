#include "dataplane/lcore/crypto/engine_cryptodev.h"

#include <rte_bus_vdev.h>
#include <rte_cryptodev.h>
#include <rte_dev.h>
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
#include "dataplane/lcore/memory/eal_log.h"
#include "dataplane/lcore/port/device.h"

namespace warp::lcore {
namespace {

constexpr uint32_t kSessions = 2048;  // two for each key; the CPU serves keys beyond that
constexpr uint16_t kDepth = 256;      // jobs of a worker under way, a power of two
static_assert((kDepth & (kDepth - 1)) == 0);
constexpr size_t kNonceSize = 12;
constexpr uint16_t kNonceAt = sizeof(rte_crypto_op) + sizeof(rte_crypto_sym_op);

// Stands behind an operation's own fields.
struct Behind {
  std::array<uint8_t, kNonceSize> nonce;  // 32 zero bits, and the counter
  uint32_t slot;
};

Behind* BehindOf(rte_crypto_op* op) { return rte_crypto_op_ctod_offset(op, Behind*, kNonceAt); }

rte_crypto_aead_algorithm AlgorithmOf(wire::Cipher cipher) {
  return cipher == wire::Cipher::kAes256Gcm ? RTE_CRYPTO_AEAD_AES_GCM
                                            : RTE_CRYPTO_AEAD_CHACHA20_POLY1305;
}

class SessionPair : public wire::DeviceKey {
 public:
  SessionPair(std::shared_ptr<CryptoDevice> device, uint8_t id, void* seal, void* open)
      : device_(std::move(device)), id_(id), seal_(seal), open_(open) {}
  ~SessionPair() override {
    for (void* session : {seal_, open_}) Free(id_, session);
  }

  void* session(wire::Direction direction) const {
    return direction == wire::Direction::kSeal ? seal_ : open_;
  }

  // Sessions come and go on the control thread alone, so that no other takes this one out of the pool before it is
  // wiped. Its first bytes name pool and driver, and are read before that.
  static void Free(uint8_t device, void* session) {
    if (session == nullptr) return;
    const size_t size = rte_mempool_from_obj(session)->elt_size;
    rte_cryptodev_sym_session_free(device, session);
    sodium_memzero(session, size);
  }

 private:
  const std::shared_ptr<CryptoDevice> device_;
  const uint8_t id_;
  void* const seal_;
  void* const open_;
};

// Jobs go into slots in the order of submission, and come out of them in that order, whatever the order in which the
// device finishes them.
class CryptodevEngine : public wire::AeadEngine {
 public:
  CryptodevEngine(const CryptoDevice& device, uint8_t id, uint16_t queue,
                  std::unique_ptr<wire::AeadEngine> cpu, PoolPtr ops, PoolPtr mbufs)
      : name_(device.name()),
        device_(id),
        queue_(queue),
        cpu_(std::move(cpu)),
        ops_pool_(std::move(ops)),
        mbufs_pool_(std::move(mbufs)) {}

  // Gives each slot its operation and its buffer, for good. False if a pool lacks them.
  bool Fill() {
    if (rte_crypto_op_bulk_alloc(ops_pool_.get(), RTE_CRYPTO_OP_TYPE_SYMMETRIC, ops_.data(),
                                 kDepth) != kDepth ||
        rte_pktmbuf_alloc_bulk(mbufs_pool_.get(), mbufs_.data(), kDepth) != 0) {
      return false;
    }
    for (uint32_t slot = 0; slot < kDepth; ++slot) {
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
    const size_t taken = std::min<size_t>(jobs.size(), kDepth - (tail_ - head_));
    size_t i = 0;
    while (i < taken) {
      uint16_t ready = 0;
      std::array<rte_crypto_op*, kDepth> burst;
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
    for (; moved < done.size() && head_ != tail_ && slots_[head_ % kDepth].done; ++head_) {
      done[moved++] = slots_[head_ % kDepth].job;
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
    const auto* key = static_cast<const SessionPair*>(job.key->device_key());
    // Devices differ in whether they take an empty text.
    return key != nullptr && job.text_size > 0 ? key->session(direction) : nullptr;
  }

  rte_crypto_op* Prepare(const wire::AeadJob& job, size_t position, void* session) {
    const size_t slot = position % kDepth;
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
    assert(tail_ - head_ < kDepth);
    slots_[tail_++ % kDepth] = {.job = &job, .direction = direction, .done = done};
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
  std::array<rte_crypto_op*, kDepth> ops_{};
  std::array<rte_mbuf*, kDepth> mbufs_{};
  std::array<Slot, kDepth> slots_{};
  size_t head_ = 0;  // jobs ever collected
  size_t tail_ = 0;  // jobs ever submitted
};

std::string NewPoolName(const char* what) {
  static unsigned count = 0;
  return absl::StrCat("warp_", what, count++);
}

}  // namespace

bool IsPciCryptoDevice(const std::string& device) {
  return device.find(':') != std::string::npos && device.find('_') == std::string::npos;
}

absl::StatusOr<std::shared_ptr<CryptoDevice>> CryptoDevice::Open(const std::string& device,
                                                                 uint16_t workers) {
  const size_t comma = device.find(',');
  const std::string plain = device.substr(0, comma);
  const std::string arguments = comma == std::string::npos ? "" : device.substr(comma + 1);
  const std::string bus = IsPciCryptoDevice(device) ? "pci" : "vdev";
  ClearEalLog();
  const int plugged = rte_eal_hotplug_add(bus.c_str(), plain.c_str(), arguments.c_str());
  if (plugged != 0 && plugged != -EEXIST) {
    return DeviceError(absl::StrCat("crypto_device ", device), plugged);
  }
  int id = rte_cryptodev_get_dev_id(plain.c_str());
  // The driver may have given a PCI device a longer name.
  for (uint8_t other = 0; id < 0 && other < RTE_CRYPTO_MAX_DEVS; ++other) {
    if (rte_cryptodev_is_valid_dev(other) == 0) continue;
    if (absl::string_view(rte_cryptodev_name_get(other)).find(plain) != absl::string_view::npos)
      id = other;
  }
  if (id < 0)
    return absl::NotFoundError(absl::StrCat("crypto_device ", device, " is no crypto device"));
  std::shared_ptr<CryptoDevice> result(
      new CryptoDevice(static_cast<uint8_t>(id), absl::StrCat("cryptodev ", plain)));
  if (absl::Status status = result->Prepare(workers); !status.ok()) return status;
  return result;
}

// Makes a pool of sessions. DPDK calls the function experimental, and so deprecated, before 23.03.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
rte_mempool* NewSessionPool(const std::string& name, uint32_t sessions, uint32_t size) {
  return rte_cryptodev_sym_session_pool_create(name.c_str(), sessions, size, 0, 0, SOCKET_ID_ANY);
}
#pragma GCC diagnostic pop

absl::Status CryptoDevice::Prepare(uint16_t workers) {
  rte_cryptodev_info info;
  rte_cryptodev_info_get(id_, &info);
  if (!Has(wire::Cipher::kAes256Gcm) && !Has(wire::Cipher::kChaCha20Poly1305)) {
    return absl::FailedPreconditionError(
        absl::StrCat(name_, " has neither AES-256-GCM nor ChaCha20-Poly1305"));
  }
  if (info.max_nb_queue_pairs < workers) {
    return absl::FailedPreconditionError(absl::StrCat(name_, " has ", info.max_nb_queue_pairs,
                                                      " queue pairs for ", workers, " workers"));
  }
  const uint32_t size = rte_cryptodev_sym_get_private_session_size(id_);
  sessions_.reset(NewSessionPool(NewPoolName("sessions"), kSessions, size));
  if (sessions_ == nullptr) return DeviceError(absl::StrCat(name_, ": sessions"), rte_errno);
  rte_cryptodev_config config{
      .socket_id = SOCKET_ID_ANY, .nb_queue_pairs = workers, .ff_disable = 0};
  if (const int failed = rte_cryptodev_configure(id_, &config); failed != 0) {
    return DeviceError(absl::StrCat(name_, ": set-up"), failed);
  }
  const rte_cryptodev_qp_conf queue{.nb_descriptors = 2 * kDepth, .mp_session = sessions_.get()};
  for (uint16_t worker = 0; worker < workers; ++worker) {
    if (const int failed = rte_cryptodev_queue_pair_setup(id_, worker, &queue, SOCKET_ID_ANY);
        failed != 0) {
      return DeviceError(absl::StrCat(name_, ": queue pair ", worker), failed);
    }
  }
  if (const int failed = rte_cryptodev_start(id_); failed != 0) {
    return DeviceError(absl::StrCat(name_, ": start"), failed);
  }
  return absl::OkStatus();
}

CryptoDevice::~CryptoDevice() {
  rte_cryptodev_stop(id_);
  rte_cryptodev_close(id_);
}

bool CryptoDevice::Has(wire::Cipher cipher) const {
  rte_cryptodev_sym_capability_idx index{};
  index.type = RTE_CRYPTO_SYM_XFORM_AEAD;
  index.algo.aead = AlgorithmOf(cipher);
  const rte_cryptodev_symmetric_capability* capability =
      rte_cryptodev_sym_capability_get(id_, &index);
  return capability != nullptr &&
         rte_cryptodev_sym_capability_check_aead(capability, wire::kKeySize, wire::kTagSize,
                                                 wire::kDataHeaderSize, kNonceSize) == 0;
}

std::unique_ptr<wire::DeviceKey> CryptoDevice::Expand(wire::Cipher cipher,
                                                      const wire::SymmetricKey& key) {
  if (!Has(cipher)) return nullptr;
  const auto create = [&](rte_crypto_aead_operation operation) {
    rte_crypto_sym_xform form{};
    form.type = RTE_CRYPTO_SYM_XFORM_AEAD;
    form.aead.op = operation;
    form.aead.algo = AlgorithmOf(cipher);
    form.aead.key = {.data = key.bytes().data(), .length = wire::kKeySize};
    form.aead.iv = {.offset = kNonceAt, .length = kNonceSize};
    form.aead.digest_length = wire::kTagSize;
    form.aead.aad_length = wire::kDataHeaderSize;
    return rte_cryptodev_sym_session_create(id_, &form, sessions_.get());
  };
  void* const seal = create(RTE_CRYPTO_AEAD_OP_ENCRYPT);
  void* const open = seal != nullptr ? create(RTE_CRYPTO_AEAD_OP_DECRYPT) : nullptr;
  if (open == nullptr) {
    SessionPair::Free(id_, seal);
    return nullptr;
  }
  return std::make_unique<SessionPair>(shared_from_this(), id_, seal, open);
}

absl::StatusOr<std::unique_ptr<wire::AeadEngine>> CryptoDevice::MakeEngine(uint16_t worker) {
  absl::StatusOr<std::unique_ptr<wire::AeadEngine>> cpu = wire::MakeEngine(wire::EngineKind::kAuto);
  if (!cpu.ok()) return cpu;
  PoolPtr ops(rte_crypto_op_pool_create(NewPoolName("ops").c_str(), RTE_CRYPTO_OP_TYPE_SYMMETRIC,
                                        kDepth, 0, sizeof(Behind), SOCKET_ID_ANY));
  PoolPtr mbufs(
      rte_pktmbuf_pool_create(NewPoolName("texts").c_str(), kDepth, 0, 0, 0, SOCKET_ID_ANY));
  if (ops == nullptr || mbufs == nullptr) {
    return DeviceError(absl::StrCat(name_, ": a worker's operations"), rte_errno);
  }
  auto engine = std::make_unique<CryptodevEngine>(*this, id_, worker, *std::move(cpu),
                                                  std::move(ops), std::move(mbufs));
  if (!engine->Fill()) return absl::ResourceExhaustedError(absl::StrCat(name_, ": no operations"));
  return engine;
}

}  // namespace warp::lcore
