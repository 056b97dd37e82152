// A map's registrations in redis: the pure RedisStore, with sockets, names and TLS around it.
#ifndef WARP_MAP_SERVER_SERVER_SHARED_STORE_H_
#define WARP_MAP_SERVER_SERVER_SHARED_STORE_H_

#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "absl/status/statusor.h"
#include "control/config/map_config.h"
#include "control/loop/loop.h"
#include "control/loop/resolver.h"
#include "map-server/redis/redis_store.h"
#include "map-server/server/tls_client.h"

namespace warp::map {

class SharedStore {
 public:
  // Of a configuration with a `store`. It connects from the first Expire on.
  static absl::StatusOr<std::unique_ptr<SharedStore>> Open(control::Loop& loop,
                                                           const config::MapConfig& config,
                                                           const MemoryStore::Limits& limits);

  // Starts the threads that resolve names: after signals were blocked, and before the first Expire.
  absl::Status Start();

  RedisStore& store() const { return *store_; }

 private:
  explicit SharedStore(control::Loop& loop) : loop_(loop) {}

  control::Loop& loop_;
  std::unique_ptr<TlsClient> tls_;
  std::unique_ptr<control::Resolver> resolver_owner_;
  control::Resolver* resolver_ = nullptr;
  std::unique_ptr<RedisStore> store_;
};

// What `warp status` says of the store; null: that in this process's memory.
nlohmann::json StoreStatus(const SharedStore* shared);

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SERVER_SHARED_STORE_H_
