#include "dataplane/lcore/port/packet_socket/segmentation_watch.h"

#include <linux/ethtool.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/os/errno_status.h"
#include "dataplane/os/thread.h"

namespace warp::lcore {
namespace {

// IFLA_GSO_IPV4_MAX_SIZE, which Linux knows since 6.3: a limit of IPv4 frames alone, beside that of all.
constexpr uint16_t kIpv4MaxSize = 63;

// Bytes of a request whose answer is as long as it says itself, aligned as any structure.
using Words = std::vector<uint64_t>;
Words WordsFor(size_t bytes) { return Words((bytes + sizeof(uint64_t) - 1) / sizeof(uint64_t)); }

bool Ethtool(int control, const std::string& interface, void* request) {
  ifreq call{};
  interface.copy(call.ifr_name, sizeof(call.ifr_name) - 1);
  call.ifr_data = static_cast<char*>(request);
  return ioctl(control, SIOCETHTOOL, &call) == 0;
}

// The features of this kernel by name: the bits by which it tells which are on.
std::map<std::string, size_t> FeatureBits(int control, const std::string& interface) {
  std::map<std::string, size_t> bits;
  Words sizes = WordsFor(sizeof(ethtool_sset_info) + sizeof(uint32_t));
  auto* info = reinterpret_cast<ethtool_sset_info*>(sizes.data());
  info->cmd = ETHTOOL_GSSET_INFO;
  info->sset_mask = uint64_t{1} << ETH_SS_FEATURES;
  if (!Ethtool(control, interface, info) || info->sset_mask == 0) return bits;
  uint32_t count = 0;
  std::memcpy(&count, info->data, sizeof(count));

  Words names = WordsFor(sizeof(ethtool_gstrings) + size_t{count} * ETH_GSTRING_LEN);
  auto* strings = reinterpret_cast<ethtool_gstrings*>(names.data());
  strings->cmd = ETHTOOL_GSTRINGS;
  strings->string_set = ETH_SS_FEATURES;
  strings->len = count;
  if (!Ethtool(control, interface, strings)) return bits;
  for (size_t bit = 0; bit < count; ++bit) {
    const char* name = reinterpret_cast<const char*>(strings->data) + bit * ETH_GSTRING_LEN;
    bits.emplace(std::string(name, strnlen(name, ETH_GSTRING_LEN)), bit);
  }
  return bits;
}

// Whether the interface cuts UDP frames. The kernel lets it do so only where it fills in checksums as well.
bool CutsUdp(int control, const std::string& interface) {
  const std::map<std::string, size_t> bits = FeatureBits(control, interface);
  size_t blocks = 0;
  for (const auto& [name, bit] : bits) blocks = std::max(blocks, bit / 32 + 1);
  Words words = WordsFor(sizeof(ethtool_gfeatures) + blocks * sizeof(ethtool_get_features_block));
  auto* features = reinterpret_cast<ethtool_gfeatures*>(words.data());
  features->cmd = ETHTOOL_GFEATURES;
  features->size = static_cast<uint32_t>(blocks);
  if (blocks == 0 || !Ethtool(control, interface, features)) return false;
  const auto is_on = [&](const char* name) {
    const auto bit = bits.find(name);
    if (bit == bits.end() || bit->second / 32 >= features->size) return false;
    return (features->features[bit->second / 32].active >> bit->second % 32 & 1) != 0;
  };
  const bool sums =
      is_on("tx-checksum-ip-generic") || (is_on("tx-checksum-ipv4") && is_on("tx-checksum-ipv6"));
  return is_on("tx-udp-segmentation") && sums;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SegmentationWatch>> SegmentationWatch::Start(
    int interface, std::function<void(const Segmentation&)> tell) {
  std::unique_ptr<SegmentationWatch> watch(new SegmentationWatch(interface, std::move(tell)));
  if (absl::Status status = watch->OpenSockets(); !status.ok()) return status;
  watch->ReadNews();
  watch->Ask();
  watch->tell_(watch->told_);
  absl::StatusOr<std::thread> thread = os::StartThread([raw = watch.get()] { raw->Run(); });
  if (!thread.ok()) return thread.status();
  watch->thread_ = *std::move(thread);
  return watch;
}

SegmentationWatch::~SegmentationWatch() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(stop_.get(), &one, sizeof(one));
  thread_.join();
}

// The news are joined before the first question, so that no change gets lost between the two. The answer about the
// link is read as news, too.
absl::Status SegmentationWatch::OpenSockets() {
  control_ = os::UniqueFd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  netlink_ =
      os::UniqueFd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  stop_ = os::UniqueFd(eventfd(0, EFD_CLOEXEC));
  if (!control_ || !netlink_ || !stop_) return os::ErrnoStatus(errno, "socket");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK;
  if (bind(netlink_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return os::ErrnoStatus(errno, "netlink");
  }
  if (!RequestLink()) return os::ErrnoStatus(errno, "netlink");
  return absl::OkStatus();
}

bool SegmentationWatch::RequestLink() {
  struct {
    nlmsghdr header;
    ifinfomsg link;
  } request{};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = RTM_GETLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.link.ifi_index = interface_;
  return send(netlink_.get(), &request, sizeof(request), 0) >= 0;
}

// Returns whether there may be news of the interface.
bool SegmentationWatch::ReadNews() {
  bool news = false, lost = false;
  alignas(nlmsghdr) std::array<char, 32768> bytes;
  while (true) {
    const ssize_t size = recv(netlink_.get(), bytes.data(), bytes.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == ENOBUFS) {
      news = lost = true;
      continue;
    }
    if (size <= 0) {
      // The answer stands for what was lost. There is room for it only now that the socket is empty.
      if (!std::exchange(lost, false) || !RequestLink()) return news;
      continue;
    }
    auto left = static_cast<uint32_t>(size);
    for (auto* message = reinterpret_cast<nlmsghdr*>(bytes.data()); NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type != RTM_NEWLINK || NLMSG_PAYLOAD(message, 0) < sizeof(ifinfomsg)) {
        continue;
      }
      auto* link = static_cast<ifinfomsg*>(NLMSG_DATA(message));
      if (link->ifi_index != interface_ || link->ifi_family != AF_UNSPEC) continue;
      news = true;
      auto rest = static_cast<uint32_t>(NLMSG_PAYLOAD(message, sizeof(ifinfomsg)));
      uint32_t lowest = UINT32_MAX;
      for (rtattr* fact = IFLA_RTA(link); RTA_OK(fact, rest); fact = RTA_NEXT(fact, rest)) {
        uint32_t value = 0;
        if (RTA_PAYLOAD(fact) != sizeof(value)) continue;
        std::memcpy(&value, RTA_DATA(fact), sizeof(value));
        if (fact->rta_type == IFLA_GSO_MAX_SEGS) segments_ = value;
        if (fact->rta_type == IFLA_GSO_MAX_SIZE || fact->rta_type == kIpv4MaxSize)
          lowest = std::min(lowest, value);
      }
      if (lowest != UINT32_MAX) bytes_ = lowest;  // News of a wireless driver name no limit.
    }
  }
}

void SegmentationWatch::Ask() {
  std::array<char, IF_NAMESIZE> name{};
  const bool present = if_indextoname(static_cast<unsigned>(interface_), name.data()) != nullptr;
  told_ = {.enabled = present && CutsUdp(control_.get(), name.data()),
           .segments = segments_,
           .bytes = bytes_};
}

void SegmentationWatch::Run() {
  os::NameThisThread("warp-features");
  os::RunOnAnyCpu();
  while (true) {
    std::array<pollfd, 2> ready = {{{.fd = netlink_.get(), .events = POLLIN, .revents = 0},
                                    {.fd = stop_.get(), .events = POLLIN, .revents = 0}}};
    if (poll(ready.data(), ready.size(), -1) < 0) continue;
    if (ready[1].revents != 0) return;
    if (!ReadNews()) continue;
    const Segmentation before = told_;
    Ask();
    if (told_ != before) tell_(told_);
  }
}

}  // namespace warp::lcore
