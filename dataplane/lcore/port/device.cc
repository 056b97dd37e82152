#include "dataplane/lcore/port/device.h"

#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "dataplane/lcore/memory/eal_log.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/stop_point.h"
#include "dataplane/os/unique_fd.h"

namespace warp::lcore {

namespace {

// Of EAL's lists of devices, which two threads must not change at a time.
std::timed_mutex plugging;
constexpr auto kPluggingTime = std::chrono::seconds(2);

}  // namespace

absl::StatusOr<uint16_t> PlugDevice(const std::string& bus, const std::string& name,
                                    const std::string& arguments) {
  const std::unique_lock lock(plugging, kPluggingTime);
  if (!lock.owns_lock()) {
    return absl::UnavailableError(
        absl::StrCat("device ", name, ": DPDK hangs in the plugging of another device"));
  }
  WARP_STOP_POINT(device_plugging);
  ClearEalLog();
  const int result = rte_eal_hotplug_add(bus.c_str(), name.c_str(), arguments.c_str());
  if (result < 0) return DeviceError(absl::StrCat("device ", name), result);
  uint16_t device = RTE_MAX_ETHPORTS;
  if (rte_eth_dev_get_port_by_name(name.c_str(), &device) != 0) {
    rte_eal_hotplug_remove(bus.c_str(), name.c_str());
    return absl::InvalidArgumentError(absl::StrCat("device ", name, " is not an Ethernet device"));
  }
  return device;
}

void UnplugDevice(rte_device* device) {
  const std::lock_guard lock(plugging);
  WARP_STOP_POINT(device_unplugging);
  rte_dev_remove(device);
}

std::string NewDeviceName(absl::string_view driver) {
  static std::atomic<uint32_t> serial{0};
  return absl::StrCat(driver, serial.fetch_add(1));
}

absl::Status DeviceError(absl::string_view what, int code) {
  code = std::abs(code);
  const std::string cause = FirstEalLogLine();
  const std::string sentence = absl::StrCat(what, ": ",
                                            !cause.empty()  ? cause
                                            : code == EPERM ? "failed"
                                                            : os::ErrnoText(code));
  switch (code) {
    case EACCES:  // EPERM tells nothing: its value is 1, and drivers return -1 for any failure.
      return absl::PermissionDeniedError(sentence);
    case ENODEV:
    case ENOENT:
      return absl::NotFoundError(sentence);
    case ENOTSUP:
      return absl::UnimplementedError(sentence);
    case ENOMEM:
      return absl::ResourceExhaustedError(sentence);
    default:
      return absl::UnavailableError(sentence);
  }
}

absl::StatusOr<LinkInterface> FindLinkInterface(const std::string& name) {
  ifreq request{};
  if (name.empty() || name.size() >= sizeof(request.ifr_name)) {
    return absl::NotFoundError(absl::StrCat("interface ", name, ": no such interface"));
  }
  std::memcpy(request.ifr_name, name.data(), name.size());
  const os::UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return os::ErrnoStatus(errno, "socket");
  const bool known = ioctl(fd.get(), SIOCGIFHWADDR, &request) == 0;
  const auto kind = request.ifr_hwaddr.sa_family;
  const bool indexed = known && ioctl(fd.get(), SIOCGIFINDEX, &request) == 0;
  if (!indexed) {
    return absl::NotFoundError(absl::StrCat("interface ", name, ": no such interface"));
  }
  switch (kind) {
    case ARPHRD_ETHER:
      return LinkInterface{.index = request.ifr_ifindex};
    case ARPHRD_NONE:
    case ARPHRD_PPP:
    case ARPHRD_RAWIP:
      return LinkInterface{.index = request.ifr_ifindex, .ethernet = false};
    default:
      return absl::InvalidArgumentError(absl::StrCat(
          "interface ", name, " is neither Ethernet nor plain IP: driver: udp works there"));
  }
}

absl::StatusOr<int> EthernetInterface(const std::string& name) {
  const absl::StatusOr<LinkInterface> interface = FindLinkInterface(name);
  if (interface.ok() && interface->ethernet) return interface->index;
  if (absl::IsNotFound(interface.status())) return interface.status();
  return absl::InvalidArgumentError(absl::StrCat("interface ", name, " is not Ethernet"));
}

bool HearWholeVlan(int packet_socket, int interface) {
  packet_mreq all{};
  all.mr_ifindex = interface;
  all.mr_type = PACKET_MR_PROMISC;
  return setsockopt(packet_socket, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) == 0;
}

std::vector<int> SocketsOfDomain(int domain) {
  std::vector<int> sockets;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const int fd = std::atoi(entry.path().filename().c_str());
    int found = -1;
    socklen_t size = sizeof(found);
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &found, &size) == 0 && found == domain) {
      sockets.push_back(fd);
    }
  }
  std::sort(sockets.begin(), sockets.end());
  return sockets;
}

}  // namespace warp::lcore
