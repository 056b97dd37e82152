#include "map-server/session/client_table.h"

#include <cassert>

namespace warp::map {

Client* ClientTable::Find(const wire::PublicKey& key) const {
  const auto it = clients_.find(key);
  return it == clients_.end() ? nullptr : it->second.get();
}

Client* ClientTable::Make(const wire::PublicKey& key, Network network) {
  assert(Find(key) == nullptr && clients_.size() == newcomers_.size() + proven_.size());
  auto client = std::make_unique<Client>(identity_, table_, key, rekey_after_, network);
  Client* made = client.get();
  clients_.emplace(key, std::move(client));
  newcomers_.Add(made);
  if (newcomers_.size() > Newcomers(most_)) Remove(newcomers_.Victim(network));
  return made;
}

void ClientTable::Touch(Client* client) {
  if (client->proven) return proven_.MoveToEnd(client);
  newcomers_.Remove(client);
  client->proven = true;
  proven_.Add(client);
  if (proven_.size() > most_) Remove(proven_.Victim(client->network));
}

void ClientTable::Settle(Client* client) {
  const Instant next = client->NextTimeout();
  // A client without a session has no timer.
  if (next == wire::kNever) {
    Remove(client);
    return;
  }
  // A timer that goes off too early is put off then. So a client whose time moves on costs nothing here.
  if (next >= client->timer) return;
  timers_.erase({client->timer, client});
  client->timer = next;
  timers_.emplace(next, client);
}

void ClientTable::HandleTimeout(Instant now, int most, protocol::Outbox& outbox) {
  const auto no_ways = [] { return std::vector<protocol::Way>(); };
  for (int i = 0; i < most && NextTimeout() <= now; ++i) {
    Client* client = timers_.begin()->second;
    timers_.erase(timers_.begin());
    client->timer = wire::kNever;
    client->HandleTimeout(now, no_ways, outbox);
    Settle(client);
  }
}

void ClientTable::Remove(Client* client) {
  assert(Find(client->remote()) == client);
  timers_.erase({client->timer, client});
  (client->proven ? proven_ : newcomers_).Remove(client);
  clients_.erase(wire::PublicKey(client->remote()));
}

}  // namespace warp::map
