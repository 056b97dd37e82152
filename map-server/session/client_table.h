// The clients of the map and their sessions. Clients are found by key and sessions by receiver index; they end by time,
// and their numbers are bounded.
//
// Newcomers that have proved nothing have room of their own, so that a flood of them throws out nobody who is in, and
// each of them has time to prove itself. In both rooms, where there is one too many, the network (network.h) that has
// most loses the one that was heard from longest ago.
//
// Where there are as many sessions as there may be, one that a newer one followed ends for a new one. Where there is
// none, newcomers are refused, and for a client that is in, the oldest handshake that nobody confirmed ends.
//
// A session is what SessionSet (control/protocol/session) makes of it, with three differences that only memory makes:
// the map begins no handshakes; a session that a newer one follows ends after a minute; and the replay window is small
// where little comes.
#ifndef WARP_MAP_SERVER_SESSION_CLIENT_TABLE_H_
#define WARP_MAP_SERVER_SESSION_CLIENT_TABLE_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <utility>
#include <variant>

#include "control/protocol/handshake/identity.h"
#include "control/protocol/session/responder.h"
#include "control/protocol/transmit.h"
#include "map-server/constants.h"
#include "map-server/flat/id_index.h"
#include "map-server/network.h"
#include "map-server/session/client_group.h"
#include "map-server/session/index_cipher.h"
#include "map-server/session/network_budget.h"

namespace warp::map {

using wire::Duration;
using wire::Instant;

class ClientTable : public protocol::SessionMaker {
 public:
  // `identity` outlives this. It agrees on ChaCha20 alone. Keys die at one and a half times `rekey_after`.
  ClientTable(protocol::Identity& identity, size_t most, Duration rekey_after);

  // How many newcomers there may be beside `most` clients, and how many sessions all of them may have.
  static size_t Newcomers(size_t most) {
    return std::max(most / kNewcomerShare, kNewcomersAtLeast);
  }
  static size_t Sessions(size_t most) {
    const size_t clients = most + Newcomers(most);
    return clients + clients / kSecondSessionShare;
  }

  // Whose initiations are answered; null: everybody's. The others are dropped as kUnknownPeer, without a word, and
  // not before they have proved whose they are (two Diffie-Hellmans of five). The first of these already says the key
  // that is claimed; but who claims the keys of others might see, by the time that the map is busy, which of them it
  // knows. Sessions that are there stay.
  using Admission = std::function<bool(const wire::PublicKey&)>;
  void SetAdmission(Admission admission) { admission_ = std::move(admission); }
  bool Admits(const wire::PublicKey& key) const { return admission_ == nullptr || admission_(key); }

  std::variant<protocol::Association::Response, wire::Drop> HandleInitiation(
      Instant now, const wire::Arrival& arrival, protocol::ReceivedInitiation& initiation,
      wire::Token* token) override;
  bool AwaitsConfirm(uint32_t local_index) const override;

  // Opens a sealed datagram in place, confirms its session, and notes where its node was heard.
  struct Opened {
    Id client = kNoId;
    Id session = kNoId;
    wire::Bytes plaintext;
  };
  // Whether its node can be reached where the datagram came from, or this is another port than that of the map.
  enum class Heard : uint8_t { kHere, kElsewhere };
  std::variant<Opened, wire::Drop> Open(Instant now, const wire::Arrival& arrival,
                                        wire::MutableBytes datagram, Heard heard = Heard::kHere);

  // The parts of these two that tests ask for: the client of a key, kNoId where there is none; a new client, for an
  // initiation from `network`; and that something authentic came from a client.
  Id Find(const wire::PublicKey& key) const { return by_key_.Find(key); }
  Id Make(const wire::PublicKey& key, Network network);
  void Touch(Id client);

  // Of an opened message, until the next call that changes anything.
  const wire::PublicKey& KeyOf(Id client) const { return clients_[client].key; }
  // Whether the client, and its network, may say something more now. The network is that which the client's first
  // response went to and was received in, so that nobody is charged in another's name.
  bool TakeMessage(Instant now, Id client);

  // Seals with this very session, back to where something came from.
  void Answer(Id session, const wire::Arrival& arrival, wire::Bytes plaintext,
              protocol::Outbox& outbox);
  // Seals with the current session of a key. False where there is none.
  bool Send(Instant now, const wire::PublicKey& to, const wire::Route& route, wire::Bytes plaintext,
            protocol::Outbox& outbox);
  // The node has forgotten this session and those before it.
  void Close(Id session);
  // Ends all sessions of a client, and forgets it.
  void Forget(Id client) { Remove(client); }
  // Says `plaintext` to the clients heard from last, in their current sessions.
  void SayToAll(Instant now, size_t most, wire::Bytes plaintext, protocol::Outbox& outbox);

  Instant NextTimeout() const;
  // Ends sessions whose time is over, `most` of them at most.
  void HandleTimeout(Instant now, int most);

  // The proven clients, and all sessions.
  size_t size() const { return proven_.size(); }
  size_t sessions() const { return sessions_.size(); }
  size_t newcomers() const { return newcomers_.size(); }
  using State = MapSession::State;
  size_t sessions(State state) const { return in_state_[static_cast<size_t>(state)]; }
  // Those that have ended because their time was over.
  uint64_t expired() const { return expired_; }
  // Initiations for which there was no room.
  uint64_t refused() const { return refused_; }

  // Every client has a number below this, and those of others name none.
  Id end() const { return clients_.end(); }
  bool is_client(Id id) const { return !clients_[id].key.is_zero(); }
  ClientView View(Id client) const;

 private:
  using Queue = IdList<MapSession, &MapSession::queue>;
  static constexpr protocol::BucketRate kMessages{kMessageBurst, kMessagesPerSecond};
  static constexpr protocol::BucketRate kInitiations{protocol::kInitiationBurst,
                                                     protocol::kInitiationsPerSecond};

  void Remove(Id client);
  void RemoveIfIdle(Id client);
  Id FindSession(uint32_t local_index) const;
  // kNoId where there is no room.
  Id MakeSession(Instant now, Id client);
  void Confirm(Instant now, Id session);
  void Retire(Instant now, Id session);
  void SetState(Id session, State state, Instant since);
  void EndSession(Id session);
  void WidenIfBusy(Instant now, MapSession& session);
  // Where a client has more than `most` sessions in this state, the oldest end.
  void Limit(Id client, State state, int most);
  // The session that has to go for another of `client`, where there are as many as there may be; kNoId: none.
  Id SessionVictim(Id client) const;
  Id Current(Id client) const;
  Instant Expiry(const MapSession& session) const;
  wire::Token TokenOf(const Client& client) const;
  Queue& QueueOf(State state) { return queues_[static_cast<size_t>(state)]; }
  const Queue& QueueOf(State state) const { return queues_[static_cast<size_t>(state)]; }

  protocol::Identity& identity_;
  Admission admission_;
  const size_t most_;
  const Duration lifetime_;
  const IndexCipher index_cipher_;
  std::array<uint8_t, 32> token_secret_;
  uint64_t tokens_ = 0;
  Slab<Client> clients_;
  IdIndex<Client, wire::PublicKey, &Client::key> by_key_;
  ClientGroup newcomers_;
  ClientGroup proven_;
  NetworkBudget network_messages_{kMessagesOfNetwork};
  Slab<MapSession> sessions_;
  size_t wide_ = 0;              // of these
  std::array<Queue, 3> queues_;  // of each state, in the order of their times, as good as
  std::array<size_t, 3> in_state_{};
  uint64_t expired_ = 0;
  uint64_t refused_ = 0;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SESSION_CLIENT_TABLE_H_
