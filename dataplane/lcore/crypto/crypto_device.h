// A crypto device of DPDK's: look-aside hardware (QAT and others), or one of its software drivers.
//
// Each worker has a queue pair, and works on it through its engine (engine_cryptodev.h). Each key has one session in
// the device for each direction (device_sessions.h), which control makes when it makes the key.
#ifndef WARP_DATAPLANE_LCORE_CRYPTO_CRYPTO_DEVICE_H_
#define WARP_DATAPLANE_LCORE_CRYPTO_CRYPTO_DEVICE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/lcore/memory/pool.h"
#include "dataplane/wire/crypto/aead.h"

namespace warp::lcore {

class CryptoDevice : public wire::KeyDevice, public std::enable_shared_from_this<CryptoDevice> {
 public:
  // `device` is a PCI address ("0000:3d:01.0") or a virtual device with its arguments ("crypto_aesni_gcm0"). Prepares
  // `workers` queue pairs. Control thread, after InitEal. NotFound where there is no such device, FailedPrecondition
  // where the device lacks queue pairs or both ciphers.
  static absl::StatusOr<std::shared_ptr<CryptoDevice>> Open(const std::string& device,
                                                            uint16_t workers);
  ~CryptoDevice() override;  // runs when the last key is gone, since keys share the device
  CryptoDevice(const CryptoDevice&) = delete;
  CryptoDevice& operator=(const CryptoDevice&) = delete;

  std::unique_ptr<wire::DeviceKey> Expand(wire::Cipher cipher,
                                          const wire::SymmetricKey& key) override;
  // The engine of one worker; it must not outlive the device.
  absl::StatusOr<std::unique_ptr<wire::AeadEngine>> MakeEngine(uint16_t worker);

  // "cryptodev crypto_aesni_gcm0"
  const std::string& name() const { return name_; }

 private:
  CryptoDevice(uint8_t id, std::string name) : id_(id), name_(std::move(name)) {}
  absl::Status Prepare(uint16_t workers);
  bool Has(wire::Cipher cipher) const;

  const uint8_t id_;
  const std::string name_;
  PoolPtr sessions_;
};

// True for a PCI address, for which EAL must look at that bus.
bool IsPciCryptoDevice(const std::string& device);

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_CRYPTO_CRYPTO_DEVICE_H_
