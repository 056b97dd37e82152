#include "map-server/session/client_group.h"

#include <cassert>

namespace warp::map {

void ClientGroup::Add(Client* client) {
  std::unique_ptr<std::list<Client*>>& own = by_network_[client->network];
  if (own == nullptr) own = std::make_unique<std::list<Client*>>();
  client->place = all_.insert(all_.end(), client);
  client->place_in_network = own->insert(own->end(), client);
  SetSize(client->network, own->size() - 1, own->size());
}

void ClientGroup::Remove(Client* client) {
  assert(*client->place == client && *client->place_in_network == client);
  const auto it = by_network_.find(client->network);
  std::list<Client*>& own = *it->second;
  all_.erase(client->place);
  own.erase(client->place_in_network);
  SetSize(client->network, own.size() + 1, own.size());
  if (own.empty()) by_network_.erase(it);
}

void ClientGroup::MoveToEnd(Client* client) {
  std::list<Client*>& own = *by_network_.at(client->network);
  all_.splice(all_.end(), all_, client->place);
  own.splice(own.end(), own, client->place_in_network);
}

Client* ClientGroup::Victim(Network network) const {
  const auto& [most, heaviest] = *sizes_.rbegin();
  if (most == 1) return all_.front();
  const std::list<Client*>& own = *by_network_.at(network);
  return own.size() == most ? own.front() : by_network_.at(heaviest)->front();
}

void ClientGroup::SetSize(Network network, size_t before, size_t now) {
  sizes_.erase({before, network});
  if (now != 0) sizes_.emplace(now, network);
}

}  // namespace warp::map
