// The rules of the map: who is registered where, who may know it, and who is told. They are pure: opened messages and
// the time come in, and messages to be sealed go out. Records live in the store, whose answers are taken in
// Store::Complete.
//
//   register   echo wrong ──► registered(echo, challenge): nothing changed
//              echo right ──► store, and the allow list that came along ──► registered(published, next challenge), with
//                             "send your allow list" where the store has not got it
//   allow      further parts, until the list is complete ──► store
//   lookup     from a verified address alone ──► endpoints (none, unless the key allows the asker)
//                                            ──► where both allow each other, the key is told of the asker
//   a record changed ──► Changes, which joins what comes too often and shares the map's time among records
//                    ──► push to every key that it allows and that allows it, until acknowledged
//                    ──► given up: the version in registered changes, so that the node looks its peers up
#ifndef WARP_MAP_SERVER_REGISTRY_REGISTRY_H_
#define WARP_MAP_SERVER_REGISTRY_REGISTRY_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <utility>

#include "control/protocol/map/map_message.h"
#include "dataplane/wire/counters.h"
#include "map-server/constants.h"
#include "map-server/registry/challenge.h"
#include "map-server/registry/changes.h"
#include "map-server/registry/origin.h"
#include "map-server/registry/partial_allow.h"
#include "map-server/registry/push_queue.h"
#include "map-server/registry/versions.h"
#include "map-server/store/store.h"

namespace warp::map {

class Registry {
 public:
  struct Options {
    Duration lifetime = protocol::kMapLifetime;
    Duration refresh = protocol::kMapRefresh;         // asked of nodes at most ...
    Duration refresh_min = protocol::kMapRefreshMin;  // ... and at least
    PartialAllow::Limits partial_allow = {kMaxPartialAllow, kMaxAllowPerKey};
    PushQueue::Limits pushes = {};
  };
  // `store` and `drops` outlive this.
  Registry(const Options& options, Store& store, wire::DropCounters& drops);

  void Handle(Instant now, const Origin& origin, const protocol::MapMessage& message);

  Instant NextTimeout() const;
  void HandleTimeout(Instant now);

  // The oldest first.
  std::optional<Outgoing> NextOutgoing();

  // Called after the endpoints of a record, or the keys that may ask for it, have changed; not when it is gone.
  void SetChanged(std::function<void(const KeyId&)> changed) { changed_ = std::move(changed); }

  // Ends the registrations of a key and its allow list, and what of the list is under way.
  void Forget(const KeyId& id);
  // Of registrations from the next register on. Refreshes follow it.
  void SetLifetime(Duration lifetime);
  Duration lifetime() const { return options_.lifetime; }

  // What was refused, by the limit that it met.
  struct Refused {
    uint64_t registrations = 0;  // the map holds as many as it may
    uint64_t ports = 0;          // the key has as many as it may
    uint64_t allow_keys = 0;     // an allow list is longer than it may be
    uint64_t allow_entries = 0;  // all allow lists together are
    uint64_t pushes = 0;         // as many wait as may
  };
  const Refused& refused() const { return refused_; }
  // How look-ups were answered: with endpoints, or with none, for one reason or another.
  struct Answers {
    uint64_t found = 0;
    uint64_t unknown = 0;      // nothing is registered under that key
    uint64_t not_allowed = 0;  // the key does not allow the one who asks
    uint64_t unverified = 0;   // who asks has to register its port first
  };
  const Answers& answers() const { return answers_; }
  uint64_t lookups() const { return lookups_; }
  uint64_t pushes() const { return pushes_sent_; }
  size_t pushes_waiting() const { return pushes_.size(); }

 private:
  void On(Instant now, const Origin& origin, const protocol::MapRegister& message);
  void On(Instant now, const Origin& origin, const protocol::MapAllow& message);
  void On(Instant now, const Origin& origin, const protocol::MapLookup& message);
  void On(Instant now, const Origin& origin, const protocol::MapPushAck& message);
  void On(Instant now, const Origin& origin, const protocol::MapDeregister& message);
  template <typename MessageOfTheMap>
  void On(Instant, const Origin&, const MessageOfTheMap&) {
    drops_.Add(wire::Drop::kMalformed);  // only maps say this
  }

  void AnswerRegister(Instant now, const Origin& origin, const protocol::MapRegister& message,
                      Store::Put put, const Record* record);
  // The register names another list than the record has. `answer` says whether to send it, and leaves with that.
  void TakeList(Instant now, const Origin& origin, const protocol::MapRegister& message,
                protocol::MapRegistered answer);
  enum class ListState : uint8_t { kStored, kUnderWay, kRefused };
  void TakePart(const Origin& origin, const protocol::MapAllow& part,
                std::function<void(ListState)> done);
  void AnswerLookup(const Origin& origin, const protocol::MapLookup& message, bool introduce,
                    std::span<const wire::IpAddress> reader, const Record* found);
  // The answer to a register, and to a lookup from an unverified address.
  protocol::MapRegistered Registered(Instant now, const Origin& origin, uint16_t port,
                                     protocol::MapState state);
  void Tell(Instant now, const Changes::Due& due);
  void AddPush(const KeyId& to, const KeyId& about, Network network);
  void SendPush(const PushQueue::Due& due);
  void Reply(const Origin& origin, protocol::MapMessage message);

  Options options_;
  Store& store_;
  wire::DropCounters& drops_;
  Challenger challenger_;
  PartialAllow partial_allow_;
  Changes changes_;
  PushQueue pushes_;
  Versions versions_;
  std::function<void(const KeyId&)> changed_;
  // Looked into where a key has no record, so that both cases take the same steps and the asker learns nothing by
  // timing.
  StoredRecord nobody_;
  const Slab<StoredRegistration> nowhere_;
  std::deque<Outgoing> outgoing_;
  uint64_t lookups_ = 0;
  uint64_t pushes_sent_ = 0;
  Refused refused_;
  Answers answers_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_REGISTRY_REGISTRY_H_
