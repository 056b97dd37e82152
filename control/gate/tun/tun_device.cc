#include "control/gate/tun/tun_device.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/gate/tun/packet/joiner.h"
#include "control/gate/tun/packet/offload_header.h"
#include "control/kernel/netlink_message.h"
#include "dataplane/os/errno_status.h"

namespace warp::control {
namespace {

// Since Linux 6.2, which headers of before do not have.
constexpr unsigned kOffloadUdp4 = 0x20, kOffloadUdp6 = 0x40;

absl::string_view KindOf(Layer layer) { return layer == Layer::kIp ? "TUN" : "TAP"; }

template <typename... Parts>
absl::Status Failure(int error, const std::string& name, const Parts&... what) {
  return os::ErrnoStatus(error, "interface ", name, ": ", what...);
}

absl::StatusOr<os::UniqueFd> OpenClone(const TunOptions& options) {
  os::UniqueFd fd(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (fd) return fd;
  if (errno == ENOENT || errno == ENODEV || errno == ENXIO) {
    return absl::NotFoundError(absl::StrCat("interface ", options.name,
                                            ": there is no /dev/net/tun: load the module tun, or "
                                            "give the container this device"));
  }
  return Failure(errno, options.name, "cannot open /dev/net/tun");
}

absl::Status Attach(int fd, const TunOptions& options) {
  ifreq request{};
  std::memcpy(request.ifr_name, options.name.data(), options.name.size());
  const int kind = (options.layer == Layer::kIp ? IFF_TUN : IFF_TAP) | IFF_NO_PI | IFF_VNET_HDR;
  // An interface that was made with several queues takes us as one of them.
  for (const int flags : {kind, kind | IFF_MULTI_QUEUE}) {
    request.ifr_flags = static_cast<short>(flags);
    if (ioctl(fd, TUNSETIFF, &request) == 0) {
      if (request.ifr_name == options.name) return absl::OkStatus();
      return absl::InvalidArgumentError(
          absl::StrCat("interface ", options.name,
                       ": the kernel takes this for a pattern, and made ", request.ifr_name));
    }
    if (errno != EINVAL) break;
  }
  switch (errno) {
    case EBUSY:
      return absl::AlreadyExistsError(
          absl::StrCat("interface ", options.name, " is in use by another program"));
    case EINVAL:
      return absl::AlreadyExistsError(absl::StrCat("interface ", options.name,
                                                   ": an interface of that name exists and is no ",
                                                   KindOf(options.layer)));
    case EPERM:
    case EACCES:
      return absl::PermissionDeniedError(absl::StrCat("interface ", options.name,
                                                      ": no permission: making and using it needs "
                                                      "root, or CAP_NET_ADMIN"));
    default:
      return Failure(errno, options.name, "cannot open it");
  }
}

// Whether UDP may be joined, too. A kernel that takes none of this gives and takes single packets.
bool TakeOffloads(int fd) {
  int size = sizeof(OffloadHeader), little_endian = 1;
  ioctl(fd, TUNSETVNETHDRSZ, &size);
  ioctl(fd, TUNSETVNETLE, &little_endian);
  constexpr unsigned kTcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
  if (ioctl(fd, TUNSETOFFLOAD, kTcp | kOffloadUdp4 | kOffloadUdp6) == 0) return true;
  ioctl(fd, TUNSETOFFLOAD, kTcp);
  return false;
}

// Makes a request to rtnetlink and waits for the answer. Returns 0 or an errno.
int Ask(const NetlinkRequest& request) {
  const os::UniqueFd netlink(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  const wire::Bytes bytes = request.bytes();
  if (!netlink || send(netlink.get(), bytes.data(), bytes.size(), 0) < 0) return errno;
  alignas(nlmsghdr) std::array<uint8_t, 4096> answer;
  const ssize_t size = recv(netlink.get(), answer.data(), answer.size(), 0);
  if (size < 0) return errno;
  nlmsghdr header;
  nlmsgerr error;
  if (static_cast<size_t>(size) < sizeof(header) + sizeof(error)) return EPROTO;
  std::memcpy(&header, answer.data(), sizeof(header));
  std::memcpy(&error, answer.data() + sizeof(header), sizeof(error));
  return header.nlmsg_type == NLMSG_ERROR ? -error.error : EPROTO;
}

int AddAddress(int index, const TunOptions::Address& address) {
  ifaddrmsg body{};
  body.ifa_family = static_cast<uint8_t>(AddressFamily(address.address));
  body.ifa_prefixlen = address.prefix_length;
  body.ifa_index = static_cast<unsigned>(index);
  NetlinkRequest request(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, body);
  return Ask(request.Put(IFA_LOCAL, address.address).Put(IFA_ADDRESS, address.address));
}

int SetLink(int index, uint32_t mtu, bool up) {
  ifinfomsg body{};
  body.ifi_index = index;
  if (up) body.ifi_flags = body.ifi_change = IFF_UP;
  NetlinkRequest request(RTM_NEWLINK, NLM_F_ACK, body);
  if (mtu != 0) request.Put(IFLA_MTU, mtu);
  return Ask(request);
}

// Writes a setting of the interface's (Linux Documentation/networking/ip-sysctl.rst). Returns 0 or an errno.
int SetIpv6(const std::string& name, absl::string_view key, absl::string_view value) {
  const std::string path = absl::StrCat("/proc/sys/net/ipv6/conf/", name, "/", key);
  const os::UniqueFd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file && write(file.get(), value.data(), value.size()) >= 0 ? 0 : errno;
}

// A kernel without IPv6 has no such settings, and in a container they may be read-only.
std::string StopAutoconfiguration(const std::string& name) {
  constexpr absl::string_view kNone = "1";
  SetIpv6(name, "addr_gen_mode", kNone);
  const int error = SetIpv6(name, "accept_ra", "0");
  if (error == 0 || error == ENOENT) return "";
  return absl::StrCat("interface ", name, ": the kernel takes router advertisements of the peer (",
                      std::strerror(error), "): set net.ipv6.conf.default.accept_ra=0 before");
}

absl::StatusOr<int> IndexOf(const std::string& name) {
  const os::UniqueFd control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::memcpy(request.ifr_name, name.data(), name.size());
  if (!control || ioctl(control.get(), SIOCGIFINDEX, &request) != 0) {
    return Failure(errno, name, "cannot find it");
  }
  return request.ifr_ifindex;
}

}  // namespace

absl::StatusOr<TunDevice> TunDevice::Open(const TunOptions& options) {
  if (options.name.empty() || options.name.size() >= IFNAMSIZ) {
    return absl::InvalidArgumentError(absl::StrCat(
        "interface \"", options.name, "\": a name has 1 to ", IFNAMSIZ - 1, " characters"));
  }
  const bool made = !IndexOf(options.name).ok();
  if (made && !options.make) {
    return absl::NotFoundError(absl::StrCat("interface ", options.name, " is not there"));
  }
  absl::StatusOr<os::UniqueFd> fd = OpenClone(options);
  if (!fd.ok()) return fd.status();
  if (absl::Status status = Attach(fd->get(), options); !status.ok()) return status;
  const bool joins_udp = TakeOffloads(fd->get());
  const absl::StatusOr<int> index = IndexOf(options.name);
  if (!index.ok()) return index.status();
  std::string remark;
  if (made && options.layer == Layer::kIp) remark = StopAutoconfiguration(options.name);
  for (const TunOptions::Address& address : options.addresses) {
    if (const int error = AddAddress(*index, address); error != 0) {
      return Failure(error, options.name, "cannot give it the address ", address.address.ToString(),
                     "/", int{address.prefix_length});
    }
  }
  if (options.mtu != 0) {
    absl::Status status = SetInterfaceMtu(*index, options.name, options.mtu);
    if (!status.ok()) return status;
  }
  if (const int error = SetLink(*index, 0, true); error != 0) {
    return Failure(error, options.name, "cannot bring it up");
  }
  return TunDevice(*std::move(fd), *index, made, joins_udp, std::move(remark));
}

ReadFault FaultOf(int error) {
  switch (error) {
    case EAGAIN:
      return ReadFault::kNothing;
    case EINTR:
      return ReadFault::kAgain;
    case EINVAL:
      return ReadFault::kPacket;
    default:
      return ReadFault::kInterface;
  }
}

absl::Status SetInterfaceMtu(int index, const std::string& name, uint32_t mtu) {
  const int error = SetLink(index, mtu, false);
  return error == 0 ? absl::OkStatus() : Failure(error, name, "cannot set its MTU to ", mtu);
}

ssize_t TunDevice::Read(std::span<const iovec> pieces) const {
  const ssize_t size = readv(fd_.get(), pieces.data(), static_cast<int>(pieces.size()));
  return size < 0 ? -errno : size;
}

ssize_t TunDevice::Write(std::span<const wire::Bytes> pieces) const {
  std::array<iovec, Joiner::kMostPieces> vectors;
  assert(pieces.size() <= vectors.size());
  for (size_t i = 0; i < pieces.size(); ++i) {
    vectors[i] = {const_cast<uint8_t*>(pieces[i].data()), pieces[i].size()};
  }
  const ssize_t size = writev(fd_.get(), vectors.data(), static_cast<int>(pieces.size()));
  return size < 0 ? -errno : size;
}

}  // namespace warp::control
