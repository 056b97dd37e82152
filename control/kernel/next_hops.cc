#include "control/kernel/next_hops.h"

#include <linux/rtnetlink.h>

#include <utility>

#include "control/kernel/netlink_message.h"
#include "control/kernel/route.h"

namespace warp::control {

NextHops::NextHops(Loop& loop, const KernelTables& kernel)
    : kernel_(kernel), watches_(loop), refresh_(loop, [this] {
        OnRulesChanged();
        refresh_.Set(kRefresh);
      }) {
  refresh_.Set(kRefresh);
}

std::unique_ptr<Subscription> NextHops::Watch(const Outlet& outlet, const Flow& flow,
                                              NextHopWatches::Handler handler) {
  auto watch = std::make_unique<NextHopWatch>(watches_, kernel_, outlet, flow, std::move(handler));
  known_.try_emplace(watch->interface(), kernel_.interfaces.Find(outlet.interface));
  return watch;
}

void NextHops::OnInterfacesChanged() {
  for (auto& [name, known] : known_) {
    InterfaceState now = kernel_.interfaces.Find(name);
    if (now == known) continue;
    const bool moved = now.index != known.index;
    if (known.present() && (moved || !now.up())) kernel_.neighbours.Forget(known.index);
    if (now.up() && (moved || !known.up())) kernel_.neighbours.Hurry(now.index);
    known = std::move(now);
    Visit([name = name](NextHopWatch& watch) {
      if (watch.interface() != name) return false;
      watch.AskRoute();
      return true;
    });
  }
}

void NextHops::OnRouteEvent(nlmsghdr* message) {
  const NetlinkView<rtmsg, RTA_DST> view(message);
  if (!view.valid()) return;
  const rtmsg& route = view.body();
  const bool v4 = route.rtm_family == AF_INET;
  if (!v4 && route.rtm_family != AF_INET6) return;  // multicast routing
  const wire::IpAddress everywhere = v4 ? wire::IpAddress::V4({}) : wire::IpAddress();
  const wire::IpAddress prefix = view.Address(RTA_DST).value_or(everywhere);
  const uint8_t length = route.rtm_dst_len;
  Visit([v4, prefix, length](NextHopWatch& watch) {
    if (watch.destination().is_v4() != v4 || !Covers(prefix, length, watch.destination()))
      return false;
    watch.AskRoute();
    return true;
  });
}

void NextHops::OnRulesChanged() { AskForAll(); }

void NextHops::OnNeighbourChanged(const Neighbours::Key& key) {
  Visit([key](NextHopWatch& watch) { return watch.OnNeighbourChanged(key); });
}

// Whatever waited is asked for in this round too.
void NextHops::OnOverrun() {
  watches_.ForgetRounds();
  watches_.VisitAll([](NextHopWatch& watch) {
    watch.OnOverrun();
    return true;
  });
}

void NextHops::Visit(NextHopWatches::Visit visit) {
  if (watches_.rounds() < kMostRounds) {
    watches_.VisitAll(std::move(visit));
  } else {
    AskForAll();
  }
}

void NextHops::AskForAll() {
  if (!watches_.HasBegun(all_round_)) return;
  all_round_ = watches_.VisitAll([](NextHopWatch& watch) {
    watch.AskRoute();
    return true;
  });
}

}  // namespace warp::control
