// A netlink without a kernel: the test says which interfaces there are, and when a next hop is known.
#ifndef WARP_TESTS_CONTROL_FAKE_NETLINK_H_
#define WARP_TESTS_CONTROL_FAKE_NETLINK_H_

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "control/kernel/netlink.h"

namespace warp::control {

class FakeNetlink : public Netlink {
 public:
  InterfaceState Find(absl::string_view name) const override {
    const auto found = interfaces.find(std::string(name));
    return found == interfaces.end() ? InterfaceState{} : found->second;
  }
  // Change tells the watchers of an interface what became of it, in the order in which they came.
  std::unique_ptr<Subscription> WatchInterface(absl::string_view name,
                                               InterfaceHandler handler) override {
    watchers_[next_watcher_] = {std::string(name), std::move(handler)};
    return std::make_unique<End>([this, key = next_watcher_++] { watchers_.erase(key); });
  }
  // Whoever watches them all is told after that.
  void Change(const std::string& name, const InterfaceState& state) {
    interfaces[name] = state;
    for (const auto& [key, watcher] : std::map(watchers_)) {
      if (watcher.first == name && watchers_.contains(key)) watcher.second(state);
    }
    if (all_watcher_) all_watcher_(All());
  }
  std::vector<os::Interface> All() const override {
    std::vector<os::Interface> all;
    for (const auto& [name, state] : interfaces) {
      if (state.present()) {
        all.push_back({.name = name, .index = state.index, .loopback = name == "lo"});
      }
    }
    std::sort(all.begin(), all.end(),
              [](const os::Interface& a, const os::Interface& b) { return a.index < b.index; });
    return all;
  }
  std::unique_ptr<Subscription> WatchAll(InterfacesHandler handler) override {
    all_watcher_ = std::move(handler);
    return std::make_unique<End>([this] { all_watcher_ = nullptr; });
  }
  std::unique_ptr<Subscription> WatchNextHop(const Outlet& outlet, const Flow& flow,
                                             NextHopHandler handler) override {
    std::string key = outlet.interface + " " + flow.remote.address.ToString();
    if (!flow.local.address.is_unspecified()) key += " from " + flow.local.address.ToString();
    handlers_[key] = std::move(handler);
    return std::make_unique<Entry>(*this, key);
  }
  // Tells of the next hop, named as in "eth0 10.9.0.2" or "eth0 10.9.0.2 from 10.0.0.3".
  void Answer(const std::string& key, const NextHop& hop) { handlers_.at(key)(hop); }
  void Answer(const std::string& key, NextHop::State state) {
    NextHop hop;
    hop.state = state;
    hop.source = *wire::IpAddress::Parse("10.0.0.1");
    hop.mac = {{2, 0, 0, 0, 0, 9}};
    hop.mtu = 1500;
    Answer(key, hop);
  }
  bool Watches(const std::string& key) const { return handlers_.contains(key); }

  std::map<std::string, InterfaceState> interfaces;  // by name

 private:
  struct End : Subscription {
    explicit End(std::function<void()> e) : end(std::move(e)) {}
    ~End() override { end(); }
    std::function<void()> end;
  };
  struct Entry : Subscription {
    Entry(FakeNetlink& o, std::string k) : owner(o), key(std::move(k)) {}
    ~Entry() override { owner.handlers_.erase(key); }
    FakeNetlink& owner;
    std::string key;
  };
  std::map<std::string, NextHopHandler> handlers_;
  std::map<int, std::pair<std::string, InterfaceHandler>> watchers_;
  int next_watcher_ = 0;
  InterfacesHandler all_watcher_;
};

}  // namespace warp::control

#endif  // WARP_TESTS_CONTROL_FAKE_NETLINK_H_
