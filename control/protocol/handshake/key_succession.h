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
#include <optional>
#include <tuple>
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
  // Whether it serves, or may come back by Put.
  bool MayServe(const Key& key) const {
    return Find(key) != nullptr || (displaced_.oldest && SameKey(displaced_.oldest->key, key));
  }
  bool has_old() const { return entries_.size() > 1; }
  // Null: it does not serve, or not any more. Valid until the succession changes.
  const Entry* Find(uint64_t number) const {
    return FindIf([number](const Entry& entry) { return entry.number == number; });
  }
  const Entry* Find(const Key& key) const {
    return FindIf([&key](const Entry& entry) { return SameKey(entry.key, key); });
  }

  // The key is the newest from now on, also where it is one of those before. False where it was the newest already.
  // Beyond wire::kMaxOldKeys old ones, the oldest serves nobody any more; it is kept until the change is Settled.
  //
  // With kMistaken the change before this one is taken back: `key` was the newest before that, and what that change
  // has displaced is where it was. The key that goes serves as an old one does, where a session was made with it.
  bool Put(Instant now, Key key, Replaced replaced = Replaced::kServes, bool has_served = true) {
    if (SameKey(newest().key, key)) return false;
    Displaced displaced = std::exchange(displaced_, {});
    entries_.front().replaced = now;
    for (const Entry& entry : entries_) {
      if (SameKey(entry.key, key)) displaced_.was = {{entry.number, entry.replaced}};
    }
    std::erase_if(entries_, [&key](const Entry& entry) { return SameKey(entry.key, key); });
    entries_.insert(entries_.begin(), Entry{std::move(key), ++numbers_});
    if (replaced == Replaced::kMistaken) {
      displaced_ = {};
      PutBack(std::move(displaced), has_served);
    }
    if (entries_.size() > 1 + wire::kMaxOldKeys) {
      displaced_.oldest = std::move(entries_.back());
      entries_.pop_back();
    }
    return true;
  }
  // The change that was made last is not taken back any more.
  void Settle() { displaced_ = {}; }
  // Others know the newest: those before it serve nobody any more.
  void EndOld() { EndBefore(newest().number); }
  // Others know the one of this number: those before it serve nobody any more. False: there was none.
  bool EndBefore(uint64_t number) {
    if (Find(number) == nullptr) return false;
    if (displaced_.oldest && displaced_.oldest->number < number) displaced_.oldest.reset();
    if (displaced_.was && displaced_.was->first < number) displaced_.was.reset();
    return std::erase_if(entries_, [number](const Entry& e) { return e.number < number; }) > 0;
  }
  // The old key of this number serves nobody any more.
  void End(uint64_t number) {
    std::erase_if(entries_, [&](const Entry& e) { return &e != &newest() && e.number == number; });
  }
  // The same of one that it may have as an old key.
  void End(const Key& key) {
    if (displaced_.oldest && SameKey(displaced_.oldest->key, key)) displaced_.oldest.reset();
    std::erase_if(entries_, [&](const Entry& e) { return &e != &newest() && SameKey(e.key, key); });
  }
  // Those end that were replaced so long ago. True: there were such.
  bool Expire(Instant now, Duration old_keys_for) {
    if (displaced_.oldest && EndOf(*displaced_.oldest, old_keys_for) <= now)
      displaced_.oldest.reset();
    return std::erase_if(entries_, [&](const Entry& e) {
             return &e != &newest() && EndOf(e, old_keys_for) <= now;
           }) > 0;
  }
  static Instant EndOf(const Entry& old, Duration old_keys_for) {
    return old.replaced + old_keys_for;
  }
  Instant NextEnd(Duration old_keys_for) const {
    Instant next = displaced_.oldest ? EndOf(*displaced_.oldest, old_keys_for) : kNever;
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

  // What the last change has taken from its place.
  struct Displaced {
    std::optional<Entry> oldest;  // it was one too many
    std::optional<std::pair<uint64_t, Instant>>
        was;  // the newest was an old one, of this number and end
  };

  // The newest but one should not have come.
  void PutBack(Displaced displaced, bool has_served) {
    if (!has_served && displaced.was) {
      std::tie(entries_[1].number, entries_[1].replaced) = *displaced.was;
    } else if (!has_served) {
      entries_.erase(entries_.begin() + 1);
    }
    if (displaced.oldest && Find(displaced.oldest->key) == nullptr &&
        entries_.size() <= wire::kMaxOldKeys) {
      entries_.push_back(*std::move(displaced.oldest));
    }
    std::sort(entries_.begin(), entries_.end(),
              [](const Entry& a, const Entry& b) { return a.number > b.number; });
  }

  std::vector<Entry> entries_;
  uint64_t numbers_ = 0;
  Displaced displaced_;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_HANDSHAKE_KEY_SUCCESSION_H_
