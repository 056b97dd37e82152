#include "control/kernel/netlink.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/kernel/interface_table.h"
#include "control/kernel/neighbours.h"
#include "control/kernel/netlink_message.h"
#include "control/kernel/netlink_socket.h"
#include "control/kernel/next_hops.h"
#include "control/kernel/router/advertised_prefixes.h"
#include "control/loop/subscribers.h"

namespace warp::control {
namespace {

class InterfaceWatch;
using InterfaceWatches = Subscribers<InterfaceWatch, InterfaceState>;

class InterfaceWatch : public InterfaceWatches::Subscriber {
 public:
  InterfaceWatch(InterfaceWatches& all, std::string name, InterfaceWatches::Handler handler)
      : Subscriber(all, std::move(handler)), name_(std::move(name)) {}
  const std::string& name() const { return name_; }

 private:
  const std::string name_;
};

// Of all interfaces.
class ListWatch;
using ListWatches = Subscribers<ListWatch, std::vector<os::Interface>>;
class ListWatch : public ListWatches::Subscriber {
 public:
  using Subscriber::Subscriber;
};

class NetlinkImpl : public Netlink, public NetlinkSocket::Handler {
 public:
  explicit NetlinkImpl(Loop& loop)
      : loop_(loop),
        watches_(loop),
        list_watches_(loop),
        prefixes_end_(loop, [this] { OnPrefixesEnd(); }),
        dump_again_(loop, [this] { StartDump(); }) {}

  absl::Status Start() {
    auto socket = NetlinkSocket::Open(loop_, *this);
    if (!socket.ok()) return socket.status();
    socket_ = *std::move(socket);
    neighbours_.emplace(loop_, *socket_, [this](const Neighbours::Key& key) {
      next_hops_->OnNeighbourChanged(key);
    });
    next_hops_.emplace(loop_, KernelTables{*socket_, interfaces_, *neighbours_});
    StartDump();
    return socket_->Pump([this] { return !dumping_; });
  }

  InterfaceState Find(absl::string_view name) const override {
    InterfaceState state = interfaces_.Find(name);
    state.translating = prefixes_.Of(state.index);
    return state;
  }

  std::unique_ptr<Subscription> WatchInterface(absl::string_view name,
                                               InterfaceHandler handler) override {
    auto watch = std::make_unique<InterfaceWatch>(watches_, std::string(name), std::move(handler));
    watch->Publish(Find(name));
    return watch;
  }

  std::vector<os::Interface> All() const override { return interfaces_.All(); }

  std::unique_ptr<Subscription> WatchAll(InterfacesHandler handler) override {
    auto watch = std::make_unique<ListWatch>(list_watches_, std::move(handler));
    watch->Publish(All());
    return watch;
  }

  std::unique_ptr<Subscription> WatchNextHop(const Outlet& outlet, const Flow& flow,
                                             NextHopHandler handler) override {
    return next_hops_->Watch(outlet, flow, std::move(handler));
  }

  // --- NetlinkSocket::Handler ---

  void OnMessage(nlmsghdr* message) override {
    switch (message->nlmsg_type) {
      case RTM_NEWLINK:
      case RTM_DELLINK:
      case RTM_NEWADDR:
      case RTM_DELADDR:
        return interfaces_.Apply(message);
      case RTM_NEWROUTE:
      case RTM_DELROUTE:
        return next_hops_->OnRouteEvent(message);
      case RTM_NEWNEIGH:
      case RTM_DELNEIGH:
        return neighbours_->OnEvent(message);
      case RTM_NEWRULE:
      case RTM_DELRULE:
        return next_hops_->OnRulesChanged();
      case RTM_NEWNDUSEROPT:
        return prefixes_.Apply(loop_.now(), message);
      default:
        return;
    }
  }

  void OnOverrun() override {
    StartDump();
    neighbours_->OnOverrun();
    next_hops_->OnOverrun();
  }

  void OnBatchEnd() override {
    if (interfaces_.version() != acted_on_) {
      acted_on_ = interfaces_.version();
      prefixes_.KeepOnly([this](int index) { return interfaces_.HasLink(index); });
      next_hops_->OnInterfacesChanged();
      TellInterfaces();
      list_watches_.ForEach([this](ListWatch& watch) { watch.Publish(All()); });
    } else if (prefixes_.version() != prefixes_told_) {
      TellInterfaces();
    }
    prefixes_end_.SetAt(prefixes_.NextEnd());
  }

 private:
  void TellInterfaces() {
    prefixes_told_ = prefixes_.version();
    watches_.ForEach([this](InterfaceWatch& watch) { watch.Publish(Find(watch.name())); });
  }
  void OnPrefixesEnd() {
    prefixes_.Expire(loop_.now());
    OnBatchEnd();
  }

  static constexpr wire::Duration kDumpRetry = std::chrono::milliseconds(10);

  // Asks for all links, then for all their addresses.
  void StartDump() {
    dumping_ = true;
    interfaces_.BeginDump();
    socket_->Dump(NetlinkRequest(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{}), [this](int error) {
      if (!IsComplete(error)) return;
      interfaces_.EndLinkDump();
      socket_->Dump(NetlinkRequest(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{}), [this](int end) {
        if (!IsComplete(end)) return;
        interfaces_.EndAddressDump();
        dumping_ = false;
      });
    });
  }

  // False: the dump failed and begins anew.
  bool IsComplete(int error) {
    if (error == -EINTR) {  // the tables changed in the midst of it
      StartDump();
    } else if (error != 0) {  // one from before an overrun is still running
      dump_again_.Set(kDumpRetry);
    }
    return error == 0;
  }

  Loop& loop_;
  InterfaceTable interfaces_;
  std::unique_ptr<NetlinkSocket> socket_;
  std::optional<Neighbours> neighbours_;
  std::optional<NextHops> next_hops_;
  InterfaceWatches watches_;
  ListWatches list_watches_;
  bool dumping_ = false;
  uint64_t acted_on_ = 0;  // version of interfaces_
  AdvertisedPrefixes prefixes_;
  uint64_t prefixes_told_ = 0;  // version of prefixes_
  Timer prefixes_end_;
  Timer dump_again_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Netlink>> Netlink::Open(Loop& loop) {
  auto netlink = std::make_unique<NetlinkImpl>(loop);
  if (absl::Status status = netlink->Start(); !status.ok()) return status;
  return netlink;
}

}  // namespace warp::control
