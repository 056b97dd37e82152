// The clients of the map. They are found by key, they end by time, and their number is bounded.
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
  // `identity` and `table` outlive this.
  ClientTable(protocol::Identity& identity, protocol::SessionTable& table, size_t most,
              Duration rekey_after)
      : identity_(identity), table_(table), most_(most), rekey_after_(rekey_after) {}

  Client* Find(const wire::PublicKey& key) const;

  // A new client, for an initiation. Where the table is full, the client that was idle for longest goes. The new one
  // has proved nothing yet, so it counts as idle for longest until something authentic comes from it (Touch).
  Client* Make(const wire::PublicKey& key);

  // Something authentic came from it.
  void Touch(Client* client) { idle_.splice(idle_.end(), idle_, client->place); }

  // Call it after every event of a client: it schedules the client's timer, or removes a client that has no session
  // left.
  void Settle(Client* client);

  Instant NextTimeout() const { return timers_.empty() ? wire::kNever : timers_.begin()->first; }
  // Runs the timers that are due, those of `most` clients at most.
  void HandleTimeout(Instant now, int most, protocol::Outbox& outbox);

  size_t size() const { return clients_.size(); }
  // Longest idle first.
  const std::list<Client*>& clients() const { return idle_; }

 private:
  void Remove(Client* client);

  protocol::Identity& identity_;
  protocol::SessionTable& table_;
  const size_t most_;
  const Duration rekey_after_;
  absl::flat_hash_map<wire::PublicKey, std::unique_ptr<Client>> clients_;
  std::list<Client*> idle_;
  std::set<std::pair<Instant, Client*>> timers_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SESSION_CLIENT_TABLE_H_
