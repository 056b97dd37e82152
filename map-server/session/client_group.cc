#include "map-server/session/client_group.h"

#include <cassert>
#include <utility>

namespace warp::map {

void ClientGroup::Add(Id client, Network network) {
  assert(clients_[client].network == kNoId);
  Id entry = by_network_.Find(network);
  if (entry == kNoId) {
    entry = networks_.Make();
    networks_[entry].network = network;
    by_network_.Add(entry);
  }
  clients_[client].network = entry;
  Entry& own = networks_[entry];
  own.clients.PushBack(clients_, client);
  by_size_.Move(networks_, entry, own.size, own.size + 1);
  ++own.size;
  all_.PushBack(clients_, client);
  ++size_;
}

void ClientGroup::Remove(Id client) {
  const Id entry = std::exchange(clients_[client].network, kNoId);
  assert(entry != kNoId);
  Entry& own = networks_[entry];
  own.clients.Remove(clients_, client);
  by_size_.Move(networks_, entry, own.size, own.size - 1);
  all_.Remove(clients_, client);
  --size_;
  if (--own.size > 0) return;
  by_network_.Remove(entry);
  networks_.Free(entry);
}

Id ClientGroup::Victim(Network network) const {
  const Entry& heaviest = networks_[by_size_.Top()];
  if (heaviest.size == 1) return all_.first();
  const Id own = by_network_.Find(network);
  if (own != kNoId && networks_[own].size == heaviest.size) return networks_[own].clients.first();
  return heaviest.clients.first();
}

}  // namespace warp::map
