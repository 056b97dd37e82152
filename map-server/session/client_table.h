// The clients of the map. They are found by key, they end by time, and their number is bounded.
//
// Newcomers that have proved nothing have room of their own, so that a flood of them throws out nobody who is in, and
// each of them has time to prove itself. In both rooms, where there is one too many, the network (network.h) that has
// most loses the one that was heard from longest ago.
#ifndef WARP_MAP_SERVER_SESSION_CLIENT_TABLE_H_
#define WARP_MAP_SERVER_SESSION_CLIENT_TABLE_H_

#include <algorithm>
#include <cstddef>
#include <list>
#include <memory>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "map-server/constants.h"
#include "map-server/session/client_group.h"

namespace warp::map {

class ClientTable {
 public:
  // `identity` and `table` outlive this.
  ClientTable(protocol::Identity& identity, protocol::SessionTable& table, size_t most,
              Duration rekey_after)
      : identity_(identity), table_(table), most_(most), rekey_after_(rekey_after) {}

  // How many newcomers there may be beside `most` clients.
  static size_t Newcomers(size_t most) {
    return std::max(most / kNewcomerShare, kNewcomersAtLeast);
  }

  Client* Find(const wire::PublicKey& key) const;

  // A new client, for an initiation from `network`.
  Client* Make(const wire::PublicKey& key, Network network);

  // Something authentic came from it.
  void Touch(Client* client);

  // Call it after every event of a client: it schedules the client's timer, or removes a client that has no session
  // left.
  void Settle(Client* client);

  Instant NextTimeout() const { return timers_.empty() ? wire::kNever : timers_.begin()->first; }
  // Runs the timers that are due, those of `most` clients at most.
  void HandleTimeout(Instant now, int most, protocol::Outbox& outbox);

  // The proven ones.
  size_t size() const { return proven_.size(); }
  // The proven ones, longest idle first.
  const std::list<Client*>& clients() const { return proven_.all(); }

 private:
  void Remove(Client* client);

  protocol::Identity& identity_;
  protocol::SessionTable& table_;
  const size_t most_;
  const Duration rekey_after_;
  absl::flat_hash_map<wire::PublicKey, std::unique_ptr<Client>> clients_;
  ClientGroup newcomers_;
  ClientGroup proven_;
  std::set<std::pair<Instant, Client*>> timers_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SESSION_CLIENT_TABLE_H_
