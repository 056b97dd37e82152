#include "control/kernel/route.h"

#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"

namespace warp::control {
namespace {

bool Contains(const std::vector<wire::IpAddress>& addresses, const wire::IpAddress& address) {
  return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
}

bool Has(const InterfaceState& interface, const wire::IpAddress& address) {
  return Contains(interface.addresses, address) || Contains(interface.link_locals, address);
}

// The addresses from which the destination can be reached at all, in the kernel's order. Those that are about to go
// come last.
std::vector<wire::IpAddress> SourcesFor(const wire::IpAddress& destination,
                                        const InterfaceState& interface) {
  std::vector<wire::IpAddress> sources;
  for (const auto* list : {&interface.addresses, &interface.link_locals}) {
    for (const wire::IpAddress& own : *list) {
      if (own.is_v4() == destination.is_v4() &&
          (own.is_v4() || own.is_link_local() == destination.is_link_local()))
        sources.push_back(own);
    }
  }
  std::stable_partition(sources.begin(), sources.end(), [&](const wire::IpAddress& own) {
    return !Contains(interface.deprecated, own);
  });
  return sources;
}

wire::IpAddress ReadGateway(const NetlinkView<rtmsg, RTA_VIA>& view,
                            const wire::IpAddress& destination) {
  const wire::IpAddress gateway = view.Address(RTA_GATEWAY).value_or(destination);
  // An IPv4 route may have a gateway of IPv6 (RFC 8950): family, then address.
  nlattr* via = view.Find(RTA_VIA);
  if (via == nullptr || nla_len(via) <= 2) return gateway;
  const auto* bytes = static_cast<const uint8_t*>(nla_data(via));
  return ReadAddress({bytes + 2, static_cast<size_t>(nla_len(via)) - 2}).value_or(gateway);
}

// What the kernel was told expires, and what was configured does not.
bool Expires(const NetlinkView<rtmsg, RTA_VIA>& view) {
  nlattr* cache = view.Find(RTA_CACHEINFO);
  rta_cacheinfo info{};
  if (cache == nullptr || static_cast<size_t>(nla_len(cache)) < sizeof(info)) return false;
  std::memcpy(&info, nla_data(cache), sizeof(info));
  return info.rta_expires != 0;
}

uint32_t ReadMtu(const NetlinkView<rtmsg, RTA_VIA>& view, uint32_t interface_mtu) {
  nlattr* metrics = view.Find(RTA_METRICS);
  if (metrics == nullptr) return interface_mtu;
  nlattr* mtu = nla_find(static_cast<nlattr*>(nla_data(metrics)), nla_len(metrics), RTAX_MTU);
  if (mtu == nullptr || nla_len(mtu) < 4 || nla_get_u32(mtu) == 0) return interface_mtu;
  return std::min(nla_get_u32(mtu), interface_mtu);
}

}  // namespace

NetlinkRequest AskForRoute(const Flow& flow, const InterfaceState& interface,
                           RouteQuestion question) {
  const wire::IpAddress& destination = flow.remote.address;
  const bool has_source = !flow.local.address.is_unspecified();
  const uint8_t whole = destination.is_v4() ? 32 : 128;
  rtmsg body{};
  body.rtm_family = static_cast<uint8_t>(AddressFamily(destination));
  body.rtm_dst_len = whole;
  body.rtm_src_len = has_source ? whole : 0;
  body.rtm_flags = question == RouteQuestion::kWhether ? RTM_F_FIB_MATCH : 0;
  NetlinkRequest request(RTM_GETROUTE, 0, body);
  request.Put(RTA_DST, destination).Put(RTA_OIF, static_cast<uint32_t>(interface.index));
  if (has_source) request.Put(RTA_SRC, flow.local.address);
  request.PutByte(RTA_IP_PROTO, IPPROTO_UDP)
      .PutPort(RTA_SPORT, flow.local.port)
      .PutPort(RTA_DPORT, flow.remote.port);
  return request;
}

Route ReadRoute(nlmsghdr* answer, bool in_tables, const Flow& flow,
                const InterfaceState& interface) {
  const wire::IpAddress& destination = flow.remote.address;
  const NetlinkView<rtmsg, RTA_VIA> view(answer);
  if (view.valid() && view.body().rtm_type == RTN_LOCAL)
    return {.reason = absl::StrCat(destination.ToString(), " is an address of this machine")};
  if (!view.valid() || !in_tables || view.U32(RTA_OIF) != static_cast<uint32_t>(interface.index))
    return NoRoute(-ENETUNREACH, destination, interface);
  if (view.body().rtm_type != RTN_UNICAST)
    return {.reason = absl::StrCat(destination.ToString(), " is not the address of one machine")};
  // The kernel says which source it would choose, not which one it was asked for. It would lend the address of another
  // interface, to which no answer could come through this one.
  const auto source = flow.local.address.is_unspecified() ? view.Address(RTA_PREFSRC)
                                                          : std::optional(flow.local.address);
  if (!source.has_value() || !Has(interface, *source))
    return {.reason = absl::StrCat(interface.name, " has no usable ",
                                   destination.is_v4() ? "IPv4" : "IPv6", " address to reach ",
                                   destination.ToString())};
  const uint32_t mtu = ReadMtu(view, interface.mtu);
  const bool expires = Expires(view);
  return {.gateway = ReadGateway(view, destination),
          .source = *source,
          .mtu = expires ? interface.mtu : mtu,
          .learned_mtu = expires && mtu < interface.mtu ? mtu : 0};
}

Route NoRoute(int error, const wire::IpAddress& destination, const InterfaceState& interface) {
  const absl::string_view why = error == -EACCES   ? "a route prohibits "
                                : error == -EINVAL ? "a route discards what goes to "
                                                   : "no route to ";
  return {.reason = absl::StrCat(why, destination.ToString(), " through ", interface.name)};
}

// --- RouteSearch. ---

RouteSearch::RouteSearch(const Flow& flow, const InterfaceState& interface) : flow_(flow) {
  if (Has(interface, flow.local.address) && !Contains(interface.deprecated, flow.local.address))
    wanted_ = flow.local.address;
}

std::optional<Flow> RouteSearch::Next() const {
  if (begun_ && sources_.empty()) return std::nullopt;
  Flow next = flow_;
  next.local.address = begun_ ? sources_.back() : wire::IpAddress();
  return next;
}

void RouteSearch::Take(Route route, const InterfaceState& interface) {
  if (begun_) {
    sources_.pop_back();
    if (!route.found()) return;
    found_ = std::move(route);
    sources_.clear();
    return;
  }
  begun_ = true;
  kernels_ = std::move(route);
  if (!kernels_.found()) {
    sources_ = SourcesFor(flow_.remote.address, interface);
    if (sources_.size() > kMostSources) sources_.resize(kMostSources);
    std::reverse(sources_.begin(), sources_.end());
    std::erase(sources_, wanted_);
  } else if (wanted_.is_unspecified()) {
    sources_ = {kernels_.source};
  }
  if (!wanted_.is_unspecified()) sources_.push_back(wanted_);
}

Route RouteSearch::Result() const {
  if (found_.has_value()) return *found_;
  Route route = kernels_;
  if (route.found() && !wanted_.is_unspecified()) route.source = wanted_;
  return route;
}

bool Covers(const wire::IpAddress& prefix, size_t length, const wire::IpAddress& address) {
  if (prefix.is_v4()) length += 96;  // IPv4 addresses are kept as IPv6 ones, mapped
  for (size_t bit = 0; bit < length; bit += 8) {
    const uint8_t mask =
        static_cast<uint8_t>(length - bit >= 8 ? 0xff : 0xff << (8 - (length - bit)));
    if (((prefix.bytes()[bit / 8] ^ address.bytes()[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

}  // namespace warp::control
