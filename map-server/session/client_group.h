// Clients in the order in which they were heard from last, all of them and those of each network (network.h).
#ifndef WARP_MAP_SERVER_SESSION_CLIENT_GROUP_H_
#define WARP_MAP_SERVER_SESSION_CLIENT_GROUP_H_

#include <cstddef>

#include "map-server/flat/id_index.h"
#include "map-server/flat/id_list.h"
#include "map-server/flat/rank_order.h"
#include "map-server/network.h"
#include "map-server/session/client.h"

namespace warp::map {

// A client is in one group at most. `clients` outlives this.
class ClientGroup {
 public:
  explicit ClientGroup(Slab<Client>& clients) : clients_(clients), by_network_(networks_) {}

  // As the one heard from last.
  void Add(Id client, Network network);
  void Remove(Id client);
  void MoveToEnd(Id client) {
    all_.MoveToBack(clients_, client);
    networks_[clients_[client].network].clients.MoveToBack(clients_, client);
  }
  // That it was added with.
  Network NetworkOf(Id client) const { return networks_[clients_[client].network].network; }

  // Who has to go for one of `network` that was added: the one heard from longest ago in the network that has most.
  Id Victim(Network network) const;

  size_t size() const { return size_; }
  Id last() const { return all_.last(); }
  Id Before(Id client) const { return clients_[client].all.previous; }

 private:
  // A network that has clients.
  struct Entry {
    Network network = 0;
    IdList<Client, &Client::in_network> clients;
    uint32_t size = 0;
    Links rank;
  };

  Slab<Client>& clients_;
  IdList<Client, &Client::all> all_;
  size_t size_ = 0;
  Slab<Entry> networks_;
  IdIndex<Entry, Network, &Entry::network> by_network_;
  RankOrder<Entry, &Entry::rank> by_size_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SESSION_CLIENT_GROUP_H_
