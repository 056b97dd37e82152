#include "map-server/server/shared_store.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "map-server/server/redis_transport.h"

namespace warp::map {
namespace {

const char* StateName(Link::State state) {
  switch (state) {
    case Link::State::kWaiting:
      return "away";
    case Link::State::kAsking:
      return "asking a sentinel";
    case Link::State::kConnecting:
    case Link::State::kGreeting:
      return "connecting";
    case Link::State::kUp:
      return "up";
  }
  return "";
}

RedisStore::Options OptionsOf(const config::StoreConfig& config,
                              const MemoryStore::Limits& limits) {
  RedisStore::Options options;
  options.limits = limits;
  options.prefix = config.prefix;
  for (const config::HostPort& server : config.redis)
    options.link.servers.push_back(server.ToString());
  options.link.sentinel = config.sentinel;
  options.link.user = config.user;
  options.link.password = config.password;
  options.link.sentinel_password = config.sentinel_password;
  options.link.timeout = config.timeout;
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SharedStore>> SharedStore::Open(control::Loop& loop,
                                                               const config::MapConfig& config,
                                                               const MemoryStore::Limits& limits) {
  std::unique_ptr<SharedStore> shared(new SharedStore(loop));
  const config::StoreConfig& store = *config.store;
  if (store.tls.has_value()) {
    absl::StatusOr<std::unique_ptr<TlsClient>> tls = TlsClient::Open(*store.tls);
    if (!tls.ok()) return tls.status();
    shared->tls_ = *std::move(tls);
  }
  const MakeTransport make = [&self = *shared](Transport::Events events) {
    return std::make_unique<RedisTransport>(self.loop_, self.resolver_, self.tls_.get(),
                                            std::move(events));
  };
  shared->store_ = std::make_unique<RedisStore>(OptionsOf(store, limits), config.private_key, make);
  return shared;
}

absl::Status SharedStore::Start() {
  absl::StatusOr<std::unique_ptr<control::Resolver>> resolver = control::Resolver::Open(loop_);
  if (!resolver.ok()) return resolver.status();
  resolver_owner_ = *std::move(resolver);
  resolver_ = resolver_owner_.get();
  return absl::OkStatus();
}

nlohmann::json StoreStatus(const SharedStore* shared) {
  const RedisStore* const store = shared == nullptr ? nullptr : &shared->store();
  const RedisStore::Counts counts = store == nullptr ? RedisStore::Counts{} : store->counts();
  // The worse of the two connections, in the order of Link::State.
  const Link* const link = store == nullptr ? nullptr
                           : store->feed().link().state() < store->link().state()
                               ? &store->feed().link()
                               : &store->link();
  return {{"kind", store == nullptr ? "memory" : "redis"},
          {"state", link == nullptr ? "up" : StateName(link->state())},
          {"server", link == nullptr ? "" : link->server()},
          {"error", link == nullptr ? "" : link->error()},
          {"connections",
           store == nullptr ? 0 : store->link().times_up() + store->feed().link().times_up()},
          {"waiting", store == nullptr ? 0 : store->link().waiting()},
          {"unsaved", counts.unsaved},
          {"questions_lost", counts.questions_lost},
          {"values_foreign", counts.values_foreign},
          {"writes_refused", counts.writes_refused},
          {"changes", counts.changes},
          {"changes_missed", counts.changes_missed}};
}

}  // namespace warp::map
