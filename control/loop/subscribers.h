// Values under watch, told to those who subscribed to them: how handlers may end, make and outlive subscriptions while
// they run. Control thread only.
//
//   class Watch : public Subscribers<Watch, Value>::Subscriber { ... };   // one subscription; the owner's own data
//   Subscribers<Watch, Value> watches;                                    // of its owner
//   watch.Publish(value);                                                 // told in the loop's next tasks
#ifndef WARP_CONTROL_LOOP_SUBSCRIBERS_H_
#define WARP_CONTROL_LOOP_SUBSCRIBERS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "control/loop/loop.h"

namespace warp::control {

// What a subscriber holds: destroying it ends the subscription. It must not outlive what it subscribed to.
class Subscription {
 public:
  virtual ~Subscription() = default;
};

// Handlers run from Loop::RunOnce, never from within Publish. A handler may destroy any subscription, its own included,
// and may make new ones; one that was destroyed is not called again. Several values published in one moment give one
// call with the newest, and none where that is what the handler was told before.
//
// There may be thousands of subscriptions, so a turn of the loop tells some of them their news and visits some of them;
// the next turn goes on.
//
// `Base`: what a subscriber is to its holder, a Subscription or more.
template <typename Entry, typename Value, typename Base = Subscription>
class Subscribers {
 public:
  using Handler = std::function<void(const Value&)>;

  // Of each turn: handlers called, entries that a visit had work for, and entries looked at.
  static constexpr size_t kToldPerTurn = 64;
  static constexpr size_t kVisitsPerTurn = 32;
  static constexpr size_t kLooksPerTurn = 1024;

  explicit Subscribers(Loop& loop)
      : tell_(loop, [this] { Tell(); }), go_on_(loop, [this] { GoOn(); }) {}
  Subscribers(const Subscribers&) = delete;
  Subscribers& operator=(const Subscribers&) = delete;

  // The base of `Entry`, which is in the set from construction to destruction.
  class Subscriber : public Base {
   public:
    Subscriber(Subscribers& all, Handler handler)
        : all_(all), id_(all.next_id_++), handler_(std::make_shared<Handler>(std::move(handler))) {
      all_.entries_.emplace(id_, this);
    }
    ~Subscriber() override {
      all_.entries_.erase(id_);
      all_.news_.erase(id_);
    }
    Subscriber(const Subscriber&) = delete;
    Subscriber& operator=(const Subscriber&) = delete;

    void Publish(Value value) {
      if (value_ == value) return;
      value_ = std::move(value);
      all_.news_.insert(id_);
      all_.tell_.Schedule();
    }

    // Returns the value that was published last, or none before the first.
    const std::optional<Value>& value() const { return value_; }
    // Never used again by the set: Find tells whether the entry still lives.
    uint64_t id() const { return id_; }

   private:
    friend class Subscribers;
    Subscribers& all_;
    const uint64_t id_;
    // Shared, because a handler that ends its own subscription must survive its own call.
    const std::shared_ptr<Handler> handler_;
    std::optional<Value> value_;
    std::optional<Value> told_;
  };

  // Null where the subscription has ended.
  Entry* Find(uint64_t id) const {
    const auto it = entries_.find(id);
    return it == entries_.end() ? nullptr : static_cast<Entry*>(it->second);
  }

  // Calls `visit` for each entry at once, in the order they were made; it may not make or destroy entries. For few.
  template <typename Call>
  void ForEach(Call visit) const {
    for (const auto& [id, entry] : entries_) visit(static_cast<Entry&>(*entry));
  }
  // Shows every entry that is there now to `visit`, in the order they were made, within this turn and the next ones.
  // Rounds run one after the other. `visit` may not make or destroy entries, and returns whether it had work to do.
  // The result is the number of the round.
  using Visit = std::function<bool(Entry&)>;
  uint64_t VisitAll(Visit visit) {
    rounds_.push_back({.visit = std::move(visit), .number = ++last_round_, .end = next_id_});
    go_on_.Schedule();
    return last_round_;
  }
  bool HasBegun(uint64_t round) const {
    return rounds_.empty() || round < rounds_.front().number ||
           (round == rounds_.front().number && rounds_.front().next > 0);
  }
  size_t rounds() const { return rounds_.size(); }  // that are not over
  void ForgetRounds() { rounds_.clear(); }          // not from within a visit

 private:
  struct Round {
    Visit visit;
    uint64_t number = 0;
    uint64_t next = 0;  // the ids that are left
    uint64_t end = 0;
  };

  void Tell() {
    std::vector<uint64_t> ids;
    auto it = news_.lower_bound(next_told_);
    for (; it != news_.end() && ids.size() < kToldPerTurn; ++it) ids.push_back(*it);
    // All others are told before one that has news in every turn is told again.
    next_told_ = it == news_.end() ? 0 : *it;
    for (const uint64_t id : ids) {
      Subscriber* const entry = Find(id);  // a handler before may have ended it
      if (entry == nullptr) continue;
      news_.erase(id);
      if (entry->told_ == entry->value_) continue;
      entry->told_ = entry->value_;
      const std::shared_ptr<Handler> handler = entry->handler_;
      const Value value = *entry->told_;
      (*handler)(value);
    }
    if (!news_.empty()) tell_.Schedule();
  }

  void GoOn() {
    size_t visits = 0;
    for (size_t looks = 0; looks < kLooksPerTurn && visits < kVisitsPerTurn; ++looks) {
      if (rounds_.empty()) return;
      Round& round = rounds_.front();
      const auto it = entries_.lower_bound(round.next);
      if (it == entries_.end() || it->first >= round.end) {
        rounds_.pop_front();
        continue;
      }
      round.next = it->first + 1;
      if (round.visit(static_cast<Entry&>(*it->second))) ++visits;
    }
    if (!rounds_.empty()) go_on_.Schedule();
  }

  std::map<uint64_t, Subscriber*> entries_;
  uint64_t next_id_ = 1;
  std::set<uint64_t>
      news_;                // entries whose value was published since their handler was called last
  uint64_t next_told_ = 0;  // the id from which on they are told
  std::deque<Round> rounds_;
  uint64_t last_round_ = 0;
  Task tell_;
  Task go_on_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LOOP_SUBSCRIBERS_H_
