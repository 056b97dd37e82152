// Where registrations live. The registry asks and is answered by a call, at once (memory) or later
// (a database shared by several maps): so it keeps nothing of a record beyond the call.
#ifndef WARP_MAP_SERVER_STORE_STORE_H_
#define WARP_MAP_SERVER_STORE_STORE_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "map-server/record.h"

namespace warp::map {

class Store {
 public:
  enum class Put : uint8_t {
    kApplied,
    kStale,         // a registration with a higher order stands
    kFull,          // the store holds as many as it may
    kTooManyPorts,  // this key does
  };

  virtual ~Store() = default;

  // The record of `id`, nullptr where there is none. The pointer lives as long as the call.
  using Found = std::function<void(const Record*)>;
  virtual void Get(const KeyId& id, Found found) = 0;

  // Makes or replaces the registration of (key, port, address family), unless one of a higher order
  // stands there. `record` is nullptr unless applied.
  using PutDone = std::function<void(Put, const Record*)>;
  virtual void PutRegistration(const wire::PublicKey& key, const KeyId& id,
                               Registration registration, PutDone done) = 0;

  // Withdraws a port's registrations (or all: kMapAllPorts) of a lower order.
  virtual void Withdraw(Instant now, const KeyId& id, uint16_t port, Order order) = 0;

  // Replaces the keys that may ask for `id`. `done(false)`: no such record, or the store is full.
  virtual void PutAllow(const KeyId& id, const AllowDigest& digest, std::vector<KeyId> ids,
                        std::function<void(bool)> done) = 0;

  // Drops what expired.
  virtual void Expire(Instant now) = 0;
  // When Expire has work next; Instant::max() for never.
  virtual Instant NextTimeout() const = 0;

  virtual uint64_t registrations() const = 0;

  // Called after the endpoints of a record, or the keys that may ask for it, have changed: by this
  // map or, in a shared store, by another. Not called when a record is gone.
  using Changed = std::function<void(const KeyId&, const Record&)>;
  void SetChanged(Changed changed) { changed_ = std::move(changed); }

 protected:
  void NotifyChanged(const KeyId& id, const Record& record) const {
    if (changed_) changed_(id, record);
  }

 private:
  Changed changed_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_STORE_STORE_H_
