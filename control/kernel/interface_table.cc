#include "control/kernel/interface_table.h"

#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "control/kernel/netlink_message.h"

namespace warp::control {
namespace {

// RFC 919: all ones behind the prefix. IPv6 has no broadcast, and subnets of 31 and 32 bits have no room for one.
std::optional<wire::IpAddress> BroadcastOf(const wire::IpAddress& address, uint8_t prefix_length) {
  if (!address.is_v4() || prefix_length > 30) return std::nullopt;
  std::array<uint8_t, 4> bytes = address.v4_bytes();
  for (size_t bit = prefix_length; bit < 32; ++bit)
    bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] | 0x80 >> bit % 8);
  return wire::IpAddress::V4(bytes);
}

}  // namespace

void InterfaceTable::Apply(nlmsghdr* message) {
  switch (message->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return ApplyLink(message);
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return ApplyAddress(message);
    default:
      return;
  }
}

void InterfaceTable::ApplyLink(nlmsghdr* message) {
  const NetlinkView<ifinfomsg, IFLA_LINK> view(message);
  // A bridge reports its members in messages of family AF_BRIDGE. A "deletion" there only means that an interface has
  // left the bridge.
  if (!view.valid() || view.body().ifi_family != AF_UNSPEC) return;
  const ifinfomsg& info = view.body();
  ++version_;
  if (message->nlmsg_type == RTM_DELLINK) {
    links_.erase(info.ifi_index);
    return;
  }
  Link& link = links_[info.ifi_index];
  link.seen = generation_;
  InterfaceState& state = link.state;
  state.index = info.ifi_index;
  state.admin_up = (info.ifi_flags & IFF_UP) != 0;
  // IFF_RUNNING would not do: it may follow up to a second later, and a link that is put back is to be used at once.
  state.carrier = (info.ifi_flags & IFF_LOWER_UP) != 0 && (info.ifi_flags & IFF_DORMANT) == 0;
  state.ethernet = info.ifi_type == ARPHRD_ETHER;
  link.loopback = (info.ifi_flags & IFF_LOOPBACK) != 0;
  // An event may leave out attributes that did not change.
  if (nlattr* name = view.Find(IFLA_IFNAME)) {
    const char* text = static_cast<const char*>(nla_data(name));
    state.name.assign(text, strnlen(text, static_cast<size_t>(nla_len(name))));
  }
  if (const auto mtu = view.U32(IFLA_MTU)) state.mtu = *mtu;
  if (const auto over = view.U32(IFLA_LINK)) state.over = static_cast<int>(*over);
  if (nlattr* mac = view.Find(IFLA_ADDRESS);
      mac != nullptr && nla_len(mac) == static_cast<int>(state.mac.bytes.size()))
    std::memcpy(state.mac.bytes.data(), nla_data(mac), state.mac.bytes.size());
}

void InterfaceTable::ApplyAddress(nlmsghdr* message) {
  const NetlinkView<ifaddrmsg, IFA_FLAGS> view(message);
  if (!view.valid()) return;
  const ifaddrmsg& info = view.body();
  const auto link = links_.find(static_cast<int>(info.ifa_index));
  if (link == links_.end()) return;
  // On a point-to-point link, IFA_ADDRESS is the address of the other end.
  auto address = view.Address(IFA_LOCAL);
  if (!address.has_value()) address = view.Address(IFA_ADDRESS);
  if (!address.has_value()) return;
  ++version_;

  std::vector<Address>& addresses = link->second.addresses;
  auto known = std::find_if(addresses.begin(), addresses.end(), [&](const Address& a) {
    return a.address == *address && a.prefix_length == info.ifa_prefixlen;
  });
  if (message->nlmsg_type == RTM_DELADDR) {
    if (known != addresses.end()) addresses.erase(known);
    return;
  }
  if (known == addresses.end())
    known = addresses.insert(known, {.address = *address, .prefix_length = info.ifa_prefixlen});
  const uint32_t flags = view.U32(IFA_FLAGS).value_or(info.ifa_flags);
  // A tentative address may not be used yet (RFC 4862), unless it is optimistic (RFC 4429).
  const bool tentative = (flags & IFA_F_TENTATIVE) != 0 && (flags & IFA_F_OPTIMISTIC) == 0;
  known->usable = !tentative && (flags & IFA_F_DADFAILED) == 0 && info.ifa_scope != RT_SCOPE_HOST;
  known->deprecated = (flags & IFA_F_DEPRECATED) != 0;
  known->seen = generation_;
}

void InterfaceTable::EndLinkDump() {
  std::erase_if(links_, [this](const auto& entry) { return entry.second.seen != generation_; });
  ++version_;
}

void InterfaceTable::EndAddressDump() {
  for (auto& [index, link] : links_)
    std::erase_if(link.addresses,
                  [this](const Address& address) { return address.seen != generation_; });
  ++version_;
}

InterfaceState InterfaceTable::Find(absl::string_view name) const {
  for (const auto& [index, link] : links_) {
    if (link.state.name != name) continue;
    InterfaceState state = link.state;
    for (const Address& address : link.addresses) {
      if (!address.usable) continue;
      if (const auto broadcast = BroadcastOf(address.address, address.prefix_length))
        state.broadcasts.push_back(*broadcast);
      auto& list = address.address.is_link_local() ? state.link_locals : state.addresses;
      // An interface may have the same address with two prefix lengths.
      if (std::find(list.begin(), list.end(), address.address) != list.end()) continue;
      list.push_back(address.address);
      if (address.deprecated) state.deprecated.push_back(address.address);
    }
    return state;
  }
  return InterfaceState{.name = std::string(name)};
}

std::vector<os::Interface> InterfaceTable::All() const {
  std::vector<os::Interface> all;
  for (const auto& [index, link] : links_) {
    if (link.state.name.empty()) continue;
    all.push_back({.name = link.state.name, .index = index, .loopback = link.loopback});
  }
  return all;
}

}  // namespace warp::control
