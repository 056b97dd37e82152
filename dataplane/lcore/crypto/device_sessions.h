// A key's two sessions in a crypto device, and where an operation of such a session finds its nonce.
#ifndef WARP_DATAPLANE_LCORE_CRYPTO_DEVICE_SESSIONS_H_
#define WARP_DATAPLANE_LCORE_CRYPTO_DEVICE_SESSIONS_H_

#include <rte_crypto.h>
#include <rte_cryptodev.h>
#include <rte_mempool.h>
#include <sodium.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "dataplane/lcore/crypto/crypto_device.h"
#include "dataplane/wire/crypto/aead.h"

namespace warp::lcore {

inline constexpr uint16_t kNonceSize = 12;
// The nonce stands behind an operation's own fields.
inline constexpr uint16_t kNonceAt = sizeof(rte_crypto_op) + sizeof(rte_crypto_sym_op);

class DeviceSessions : public wire::DeviceKey {
 public:
  DeviceSessions(std::shared_ptr<CryptoDevice> device, uint8_t id, void* seal, void* open)
      : device_(std::move(device)), id_(id), seal_(seal), open_(open) {}
  ~DeviceSessions() override {
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

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_CRYPTO_DEVICE_SESSIONS_H_
