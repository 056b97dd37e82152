#include "control/kernel/next_hop_watch.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace warp::control {

NextHopWatch::NextHopWatch(NextHopWatches& watches, const KernelTables& kernel,
                           const Outlet& outlet, const Flow& flow, NextHopWatches::Handler handler)
    : Subscriber(watches, std::move(handler)),
      watches_(watches),
      kernel_(kernel),
      outlet_(outlet),
      flow_(flow) {
  AskRoute();
}

NextHopWatch::~NextHopWatch() { SetNeighbour(std::nullopt); }

void NextHopWatch::AskRoute() {
  const InterfaceState interface = kernel_.interfaces.Find(outlet_.interface);
  const absl::string_view trouble = !interface.present()  ? " does not exist"
                                    : !interface.admin_up ? " is down"
                                    : !interface.carrier  ? " has no link"
                                    : outlet_.link_layer && !interface.ethernet
                                        ? " has no Ethernet addresses"
                                        : "";
  if (!trouble.empty()) {
    // The neighbour stays acquired, because a link that comes back most likely leads to it again.
    route_ = Route{.reason = absl::StrCat(outlet_.interface, trouble)};
    return Evaluate();
  }
  ask_again_ = asked_;
  if (asked_) return;
  asked_ = true;
  search_ = RouteSearch(flow_, interface);
  AskNext(interface);
}

void NextHopWatch::AskNext(const InterfaceState& interface) {
  const Flow flow = *search_.Next();
  in_tables_ = true;
  // If no route leads through the interface, IPv4 answers as if every address were on its link. Only a question for the
  // table's entry tells whether there is a route, but its answer does not say which source would be chosen. So there
  // are two questions, whose answers come in their order.
  if (destination().is_v4()) SendQuestion(flow, interface, RouteQuestion::kWhether);
  SendQuestion(flow, interface, RouteQuestion::kRoute);
}

void NextHopWatch::OnOverrun() {
  asked_ = ask_again_ = false;
  AskRoute();
}

void NextHopWatch::SendQuestion(const Flow& flow, const InterfaceState& interface,
                                RouteQuestion question) {
  kernel_.socket.Ask(AskForRoute(flow, interface, question),
                     [&watches = watches_, id = id(), question](nlmsghdr* answer, int error) {
                       if (NextHopWatch* watch = watches.Find(id))
                         watch->OnAnswer(question, answer, error);
                     });
}

void NextHopWatch::OnAnswer(RouteQuestion question, nlmsghdr* answer, int error) {
  if (question == RouteQuestion::kWhether) {
    in_tables_ = answer != nullptr;
    return;
  }
  const InterfaceState interface = kernel_.interfaces.Find(outlet_.interface);
  const Flow flow = *search_.Next();
  search_.Take(answer == nullptr ? NoRoute(error, destination(), interface)
                                 : ReadRoute(answer, in_tables_, flow, interface),
               interface);
  if (interface.up() && search_.Next().has_value()) return AskNext(interface);
  asked_ = false;
  Route route = search_.Result();
  if (std::exchange(ask_again_, false) || !interface.up()) AskRoute();
  if (interface.up()) SetRoute(std::move(route));  // otherwise AskRoute has said what is wrong
}

void NextHopWatch::SetRoute(Route route) {
  route_ = std::move(route);
  if (route_.reason.empty() && outlet_.link_layer) {
    SetNeighbour(Neighbours::Key{kernel_.interfaces.Find(outlet_.interface).index, route_.gateway});
  } else {
    SetNeighbour(std::nullopt);
  }
  Evaluate();
}

void NextHopWatch::SetNeighbour(std::optional<Neighbours::Key> key) {
  if (key == neighbour_) return;
  if (key.has_value()) kernel_.neighbours.Acquire(*key);
  if (neighbour_.has_value()) kernel_.neighbours.Release(*neighbour_);
  neighbour_ = key;
}

bool NextHopWatch::OnNeighbourChanged(const Neighbours::Key& key) {
  if (neighbour_ != key) return false;
  Evaluate();
  return true;
}

void NextHopWatch::Evaluate() {
  if (!route_.reason.empty())
    return Publish({.state = NextHop::State::kUnreachable, .reason = route_.reason});
  NextHop next_hop{.source = route_.source,
                   .gateway = route_.gateway,
                   .mtu = route_.mtu,
                   .learned_mtu = route_.learned_mtu};
  if (!outlet_.link_layer) {
    next_hop.state = NextHop::State::kReachable;
    return Publish(std::move(next_hop));
  }
  const Neighbours::View neighbour = kernel_.neighbours.Look(*neighbour_);
  const std::string gateway = route_.gateway.ToString();
  switch (neighbour.verdict) {
    case Neighbours::Verdict::kKnown:
      next_hop.state = NextHop::State::kReachable;
      next_hop.mac = neighbour.mac;
      break;
    case Neighbours::Verdict::kAsked:
      next_hop.reason = absl::StrCat("asking ", gateway, " for its link-layer address");
      break;
    case Neighbours::Verdict::kSilent:
      next_hop.state = NextHop::State::kUnreachable;
      next_hop.reason = absl::StrCat(gateway, " does not answer on ", outlet_.interface);
      break;
  }
  Publish(std::move(next_hop));
}

}  // namespace warp::control
