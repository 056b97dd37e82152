#include "control/kernel/route.h"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "absl/strings/str_cat.h"

namespace warp::control {
namespace {

bool Contains(const std::vector<wire::IpAddress>& addresses, const wire::IpAddress& address) {
  return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
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

uint32_t ReadMtu(const NetlinkView<rtmsg, RTA_VIA>& view, uint32_t interface_mtu) {
  nlattr* metrics = view.Find(RTA_METRICS);
  if (metrics == nullptr) return interface_mtu;
  nlattr* mtu = nla_find(static_cast<nlattr*>(nla_data(metrics)), nla_len(metrics), RTAX_MTU);
  if (mtu == nullptr || nla_len(mtu) < 4 || nla_get_u32(mtu) == 0) return interface_mtu;
  return std::min(nla_get_u32(mtu), interface_mtu);
}

}  // namespace

NetlinkRequest AskForRoute(const wire::IpAddress& destination, const InterfaceState& interface,
                           RouteQuestion question) {
  rtmsg body{};
  body.rtm_family = static_cast<uint8_t>(AddressFamily(destination));
  body.rtm_dst_len = destination.is_v4() ? 32 : 128;
  body.rtm_flags = question == RouteQuestion::kWhether ? RTM_F_FIB_MATCH : 0;
  NetlinkRequest request(RTM_GETROUTE, 0, body);
  request.Put(RTA_DST, destination).Put(RTA_OIF, static_cast<uint32_t>(interface.index));
  return request;
}

Route ReadRoute(nlmsghdr* answer, bool in_tables, const wire::IpAddress& destination,
                const InterfaceState& interface) {
  const NetlinkView<rtmsg, RTA_VIA> view(answer);
  if (view.valid() && view.body().rtm_type == RTN_LOCAL)
    return {.reason = absl::StrCat(destination.ToString(), " is an address of this machine")};
  if (!view.valid() || !in_tables || view.U32(RTA_OIF) != static_cast<uint32_t>(interface.index))
    return NoRoute(-ENETUNREACH, destination, interface);
  if (view.body().rtm_type != RTN_UNICAST)
    return {.reason = absl::StrCat(destination.ToString(), " is not the address of one machine")};
  // The kernel would lend the address of another interface, to which no answer could come through this one.
  const auto source = view.Address(RTA_PREFSRC);
  if (!source.has_value() ||
      !(Contains(interface.addresses, *source) || Contains(interface.link_locals, *source)))
    return {.reason = absl::StrCat(interface.name, " has no usable ",
                                   destination.is_v4() ? "IPv4" : "IPv6", " address to reach ",
                                   destination.ToString())};
  return {.gateway = ReadGateway(view, destination),
          .source = *source,
          .mtu = ReadMtu(view, interface.mtu)};
}

Route NoRoute(int error, const wire::IpAddress& destination, const InterfaceState& interface) {
  const absl::string_view why = error == -EACCES   ? "a route prohibits "
                                : error == -EINVAL ? "a route discards what goes to "
                                                   : "no route to ";
  return {.reason = absl::StrCat(why, destination.ToString(), " through ", interface.name)};
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
