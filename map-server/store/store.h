// The place of registrations: this process's memory, or a database that several maps share.
//
//   Registry ── Get, PutRegistration, ... ──► Store: works at once, or asks its database
//   the loop, in Complete(now) ◄── completions ── answers in the order in which they are ready
//
// A shared store may lose a question while its database is away. The store counts it, and its completion never runs:
// whoever asked asks again, as after a lost datagram. Registrations and allow lists are always answered.
//
// Every answer waits in one queue, even where the store has it at once. The server's loop takes it from there with the
// time of its turn. So an answer may be late, out of order, or about a node that is gone; it never comes in the middle
// of a call; and what it queues is sealed in the same turn.
#ifndef WARP_MAP_SERVER_STORE_STORE_H_
#define WARP_MAP_SERVER_STORE_STORE_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "map-server/record.h"

namespace warp::map {

class Store {
 public:
  enum class Put : uint8_t {
    kApplied,
    kStale,         // a registration with a higher order stands
    kFull,          // the store holds as many as it may
    kTooManyPorts,  // this key does
  };

  virtual ~Store() = default;

  // The record of `id`, nullptr where there is none. The pointer is valid during the call, as in all completions.
  using Found = std::function<void(Instant now, const Record*)>;
  virtual void Get(const KeyId& id, Found found) = 0;
  // The same for a node that this map serves, as it registered here: what the map sends to it leaves from the address
  // that the registration names. nullptr for a node that registered at another map alone.
  virtual void GetHere(const KeyId& id, Found found) { Get(id, std::move(found)); }
  // The same for a key of an allow list.
  virtual void GetAllowed(KeyTag tag, Found found) = 0;

  // Makes or replaces the registration of (key, port, address family), unless one of a higher order stands there. The
  // record is the one that stands now, where the registration was applied or is stale; otherwise nullptr, and where the
  // record has expired since.
  using PutDone = std::function<void(Instant now, Put, const Record*)>;
  virtual void PutRegistration(const wire::PublicKey& key, const KeyId& id,
                               Registration registration, PutDone done) = 0;

  // Withdraws a port's registrations (or all: kMapAllPorts) of a lower order.
  virtual void Withdraw(Instant now, const KeyId& id, uint16_t port, Order order) = 0;

  // Replaces the keys that may ask for `id`. It fails where there is no such record, or where there is no room.
  using AllowDone = std::function<void(Instant now, bool done)>;
  virtual void PutAllow(const KeyId& id, const AllowDigest& digest, std::vector<KeyId> ids,
                        AllowDone done) = 0;

  // Ends all registrations of a key at once, and its allow list: as if it had never registered. A store that cannot
  // forget them withdraws them, by an order above theirs.
  virtual void Forget(const KeyId& id) = 0;

  // What this process itself keeps of records, so that an operator can look through them: Show says whether there is
  // one of `id`, and shows it. Each has a number below `shown_end`; ShowAt says the same of a number. A store whose
  // records are elsewhere has none to show.
  using See = absl::FunctionRef<void(const Record&)>;
  virtual bool Show(const KeyId&, See) const { return false; }
  virtual bool ShowAt(Id, See) const { return false; }
  virtual Id shown_end() const { return 0; }

  // Drops what expired.
  virtual void Expire(Instant now) = 0;
  // When Expire has work next; kNever for never.
  virtual Instant NextTimeout() const = 0;

  virtual uint64_t registrations() const = 0;

  // A completion that runs after the endpoints of a record, or the keys that may ask for it, have changed: by this map
  // or, in a shared store, by another one. It does not run when a record is gone.
  using Changed = std::function<void(Instant now, const KeyId&, const Record&)>;
  void SetChanged(Changed changed) { changed_ = std::move(changed); }

  // A completion that runs when changes by other maps may have been missed, so that nodes had better look their peers
  // up.
  using Missed = std::function<void()>;
  void SetMissed(Missed missed) { missed_ = std::move(missed); }

  // Runs the completions that are ready, the oldest first, and those that become ready meanwhile.
  void Complete(Instant now) {
    while (!completions_.empty()) {
      const Completion completion = std::move(completions_.front());
      completions_.pop_front();
      completion(now);
    }
  }
  bool has_completions() const { return !completions_.empty(); }

 protected:
  using Completion = std::function<void(Instant now)>;
  void Push(Completion completion) { completions_.push_back(std::move(completion)); }
  // For a completion that tells of a change.
  void NotifyChanged(Instant now, const KeyId& id, const Record& record) const {
    if (changed_) changed_(now, id, record);
  }
  void NotifyMissed() const {
    if (missed_) missed_();
  }

 private:
  Changed changed_;
  Missed missed_;
  std::deque<Completion> completions_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_STORE_STORE_H_
