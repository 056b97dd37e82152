#include "control/kernel/router/advertised_prefixes.h"

#include <linux/icmpv6.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace warp::control {
namespace {

// RFC 4861 and RFC 8781. An option says its length in units of 8 bytes.
constexpr uint8_t kRouterAdvertisement = 134;
constexpr uint8_t kPref64 = 38;
constexpr size_t kUnit = 8;
constexpr size_t kPref64Size = 16;
constexpr size_t kPrefixBytes = 12;  // of each, whatever the prefix has of them
// By the code of the option.
constexpr uint8_t kLengths[] = {96, 64, 56, 48, 40, 32};

}  // namespace

// Type, length, 13 bits of the lifetime in units of 8 seconds, 3 bits of a code for the prefix's length, the prefix.
std::optional<AdvertisedPrefix> ReadAdvertisedPrefix(wire::Bytes option) {
  if (option.size() != kPref64Size || option[0] != kPref64 || option[1] * kUnit != kPref64Size)
    return std::nullopt;
  const size_t code = option[3] & 7;
  if (code >= std::size(kLengths)) return std::nullopt;
  const uint8_t length = kLengths[code];
  std::array<uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &option[4], std::min(kPrefixBytes, length / size_t{8}));
  const auto prefix = wire::Nat64Prefix::Make(wire::IpAddress::V6(bytes), length);
  if (!prefix) return std::nullopt;
  return AdvertisedPrefix{*prefix, std::chrono::seconds(option[2] << 8 | (option[3] & 0xf8))};
}

// The structure is followed by options, and these by attributes, of which none is of interest.
void AdvertisedPrefixes::Apply(wire::Instant now, nlmsghdr* message) {
  if (message->nlmsg_type != RTM_NEWNDUSEROPT) return;
  if (nlmsg_valid_hdr(message, sizeof(nduseroptmsg)) == 0) return;
  nduseroptmsg head;
  std::memcpy(&head, nlmsg_data(message), sizeof(head));
  if (head.nduseropt_family != AF_INET6 || head.nduseropt_icmp_type != kRouterAdvertisement ||
      head.nduseropt_icmp_code != 0)
    return;
  const size_t size = static_cast<size_t>(nlmsg_datalen(message)) - sizeof(head);
  wire::Bytes rest(static_cast<const uint8_t*>(nlmsg_data(message)) + sizeof(head),
                   std::min<size_t>(size, head.nduseropt_opts_len));
  while (rest.size() >= kUnit) {
    const size_t option = rest[1] * kUnit;
    if (option == 0 || option > rest.size()) return;
    if (const auto advertised = ReadAdvertisedPrefix(rest.first(option)))
      Take(now, head.nduseropt_ifindex, *advertised);
    rest = rest.subspan(option);
  }
}

void AdvertisedPrefixes::Take(wire::Instant now, int index, const AdvertisedPrefix& advertised) {
  const auto is_it = [&](const Entry& entry) { return entry.prefix == advertised.prefix; };
  const auto of_interface = entries_.find(index);
  if (advertised.lifetime == wire::Duration(0)) {
    return Forget([&](int of, const Entry& entry) { return of == index && is_it(entry); });
  }
  if (of_interface == entries_.end() && entries_.size() >= kMostInterfaces) return;
  std::vector<Entry>& entries = entries_[index];
  const auto known = std::find_if(entries.begin(), entries.end(), is_it);
  if (known != entries.end()) {
    known->end = now + advertised.lifetime;
  } else if (entries.size() < kMostOfInterface) {
    entries.push_back({advertised.prefix, now + advertised.lifetime});
    ++version_;
  }
}

template <typename Condition>
void AdvertisedPrefixes::Forget(Condition condition) {
  for (auto it = entries_.begin(); it != entries_.end();) {
    const int index = it->first;
    const size_t gone =
        std::erase_if(it->second, [&](const Entry& entry) { return condition(index, entry); });
    version_ += gone;
    it = it->second.empty() ? entries_.erase(it) : std::next(it);
  }
}

void AdvertisedPrefixes::Expire(wire::Instant now) {
  Forget([now](int, const Entry& entry) { return entry.end <= now; });
}

void AdvertisedPrefixes::KeepOnly(absl::FunctionRef<bool(int index)> has_link) {
  Forget([&](int index, const Entry&) { return !has_link(index); });
}

std::vector<wire::Nat64Prefix> AdvertisedPrefixes::Of(int index) const {
  std::vector<wire::Nat64Prefix> prefixes;
  if (const auto of = entries_.find(index); of != entries_.end()) {
    for (const Entry& entry : of->second) prefixes.push_back(entry.prefix);
  }
  return prefixes;
}

wire::Instant AdvertisedPrefixes::NextEnd() const {
  wire::Instant next = wire::kNever;
  for (const auto& [index, entries] : entries_) {
    for (const Entry& entry : entries) next = std::min(next, entry.end);
  }
  return next;
}

}  // namespace warp::control
