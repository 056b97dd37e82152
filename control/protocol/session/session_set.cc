#include "control/protocol/session/session_set.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace warp::protocol {

SessionSet::SessionSet(Identity& identity, SessionTable& table)
    : identity_(identity), table_(table) {}

SessionSet::~SessionSet() {
  Remove([](const Entry&) { return true; });
}

void SessionSet::Add(Entry entry) {
  assert(entry.session != nullptr && entry.order == 0 && !entry.confirmed);
  assert(table_.Find(entry.session->local_index()) != nullptr);
  assert(FindIndex(entry.session->local_index()) == nullptr);
  entry.order = ++orders_;
  entries_.push_back(std::move(entry));
  Limit();
  ++version_;
}

void SessionSet::Confirm(const wire::Session* session) {
  Entry* entry = Find(session);
  assert(entry != nullptr && !entry->confirmed);
  entry->confirmed = true;
  entry->next_confirm = kNever;
  Limit();
  Prefer();
  ++version_;
}

void SessionSet::Remove(absl::FunctionRef<bool(const Entry&)> predicate) {
  std::vector<Entry> kept;
  for (Entry& entry : entries_) {
    if (predicate(entry)) {
      assert(table_.Find(entry.session->local_index()) != nullptr);
      table_.Release(entry.session->local_index());
    } else {
      kept.push_back(std::move(entry));
    }
  }
  const bool changed = kept.size() != entries_.size();
  entries_ = std::move(kept);
  if (!changed) return;
  Prefer();
  ++version_;
}

void SessionSet::Expire(Instant now) {
  Remove([&](const Entry& entry) { return Expiry(entry) <= now; });
}

Instant SessionSet::NextExpiry() const {
  Instant next = kNever;
  for (const Entry& entry : entries_) next = std::min(next, Expiry(entry));
  return next;
}

Instant SessionSet::NextConfirm() const {
  Instant next = kNever;
  for (const Entry& entry : entries_) next = std::min(next, entry.next_confirm);
  return next;
}

Instant SessionSet::Expiry(const Entry& entry) const {
  const Instant end = std::min(entry.session->expires(), entry.ends);
  return entry.confirmed ? end : std::min(end, entry.made + identity_.timers().confirm_lifetime);
}

SessionSet::Entry* SessionSet::Find(const wire::Session* session) {
  return const_cast<Entry*>(std::as_const(*this).Find(session));
}

const SessionSet::Entry* SessionSet::Find(const wire::Session* session) const {
  if (session == nullptr) return nullptr;
  // The newest is asked for most often.
  const auto it = std::find_if(entries_.rbegin(), entries_.rend(),
                               [&](const Entry& entry) { return entry.session.get() == session; });
  return it != entries_.rend() ? &*it : nullptr;
}

const SessionSet::Entry* SessionSet::FindIndex(uint32_t local_index) const {
  const auto it = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.session->local_index() == local_index;
  });
  return it != entries_.end() ? &*it : nullptr;
}

void SessionSet::Limit() {
  // Confirmed ones, unconfirmed ones of the remote end's handshakes, and of ours must not displace each other. Nor must
  // unconfirmed ones by another pair of keys: whoever has stolen an old one can have them made.
  const auto is_kin = [](const Entry& one, const Entry& other) {
    if (one.confirmed || other.confirmed) return one.confirmed == other.confirmed;
    return one.session->initiator() == other.session->initiator() && one.keys.SamePair(other.keys);
  };
  Remove([&](const Entry& entry) {
    const size_t limit = entry.confirmed ? kMaxConfirmedSessions : kMaxUnconfirmedSessions;
    const auto newer =
        std::count_if(entries_.begin() + (&entry - entries_.data()) + 1, entries_.end(),
                      [&](const Entry& other) { return is_kin(entry, other); });
    return static_cast<size_t>(newer) >= limit;
  });
}

void SessionSet::Prefer() {
  const Entry* best = nullptr;
  for (const Entry& entry : entries_) {
    if (entry.confirmed && (best == nullptr || Prefers(entry, *best))) best = &entry;
  }
  send_ = best != nullptr ? best->session : nullptr;
}

bool SessionSet::Prefers(const Entry& newer, const Entry& older) const {
  if (newer.outdated != older.outdated) return older.outdated;
  const bool crossed = (newer.crossed != 0 && newer.crossed == older.handshake) ||
                       (older.crossed != 0 && older.crossed == newer.handshake);
  if (!crossed) return true;
  // Both ends know which key each was made with, also where an end has another one meanwhile.
  const auto initiator = [](const Entry& entry) {
    return entry.session->initiator() ? entry.keys.own : entry.keys.remote;
  };
  return initiator(newer) < initiator(older);
}

}  // namespace warp::protocol
