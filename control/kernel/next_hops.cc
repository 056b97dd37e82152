#include "control/kernel/next_hops.h"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/kernel/netlink_message.h"

namespace warp::control {
namespace {

bool Contains(const std::vector<wire::IpAddress>& addresses, const wire::IpAddress& address) {
  return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
}

bool Covers(const wire::IpAddress& prefix, size_t length, const wire::IpAddress& address) {
  if (prefix.is_v4()) length += 96;  // mapped
  for (size_t bit = 0; bit < length; bit += 8) {
    const uint8_t mask =
        static_cast<uint8_t>(length - bit >= 8 ? 0xff : 0xff << (8 - (length - bit)));
    if (((prefix.bytes()[bit / 8] ^ address.bytes()[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

}  // namespace

// One subscription. Its question travels to the kernel and back once at a time; what changes
// meanwhile is asked afterwards.
class NextHops::Hop : public Netlink::Subscription {
 public:
  Hop(NextHops& hops, std::string interface, const wire::IpAddress& destination,
      Netlink::NextHopHandler handler)
      : hops_(hops),
        id_(hops.next_id_++),
        interface_(std::move(interface)),
        destination_(destination),
        handler_(std::make_shared<Netlink::NextHopHandler>(std::move(handler))) {
    hops_.hops_.emplace(id_, this);
  }
  ~Hop() override {
    SetNeighbour(std::nullopt);
    hops_.hops_.erase(id_);
  }

  // Asks for the route, or says at once why there can be none.
  void Ask() {
    const InterfaceState interface = hops_.interfaces_.Find(interface_);
    const absl::string_view trouble = !interface.present()  ? " does not exist"
                                      : !interface.admin_up ? " is down"
                                      : !interface.carrier  ? " has no link"
                                      : !interface.ethernet ? " has no Ethernet addresses"
                                                            : "";
    if (!trouble.empty()) {
      // The neighbour is kept in mind: a link that comes back most likely leads to it again.
      route_ = Route{.reason = absl::StrCat(interface_, trouble)};
      return hops_.Evaluate(*this);
    }
    if (asked_) {
      again_ = true;
      return;
    }
    asked_ = true;
    no_route_ = false;
    const bool v4 = destination_.is_v4();
    // Where no route leads through the interface, IPv4's answer is a guess: everything were on the
    // link. Whether a route was found is told only by a question for the table's entry, which in
    // turn does not say which source is chosen.
    if (v4) Ask(interface.index, RTM_F_FIB_MATCH);
    Ask(interface.index, 0);
  }

  NextHops& hops_;
  const uint64_t id_;
  const std::string interface_;
  const wire::IpAddress destination_;
  const std::shared_ptr<Netlink::NextHopHandler> handler_;

  bool asked_ = false;     // an answer is awaited
  bool again_ = false;     // something changed meanwhile
  bool no_route_ = false;  // as the first of IPv4's two answers says
  std::optional<Route> route_;
  std::optional<Neighbours::Key> neighbour_;
  NextHop state_;
  bool notify_ = false;

  void SetNeighbour(std::optional<Neighbours::Key> key) {
    if (key == neighbour_) return;
    if (key.has_value()) hops_.neighbours_.Acquire(*key);
    if (neighbour_.has_value()) hops_.neighbours_.Release(*neighbour_);
    neighbour_ = key;
  }

 private:
  void Ask(int interface, uint32_t flags) {
    rtmsg body{};
    body.rtm_family = static_cast<uint8_t>(AddressFamily(destination_));
    body.rtm_dst_len = destination_.is_v4() ? 32 : 128;
    body.rtm_flags = flags;
    NetlinkRequest request(RTM_GETROUTE, 0, body);
    request.Put(RTA_DST, destination_).Put(RTA_OIF, static_cast<uint32_t>(interface));
    hops_.questions_[hops_.socket_.Ask(std::move(request))] = {.hop = id_,
                                                               .only_whether = flags != 0};
  }
};

NextHops::NextHops(Loop& loop, NetlinkSocket& socket, const InterfaceTable& interfaces)
    : socket_(socket),
      interfaces_(interfaces),
      neighbours_(loop, socket, [this](const Neighbours::Key& key) { NeighbourChanged(key); }),
      notify_(loop, [this] { Notify(); }),
      refresh_(loop, [this] {
        OnRulesChanged();
        refresh_.Set(kRefresh);
      }) {
  refresh_.Set(kRefresh);
}

NextHops::~NextHops() = default;

std::unique_ptr<Netlink::Subscription> NextHops::Watch(absl::string_view interface,
                                                       const wire::IpAddress& destination,
                                                       Netlink::NextHopHandler handler) {
  auto hop = std::make_unique<Hop>(*this, std::string(interface), destination, std::move(handler));
  known_.try_emplace(hop->interface_, interfaces_.Find(interface));
  hop->Ask();
  return hop;
}

// --- What may change an answer ---

void NextHops::OnInterfacesChanged() {
  for (auto& [name, known] : known_) {
    InterfaceState now = interfaces_.Find(name);
    if (now == known) continue;
    const bool moved = now.index != known.index;
    if (known.present() && (moved || !now.up())) neighbours_.Forget(known.index);
    if (now.up() && (moved || !known.up())) neighbours_.Hurry(now.index);
    known = std::move(now);
    for (auto& [id, hop] : hops_) {
      if (hop->interface_ == name) hop->Ask();
    }
  }
}

void NextHops::OnRouteEvent(nlmsghdr* message) {
  const NetlinkView<rtmsg, RTA_DST> view(message);
  if (!view.valid()) return;
  const bool v4 = view.body().rtm_family == AF_INET;
  if (!v4 && view.body().rtm_family != AF_INET6) return;  // multicast routing
  const wire::IpAddress everywhere = v4 ? wire::IpAddress::V4({}) : wire::IpAddress();
  const wire::IpAddress prefix = view.Address(RTA_DST).value_or(everywhere);
  for (auto& [id, hop] : hops_) {
    if (hop->destination_.is_v4() == v4 &&
        Covers(prefix, view.body().rtm_dst_len, hop->destination_))
      hop->Ask();
  }
}

void NextHops::OnRulesChanged() {
  for (auto& [id, hop] : hops_) hop->Ask();
}

void NextHops::OnNeighbourEvent(nlmsghdr* message) { neighbours_.OnEvent(message); }

void NextHops::OnOverrun() {
  questions_.clear();
  neighbours_.OnOverrun();
  for (auto& [id, hop] : hops_) {
    hop->asked_ = hop->again_ = false;
    hop->Ask();
  }
}

// --- Answers ---

void NextHops::OnAnswer(nlmsghdr* message, uint32_t sequence) {
  if (neighbours_.OnAnswer(message, sequence)) return;
  const auto it = questions_.find(sequence);
  if (it == questions_.end()) return;
  const Question question = it->second;
  questions_.erase(it);
  const auto hop = hops_.find(question.hop);
  if (hop == hops_.end() || question.only_whether) return;
  Answered(*hop->second, ReadRoute(*hop->second, message));
}

void NextHops::OnEnd(uint32_t sequence, int error) {
  if (neighbours_.OnEnd(sequence, error)) return;
  const auto it = questions_.find(sequence);
  if (it == questions_.end()) return;
  const Question question = it->second;
  questions_.erase(it);
  const auto found = hops_.find(question.hop);
  if (found == hops_.end()) return;
  Hop& hop = *found->second;
  if (question.only_whether) {
    hop.no_route_ = true;
    return;
  }
  const absl::string_view why = error == -EACCES   ? "a route prohibits "
                                : error == -EINVAL ? "a route discards what goes to "
                                                   : "no route to ";
  Answered(hop,
           {.reason = absl::StrCat(why, hop.destination_.ToString(), " through ", hop.interface_)});
}

NextHops::Route NextHops::ReadRoute(const Hop& hop, nlmsghdr* message) const {
  const NetlinkView<rtmsg, RTA_VIA> view(message);
  const std::string destination = hop.destination_.ToString();
  const InterfaceState interface = interfaces_.Find(hop.interface_);
  if (!view.valid() || hop.no_route_ ||
      view.U32(RTA_OIF) != static_cast<uint32_t>(interface.index)) {
    if (view.valid() && view.body().rtm_type == RTN_LOCAL)
      return {.reason = absl::StrCat(destination, " is an address of this machine")};
    return {.reason = absl::StrCat("no route to ", destination, " through ", hop.interface_)};
  }
  if (view.body().rtm_type != RTN_UNICAST)
    return {.reason = absl::StrCat(destination, " is not the address of one machine")};

  Route route{.gateway = view.Address(RTA_GATEWAY).value_or(hop.destination_)};
  // An IPv4 route may have a gateway of IPv6 (RFC 8950): family, then address.
  if (nlattr* via = view.Find(RTA_VIA); via != nullptr && nla_len(via) > 2) {
    const auto* bytes = static_cast<const uint8_t*>(nla_data(via));
    route.gateway =
        ReadAddress({bytes + 2, static_cast<size_t>(nla_len(via)) - 2}).value_or(route.gateway);
  }
  if (nlattr* metrics = view.Find(RTA_METRICS)) {
    if (nlattr* mtu = nla_find(static_cast<nlattr*>(nla_data(metrics)), nla_len(metrics), RTAX_MTU);
        mtu != nullptr && nla_len(mtu) >= 4)
      route.mtu = nla_get_u32(mtu);
  }
  // The kernel would lend an address of another interface, to which no answer of this port's could
  // come.
  const auto source = view.Address(RTA_PREFSRC);
  if (!source.has_value() ||
      !(Contains(interface.addresses, *source) || Contains(interface.link_locals, *source)))
    return {.reason = absl::StrCat(hop.interface_, " has no usable ",
                                   hop.destination_.is_v4() ? "IPv4" : "IPv6", " address to reach ",
                                   destination)};
  route.source = *source;
  return route;
}

void NextHops::Answered(Hop& hop, Route route) {
  hop.asked_ = false;
  const InterfaceState interface = interfaces_.Find(hop.interface_);
  const bool again = std::exchange(hop.again_, false);
  if (again || !interface.up()) hop.Ask();
  if (!interface.up()) return;
  if (route.mtu == 0 || route.mtu > interface.mtu) route.mtu = interface.mtu;
  const bool found = route.reason.empty();
  hop.SetNeighbour(found ? std::optional<Neighbours::Key>({interface.index, route.gateway})
                         : std::nullopt);
  hop.route_ = std::move(route);
  Evaluate(hop);
}

void NextHops::NeighbourChanged(const Neighbours::Key& key) {
  for (auto& [id, hop] : hops_) {
    if (hop->neighbour_ == key) Evaluate(*hop);
  }
}

void NextHops::Evaluate(Hop& hop) {
  NextHop state;
  const Route& route = *hop.route_;
  if (!route.reason.empty()) {
    state.state = NextHop::State::kUnreachable;
    state.reason = route.reason;
  } else {
    const Neighbours::View neighbour = neighbours_.Look(*hop.neighbour_);
    state.source = route.source;
    state.gateway = route.gateway;
    state.mtu = route.mtu;
    switch (neighbour.verdict) {
      case Neighbours::Verdict::kKnown:
        state.state = NextHop::State::kReachable;
        state.mac = neighbour.mac;
        break;
      case Neighbours::Verdict::kAsked:
        state.reason =
            absl::StrCat("asking ", route.gateway.ToString(), " for its link-layer address");
        break;
      case Neighbours::Verdict::kSilent:
        state.state = NextHop::State::kUnreachable;
        state.reason =
            absl::StrCat(route.gateway.ToString(), " does not answer on ", hop.interface_);
        break;
    }
  }
  if (state == hop.state_) return;
  hop.state_ = std::move(state);
  hop.notify_ = true;
  notify_.Schedule();
}

void NextHops::Notify() {
  std::vector<uint64_t> ids;
  for (auto& [id, hop] : hops_) {
    if (hop->notify_) ids.push_back(id);
  }
  for (const uint64_t id : ids) {
    const auto it = hops_.find(id);  // a handler before may have ended it
    if (it == hops_.end()) continue;
    it->second->notify_ = false;
    const NextHop state = it->second->state_;
    const auto handler = it->second->handler_;
    (*handler)(state);
  }
}

}  // namespace warp::control
