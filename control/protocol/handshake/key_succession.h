// A key and those that it has succeeded: the newest is the one in use, and those before it serve as well, until others
// know the newest, or their time is over. Own keys, keys of the remote end and preshared keys follow each other so.
//
// Each time a key becomes the newest it gets another number. What was made with it in an earlier reign therefore proves
// nothing of the present one. A key that goes is wiped, where it is a secret.
#ifndef WARP_CONTROL_PROTOCOL_HANDSHAKE_KEY_SUCCESSION_H_
#define WARP_CONTROL_PROTOCOL_HANDSHAKE_KEY_SUCCESSION_H_

#include <sodium.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "control/protocol/constants.h"
#include "dataplane/wire/constants.h"
#include "dataplane/wire/crypto/keys.h"

namespace warp::protocol {

inline bool SameKey(const wire::PublicKey& a, const wire::PublicKey& b) { return a == b; }
inline bool SameKey(const wire::PresharedKey& a, const wire::PresharedKey& b) {
  return sodium_memcmp(a.bytes().data(), b.bytes().data(), a.bytes().size()) == 0;
}

// What becomes of a key that another one replaces.
enum class Replaced : uint8_t {
  kServes,    // those who do not know the other one yet
  kMistaken,  // the change is taken back: nobody, unless a session was made with it
};

template <typename Key>
class KeySuccession {
 public:
  struct Entry {
    Key key;
    uint64_t number = 0;  // from 1, in the order of Put
    Instant replaced{};   // of all but the newest
  };

  explicit KeySuccession(Key first) { entries_.push_back({std::move(first), ++numbers_}); }

  const Entry& newest() const { return entries_.front(); }
  const std::vector<Entry>& entries() const { return entries_; }  // the newest first, never empty
  bool has_old() const { return entries_.size() > 1; }
  // Null: it does not serve, or not any more. Valid until the succession changes.
  const Entry* Find(uint64_t number) const {
    return FindIf([number](const Entry& entry) { return entry.number == number; });
  }
  const Entry* Find(const Key& key) const {
    return FindIf([&key](const Entry& entry) { return SameKey(entry.key, key); });
  }

  // The key is the newest from now on, also where it is one of those before. False where it was the newest already.
  // Beyond wire::kMaxOldKeys old ones, the oldest goes.
  bool Put(Instant now, Key key) {
    if (SameKey(newest().key, key)) return false;
    entries_.front().replaced = now;
    std::erase_if(entries_, [&key](const Entry& entry) { return SameKey(entry.key, key); });
    entries_.insert(entries_.begin(), Entry{std::move(key), ++numbers_});
    if (entries_.size() > 1 + wire::kMaxOldKeys) entries_.pop_back();
    return true;
  }
  // Others know the newest: those before it serve nobody any more.
  void EndOld() { entries_.erase(entries_.begin() + 1, entries_.end()); }
  // Others know the one of this number: those before it serve nobody any more. False: there was none.
  bool EndBefore(uint64_t number) {
    const Entry* const known = Find(number);
    return known != nullptr &&
           std::erase_if(entries_, [number](const Entry& e) { return e.number < number; }) > 0;
  }
  // The old key of this number serves nobody any more.
  void End(uint64_t number) {
    std::erase_if(entries_, [&](const Entry& e) { return &e != &newest() && e.number == number; });
  }
  // Those end that were replaced so long ago. Their numbers.
  std::vector<uint64_t> Expire(Instant now, Duration old_keys_for) {
    std::vector<uint64_t> ended;
    for (const Entry& entry : entries_) {
      if (&entry != &newest() && EndOf(entry, old_keys_for) <= now) ended.push_back(entry.number);
    }
    for (const uint64_t number : ended) End(number);
    return ended;
  }
  static Instant EndOf(const Entry& old, Duration old_keys_for) {
    return old.replaced + old_keys_for;
  }
  Instant NextEnd(Duration old_keys_for) const {
    Instant next = kNever;
    for (size_t i = 1; i < entries_.size(); ++i)
      next = std::min(next, EndOf(entries_[i], old_keys_for));
    return next;
  }

 private:
  template <typename Predicate>
  const Entry* FindIf(Predicate predicate) const {
    const auto found = std::find_if(entries_.begin(), entries_.end(), predicate);
    return found == entries_.end() ? nullptr : &*found;
  }

  std::vector<Entry> entries_;
  uint64_t numbers_ = 0;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_HANDSHAKE_KEY_SUCCESSION_H_
