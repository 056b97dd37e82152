// Values under watch, told to those who subscribed to them: how handlers may end, make and outlive subscriptions while
// they run. Control thread only.
//
//   class Watch : public Subscribers<Watch, Value>::Subscriber { ... };   // one subscription; the owner's own data
//   Subscribers<Watch, Value> watches;                                    // of its owner
//   watch.Publish(value);                                                 // told in the loop's next tasks
#ifndef WARP_CONTROL_LOOP_SUBSCRIBERS_H_
#define WARP_CONTROL_LOOP_SUBSCRIBERS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
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
template <typename Entry, typename Value>
class Subscribers {
 public:
  using Handler = std::function<void(const Value&)>;

  explicit Subscribers(Loop& loop) : tell_(loop, [this] { Tell(); }) {}
  Subscribers(const Subscribers&) = delete;
  Subscribers& operator=(const Subscribers&) = delete;

  // The base of `Entry`, which is in the set from construction to destruction.
  class Subscriber : public Subscription {
   public:
    Subscriber(Subscribers& all, Handler handler)
        : all_(all), id_(all.next_id_++), handler_(std::make_shared<Handler>(std::move(handler))) {
      all_.entries_.emplace(id_, this);
    }
    ~Subscriber() override { all_.entries_.erase(id_); }
    Subscriber(const Subscriber&) = delete;
    Subscriber& operator=(const Subscriber&) = delete;

    void Publish(Value value) {
      if (value_ == value) return;
      value_ = std::move(value);
      news_ = true;
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
    bool news_ = false;  // value_ was published since the handler was called last
  };

  // Null where the subscription has ended.
  Entry* Find(uint64_t id) const {
    const auto it = entries_.find(id);
    return it == entries_.end() ? nullptr : static_cast<Entry*>(it->second);
  }

  // Calls `visit` for each entry, in the order they were made; it may not make or destroy entries.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const auto& [id, entry] : entries_) visit(static_cast<Entry&>(*entry));
  }

 private:
  void Tell() {
    std::vector<uint64_t> ids;
    for (const auto& [id, entry] : entries_) {
      if (entry->news_) ids.push_back(id);
    }
    for (const uint64_t id : ids) {
      Subscriber* const entry = Find(id);  // a handler before may have ended it
      if (entry == nullptr) continue;
      entry->news_ = false;
      if (entry->told_ == entry->value_) continue;
      entry->told_ = entry->value_;
      const std::shared_ptr<Handler> handler = entry->handler_;
      const Value value = *entry->told_;
      (*handler)(value);
    }
  }

  std::map<uint64_t, Subscriber*> entries_;
  uint64_t next_id_ = 1;
  Task tell_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LOOP_SUBSCRIBERS_H_
