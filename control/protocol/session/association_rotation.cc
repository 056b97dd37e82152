// What of an association changes while it lives: its keys, at one end first, and at the other when its turn comes; and
// the terms of its sessions.
#include <algorithm>
#include <utility>

#include "control/protocol/session/association.h"

namespace warp::protocol {

void Association::SetPsk(Instant now, wire::PresharedKey psk, Replaced replaced) {
  const uint64_t before = keys_.psks().newest().number;
  const auto with = [before](const HandshakeKeys& keys) { return keys.psk_number == before; };
  if (!keys_.SetPsk(now, std::move(psk), replaced, HasSession(with))) return;
  lanes_.ForEach([](Lane& lane) { lane.given = 0; });
  if (wanted_) Connect(now);
  EndKeys(now);
}

void Association::SetRemote(Instant now, const wire::PublicKey& key, Replaced replaced) {
  const wire::PublicKey before = remote();
  const auto with = [&before](const HandshakeKeys& keys) { return keys.remote == before; };
  if (!keys_.SetRemote(now, key, replaced, HasSession(with))) return;
  OwnKeyChanged(now);
}

void Association::OwnKeyChanged(Instant now) {
  initiator_.KeysChanged(now);
  next_search_ = now + kSearchAgain;
  if (wanted_) Connect(now);
  EndKeys(now);
}

void Association::EndKeys(Instant now) {
  keys_.Expire(now);
  // A key of the remote end may end because it is not trusted any more, and then its sessions are not either. Where a
  // later one has served they receive for a moment more: whoever has that is the one who had the old one.
  sessions_.Remove([this](const SessionSet::Entry& entry) {
    return !entry.outdated && !keys_.remotes().MayServe(entry.keys.remote);
  });
  const bool began = initiator_.connecting();
  initiator_.DropEnded();
  if (began && !initiating() && wanted_) return Connect(now);
  Reschedule();
}

void Association::EndRemote(Instant now, const wire::PublicKey& key) {
  keys_.EndRemote(key);
  sessions_.Remove([&key](const SessionSet::Entry& entry) { return entry.keys.remote == key; });
  EndKeys(now);
}

void Association::SettleKeys(Instant now) {
  keys_.Settle();
  EndKeys(now);
}

// Nothing is sent any more in sessions of its old keys, and those that nobody has confirmed end: from now on it is who
// has the newer. What is on the way in the others still arrives, until the remote end has given up what it could not
// confirm by then. Whatever was made later with an old key counts as earlier: what it says of addresses, and its close.
void Association::NoteServed(Instant now, const HandshakeKeys& keys) {
  if (!keys_.NoteServed(keys)) return;
  initiator_.DropEnded();
  for (SessionSet::Entry& entry : sessions_.entries()) {
    if (keys_.remotes().Find(entry.keys.remote_number) != nullptr) {
      entry.order = sessions_.NextOrder();
    } else if (!std::exchange(entry.outdated, true)) {
      entry.ends = now + identity_.timers().confirm_lifetime;
    }
  }
  sessions_.Remove(
      [](const SessionSet::Entry& entry) { return entry.outdated && !entry.confirmed; });
}

// --- Terms. ---

// A session has its window, and the time after which workers do not use its keys, from the start. So what is to have
// others is another session, and the one of before goes on until that is confirmed.
void Association::Retune(Instant now, const SessionTerms& terms, Duration patience) {
  const Duration before = std::exchange(terms_, terms).session_lifetime;
  initiator_.SetTerms(terms.window, terms.session_lifetime);
  initiator_.Retune(now);
  for (SessionSet::Entry& entry : sessions_.entries()) {
    if (terms.session_lifetime == before) break;
    const bool shorter = terms.session_lifetime < entry.session->expires() - entry.made;
    const Instant end = shorter ? now + terms.session_lifetime : kNever;
    entry.shortened = terms.session_lifetime < before ? std::min(entry.shortened, end) : end;
  }
  if (not_before_ > now) {
    const Duration longest = identity_.Jitter(identity_.timers().handshake_retry_max);
    not_before_ = std::min(not_before_, now + longest);
  }
  // Who counts as silent already does so until it is heard.
  if (silent_at_ != kNever && silent_at_ > now)
    silent_at_ = asked_at_ + std::max(terms.silence, patience);
  Reschedule();
}

bool Association::IsByTerms(const SessionSet::Entry& entry) const {
  return entry.window == terms_.window &&
         entry.session->expires() - entry.made == terms_.session_lifetime;
}

// --- What it has. ---

const HandshakeKeys* Association::session_keys() const {
  const SessionSet::Entry* const entry = sessions_.sending();
  return entry != nullptr ? &entry->keys : nullptr;
}

bool Association::HasSession(absl::FunctionRef<bool(const HandshakeKeys&)> with) const {
  if (with(keys_.served())) return true;
  const auto& entries = sessions_.entries();
  return std::any_of(entries.begin(), entries.end(),
                     [with](const SessionSet::Entry& entry) { return with(entry.keys); });
}

wire::Token Association::token(const ReceivedInitiation& initiation) {
  const auto keys = keys_.Find(initiation.own_number, initiation.remote);
  return keys.has_value() ? lanes_.Of(*keys).token : wire::Token{};
}

}  // namespace warp::protocol
