#include "control/kernel/netlink.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "control/kernel/interface_table.h"
#include "control/kernel/netlink_message.h"
#include "control/kernel/netlink_socket.h"
#include "control/kernel/next_hops.h"

namespace warp::control {
namespace {

class NetlinkImpl : public Netlink, public NetlinkSocket::Handler {
 public:
  explicit NetlinkImpl(Loop& loop)
      : loop_(loop),
        dump_again_(loop, [this] { StartDump(); }),
        notify_(loop, [this] { Notify(); }) {}

  absl::Status Start() {
    auto socket = NetlinkSocket::Open(loop_, *this);
    if (!socket.ok()) return socket.status();
    socket_ = *std::move(socket);
    next_hops_.emplace(loop_, *socket_, interfaces_);
    StartDump();
    return socket_->Pump([this] { return dump_ == Dump::kNone; });
  }

  InterfaceState Find(absl::string_view name) const override { return interfaces_.Find(name); }

  std::unique_ptr<Subscription> WatchInterface(absl::string_view name,
                                               InterfaceHandler handler) override {
    notify_.Schedule();
    return std::make_unique<InterfaceWatch>(*this, std::string(name), std::move(handler));
  }

  std::unique_ptr<Subscription> WatchNextHop(absl::string_view interface,
                                             const wire::IpAddress& destination,
                                             NextHopHandler handler) override {
    return next_hops_->Watch(interface, destination, std::move(handler));
  }

  // --- NetlinkSocket::Handler ---

  void OnMessage(nlmsghdr* message, uint32_t sequence) override {
    switch (message->nlmsg_type) {
      case RTM_NEWLINK:
      case RTM_DELLINK:
      case RTM_NEWADDR:
      case RTM_DELADDR:
        return interfaces_.Apply(message);
      case RTM_NEWROUTE:
      case RTM_DELROUTE:
        return sequence == 0 ? next_hops_->OnRouteEvent(message)
                             : next_hops_->OnAnswer(message, sequence);
      case RTM_NEWNEIGH:
      case RTM_DELNEIGH:
        // An answer tells the state of now as well as an event does.
        if (sequence != 0) next_hops_->OnAnswer(message, sequence);
        return next_hops_->OnNeighbourEvent(message);
      case RTM_NEWRULE:
      case RTM_DELRULE:
        return next_hops_->OnRulesChanged();
      default:
        return;
    }
  }

  void OnEnd(uint32_t sequence, int error) override {
    if (dump_ == Dump::kNone || sequence != dump_sequence_)
      return next_hops_->OnEnd(sequence, error);
    if (error == -EINTR) return StartDump();  // the tables changed in the midst of it
    if (error != 0)
      return dump_again_.Set(kDumpRetry);  // one from before an overrun is still running
    if (dump_ == Dump::kLinks) {
      interfaces_.EndLinkDump();
      dump_ = Dump::kAddresses;
      dump_sequence_ = socket_->Ask(NetlinkRequest(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{}));
    } else {
      interfaces_.EndAddressDump();
      dump_ = Dump::kNone;
    }
  }

  void OnOverrun() override {
    StartDump();
    next_hops_->OnOverrun();
  }

  void OnBatchEnd() override {
    if (interfaces_.version() == acted_on_) return;
    acted_on_ = interfaces_.version();
    next_hops_->OnInterfacesChanged();
    notify_.Schedule();
  }

 private:
  class InterfaceWatch : public Subscription {
   public:
    InterfaceWatch(NetlinkImpl& netlink, std::string name, InterfaceHandler handler)
        : netlink_(netlink),
          id_(netlink.next_id_++),
          name_(std::move(name)),
          handler_(std::make_shared<InterfaceHandler>(std::move(handler))) {
      netlink_.watches_.emplace(id_, this);
    }
    ~InterfaceWatch() override { netlink_.watches_.erase(id_); }

    NetlinkImpl& netlink_;
    const uint64_t id_;
    const std::string name_;
    const std::shared_ptr<InterfaceHandler> handler_;
    std::optional<InterfaceState> told_;
  };
  static constexpr wire::Duration kDumpRetry = std::chrono::milliseconds(10);
  enum class Dump : uint8_t { kNone, kLinks, kAddresses };

  void StartDump() {
    interfaces_.BeginDump();
    dump_ = Dump::kLinks;
    dump_sequence_ = socket_->Ask(NetlinkRequest(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{}));
  }

  void Notify() {
    std::vector<uint64_t> ids;
    for (const auto& [id, watch] : watches_) ids.push_back(id);
    for (const uint64_t id : ids) {
      const auto it = watches_.find(id);  // a handler before may have ended it
      if (it == watches_.end()) continue;
      InterfaceState state = interfaces_.Find(it->second->name_);
      if (it->second->told_ == state) continue;
      it->second->told_ = state;
      const auto handler = it->second->handler_;
      (*handler)(state);
    }
  }

  Loop& loop_;
  InterfaceTable interfaces_;
  std::unique_ptr<NetlinkSocket> socket_;
  std::optional<NextHops> next_hops_;
  std::map<uint64_t, InterfaceWatch*> watches_;
  uint64_t next_id_ = 1;
  Dump dump_ = Dump::kNone;
  uint32_t dump_sequence_ = 0;
  uint64_t acted_on_ = 0;  // version of interfaces_
  Timer dump_again_;
  Task notify_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Netlink>> Netlink::Create(Loop& loop) {
  auto netlink = std::make_unique<NetlinkImpl>(loop);
  if (absl::Status status = netlink->Start(); !status.ok()) return status;
  return netlink;
}

}  // namespace warp::control
