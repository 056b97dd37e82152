// The clients of the map: found by key, ended by time, bounded.
#ifndef WARP_MAP_SERVER_SESSION_CLIENT_TABLE_H_
#define WARP_MAP_SERVER_SESSION_CLIENT_TABLE_H_

#include <cstddef>
#include <list>
#include <memory>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "map-server/session/client.h"

namespace warp::map {

class ClientTable {
 public:
  // `local` outlives this.
  ClientTable(protocol::Local& local, size_t most, Duration rekey_after)
      : local_(local), most_(most), rekey_after_(rekey_after) {}

  Client* Find(const wire::PublicKey& key) const;

  // A new client, for an initiation. It has proved nothing yet: where the table is full the one that was idle for longest
  // goes, and the next newcomer takes the place of this one unless it has been heard from (Touch) by then.
  Client* Make(const wire::PublicKey& key);

  // Something authentic came from it.
  void Touch(Client* client) { idle_.splice(idle_.end(), idle_, client->place); }

  // To be called after every event of a client: schedules its timer, or forgets it where it has no session left.
  void Settle(Client* client);

  Instant NextTimeout() const { return timers_.empty() ? wire::kNever : timers_.begin()->first; }
  // Runs the timers of clients whose time has come, at most `most` of them.
  void HandleTimeout(Instant now, int most, protocol::Outbox& outbox);

  size_t size() const { return clients_.size(); }
  // Longest idle first.
  const std::list<Client*>& clients() const { return idle_; }

 private:
  void Forget(Client* client);

  protocol::Local& local_;
  const size_t most_;
  const Duration rekey_after_;
  uint64_t made_ = 0;
  absl::flat_hash_map<wire::PublicKey, std::unique_ptr<Client>> clients_;
  std::list<Client*> idle_;
  std::set<std::pair<Instant, Client*>> timers_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SESSION_CLIENT_TABLE_H_
