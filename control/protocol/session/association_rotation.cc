// Keys of an association that change while it lives, at one end first, and at the other when its turn comes.
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

}  // namespace warp::protocol
