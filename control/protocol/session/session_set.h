// The sessions of one association, in the order in which they were made.
//
//     response read           ┌─────────────┐ a packet of it was opened ┌───────────┐ session_lifetime; close ┌──────┐
//     initiation answered ──► │ unconfirmed │ ────────────────────────► │ confirmed │ ──────────────────────► │ gone │
//                             └─────────────┘                           └───────────┘                         └──────┘
//                                    └──────────────── confirm_lifetime; more than four of them ────────────────►┘
//
// All of them receive. The newest confirmed one sends that is of the newest key by which the remote end was heard. Of
// two whose handshakes crossed it is the one that the smaller key began, so that both ends agree.
#ifndef WARP_CONTROL_PROTOCOL_SESSION_SESSION_SET_H_
#define WARP_CONTROL_PROTOCOL_SESSION_SESSION_SET_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "control/protocol/constants.h"
#include "control/protocol/handshake/association_keys.h"
#include "control/protocol/handshake/identity.h"
#include "control/protocol/handshake/session_table.h"
#include "control/protocol/transmit.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/session/session.h"

namespace warp::protocol {

class SessionSet {
 public:
  struct Entry {
    std::shared_ptr<wire::Session> session;
    uint64_t order = 0;  // from 1, given by Add
    Instant made;
    bool confirmed = false;
    bool outdated = false;  // the remote end has shown that it has a newer key
    Instant ends = kNever;  // of such a one: no later
    Instant shortened =
        kNever;  // no later, because sessions live for a shorter time than when it was made
    uint64_t next_counter = 0;  // above the highest that was opened
    HandshakeKeys keys;         // that it was made with
    size_t window = 0;          // that was asked for then
    // Of a session that the remote end began: our own handshake that was under way then (its number); 0: none.
    uint64_t crossed = 0;
    // Of a session that we began.
    uint64_t handshake = 0;           // its number, from 1
    std::optional<Arrival> answered;  // where the response came from
    Instant next_confirm = kNever;    // until it is confirmed
    // If the session is not confirmed by then and so many times handshake_retry_max later, another handshake begins.
    Instant answer_due = Instant::min();
    int64_t patience = 0;
  };

  // `identity` and `table` outlive this. Each session's index was reserved in `table` and is released with the session.
  SessionSet(Identity& identity, SessionTable& table);
  ~SessionSet();
  SessionSet(const SessionSet&) = delete;
  SessionSet& operator=(const SessionSet&) = delete;

  // Where there are too many, the oldest of the same kind goes. So an unconfirmed session never displaces a confirmed
  // one.
  void Add(Entry entry);
  // A session of this set that is not confirmed yet.
  void Confirm(const wire::Session* session);
  void Remove(absl::FunctionRef<bool(const Entry&)> predicate);
  void Expire(Instant now);
  Instant NextExpiry() const;
  Instant NextConfirm() const;

  // Null where the session is not one of ours. The pointer is valid until the set changes.
  Entry* Find(const wire::Session* session);
  const Entry* Find(const wire::Session* session) const;
  const Entry* FindIndex(uint32_t local_index) const;
  const Entry* sending() const { return Find(send_.get()); }
  const std::shared_ptr<wire::Session>& send_session() const { return send_; }

  std::vector<Entry>& entries() { return entries_; }
  const std::vector<Entry>& entries() const { return entries_; }
  uint64_t NextOrder() { return ++orders_; }
  uint64_t version() const { return version_; }  // grows with each change

 private:
  Instant Expiry(const Entry& entry) const;
  void Limit();
  void Prefer();
  bool Prefers(const Entry& newer, const Entry& older) const;

  Identity& identity_;
  SessionTable& table_;
  std::vector<Entry> entries_;  // oldest first
  std::shared_ptr<wire::Session> send_;
  uint64_t orders_ = 0;
  uint64_t version_ = 0;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_SESSION_SESSION_SET_H_
