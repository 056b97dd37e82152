// Clients in the order in which they were heard from last, all of them and those of each network (network.h).
#ifndef WARP_MAP_SERVER_SESSION_CLIENT_GROUP_H_
#define WARP_MAP_SERVER_SESSION_CLIENT_GROUP_H_

#include <cstddef>
#include <list>
#include <memory>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "map-server/session/client.h"

namespace warp::map {

// A client is in one group at most.
class ClientGroup {
 public:
  // As the one heard from last.
  void Add(Client* client);
  void Remove(Client* client);
  void MoveToEnd(Client* client);

  // Who has to go for one of `network` that was added: the one heard from longest ago in the network that has most.
  Client* Victim(Network network) const;

  size_t size() const { return all_.size(); }
  // The one heard from longest ago first.
  const std::list<Client*>& all() const { return all_; }

 private:
  void SetSize(Network network, size_t before, size_t now);

  std::list<Client*> all_;
  absl::flat_hash_map<Network, std::unique_ptr<std::list<Client*>>> by_network_;  // none is empty
  std::set<std::pair<size_t, Network>> sizes_;                                    // of these
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SESSION_CLIENT_GROUP_H_
