#include "dataplane/lcore/crypto/crypto_device.h"

#include <rte_bus_vdev.h>
#include <rte_cryptodev.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_lcore.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/lcore/crypto/device_sessions.h"
#include "dataplane/lcore/crypto/engine_cryptodev.h"
#include "dataplane/lcore/memory/eal_log.h"
#include "dataplane/lcore/port/device.h"

namespace warp::lcore {
namespace {

constexpr uint32_t kSessions = 2048;  // two for each key; the CPU serves keys beyond that

rte_crypto_aead_algorithm AlgorithmOf(wire::Cipher cipher) {
  return cipher == wire::Cipher::kAes256Gcm ? RTE_CRYPTO_AEAD_AES_GCM
                                            : RTE_CRYPTO_AEAD_CHACHA20_POLY1305;
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
  static unsigned count = 0;
  sessions_.reset(NewSessionPool(absl::StrCat("warp_sessions", count++), kSessions, size));
  if (sessions_ == nullptr) return DeviceError(absl::StrCat(name_, ": sessions"), rte_errno);
  rte_cryptodev_config config{
      .socket_id = SOCKET_ID_ANY, .nb_queue_pairs = workers, .ff_disable = 0};
  if (const int failed = rte_cryptodev_configure(id_, &config); failed != 0) {
    return DeviceError(absl::StrCat(name_, ": set-up"), failed);
  }
  const rte_cryptodev_qp_conf queue{.nb_descriptors = 2 * kCryptoDepth,
                                    .mp_session = sessions_.get()};
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
    DeviceSessions::Free(id_, seal);
    return nullptr;
  }
  return std::make_unique<DeviceSessions>(shared_from_this(), id_, seal, open);
}

absl::StatusOr<std::unique_ptr<wire::AeadEngine>> CryptoDevice::MakeEngine(uint16_t worker) {
  return MakeCryptodevEngine(name_, id_, worker);
}

}  // namespace warp::lcore
