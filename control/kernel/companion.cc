#include "control/kernel/companion.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/kernel/netlink_message.h"
#include "dataplane/os/errno_status.h"

namespace warp::control {
namespace {

constexpr size_t kBufferSize = size_t{1} << 16;  // the largest MTU and an Ethernet header

ifreq Request(const std::string& name) {
  ifreq request{};
  std::memcpy(request.ifr_name, name.data(), name.size());
  return request;
}

// The status of a system call for this interface that has just failed.
template <typename... Parts>
absl::Status Failure(const CompanionOptions& options, const Parts&... what) {
  return os::ErrnoStatus(errno, "companion interface ", options.name, ": ", what...);
}

absl::Status Attach(int fd, const CompanionOptions& options) {
  ifreq request = Request(options.name);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (ioctl(fd, TUNSETIFF, &request) == 0) return absl::OkStatus();
  if (errno == EINVAL) {  // an interface made with several queues takes us as one of them
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE;
    if (ioctl(fd, TUNSETIFF, &request) == 0) return absl::OkStatus();
  }
  if (errno == EBUSY)
    return absl::AlreadyExistsError(
        absl::StrCat("companion interface ", options.name, " is in use by another program"));
  if (errno == EINVAL)
    return absl::AlreadyExistsError(
        absl::StrCat("companion interface ", options.name,
                     ": an interface of that name exists and is not a TAP"));
  return Failure(options, "cannot open it");
}

absl::Status SetMac(int control, const CompanionOptions& options) {
  ifreq request = Request(options.name);
  request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  std::memcpy(request.ifr_hwaddr.sa_data, options.mac.bytes.data(), options.mac.bytes.size());
  if (ioctl(control, SIOCSIFHWADDR, &request) != 0)
    return Failure(options, "cannot set its address to ", options.mac.ToString());
  return absl::OkStatus();
}

// Linux 5.0. An older kernel leaves the carrier on: the port's frames are lost then, as on a cable that was cut further
// away.
void SetFirstCarrier(int fd, bool up) {
  unsigned int carrier = up ? 1 : 0;
  ioctl(fd, TUNSETCARRIER, &carrier);
}

absl::Status BringUp(int control, const CompanionOptions& options) {
  ifreq request = Request(options.name);
  request.ifr_mtu = options.mtu;
  if (ioctl(control, SIOCSIFMTU, &request) != 0)
    return Failure(options, "cannot set its MTU to ", options.mtu);
  request = Request(options.name);
  if (ioctl(control, SIOCGIFFLAGS, &request) != 0) return Failure(options, "cannot bring it up");
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (ioctl(control, SIOCSIFFLAGS, &request) != 0) return Failure(options, "cannot bring it up");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Companion>> Companion::Open(
    Loop& loop, const CompanionOptions& options, std::function<void(wire::Bytes)> on_frame) {
  if (options.name.empty() || options.name.size() >= IFNAMSIZ)
    return absl::InvalidArgumentError(absl::StrCat("companion interface \"", options.name,
                                                   "\": a name has 1 to ", IFNAMSIZ - 1,
                                                   " characters"));
  os::UniqueFd control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!control) return Failure(options, "no socket");
  ifreq existing = Request(options.name);
  const bool created = ioctl(control.get(), SIOCGIFINDEX, &existing) != 0;

  os::UniqueFd fd(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return Failure(options, "cannot open /dev/net/tun");
  if (absl::Status status = Attach(fd.get(), options); !status.ok()) return status;
  // The MAC is set before the interface comes up, because the kernel makes its link-local IPv6 address of it then.
  if (absl::Status status = SetMac(control.get(), options); !status.ok()) return status;
  SetFirstCarrier(fd.get(), options.carrier);
  if (created) {
    if (absl::Status status = BringUp(control.get(), options); !status.ok()) return status;
  }
  os::UniqueFd netlink(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  ifreq index = Request(options.name);
  if (!netlink || ioctl(control.get(), SIOCGIFINDEX, &index) != 0)
    return Failure(options, "cannot follow the link");
  return std::unique_ptr<Companion>(new Companion(loop,
                                                  {.fd = std::move(fd),
                                                   .netlink = std::move(netlink),
                                                   .index = index.ifr_ifindex,
                                                   .created = created,
                                                   .carrier = options.carrier,
                                                   .mac = options.mac},
                                                  std::move(on_frame)));
}

Companion::Companion(Loop& loop, Interface interface, std::function<void(wire::Bytes)> on_frame)
    : fd_(std::move(interface.fd)),
      netlink_(std::move(interface.netlink)),
      index_(interface.index),
      created_(interface.created),
      mac_(interface.mac),
      carrier_(interface.carrier),
      told_carrier_(interface.carrier),
      on_frame_(std::move(on_frame)),
      buffer_(new uint8_t[kBufferSize]),
      more_(loop, [this] { Read(); }),
      watch_(loop, fd_.get(), POLLIN,
             [this](uint32_t) {
               if (!more_.scheduled()) Read();
             }),
      carrier_send_(loop, netlink_.get(), [this](int result) {
        // A call that found no descriptor left the carrier as it was. The next change tells it.
        if (result < 0) told_carrier_ = !told_carrier_;
        if (result >= 0) TellCarrier();
      }) {}

void Companion::Read() {
  for (size_t i = 0; i < kFramesPerTurn; ++i) {
    const ssize_t size = read(fd_.get(), buffer_.get(), kBufferSize);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EBADFD) gone_ = true;
    if (size <= 0) return;
    on_frame_({buffer_.get(), static_cast<size_t>(size)});
  }
  more_.Schedule();
}

bool Companion::Write(wire::Bytes frame) {
  return write(fd_.get(), frame.data(), frame.size()) == static_cast<ssize_t>(frame.size());
}

void Companion::SetCarrier(bool up) {
  carrier_ = up;
  TellCarrier();
}

// What the link was while the kernel took its time is told to nobody.
void Companion::TellCarrier() {
  if (carrier_send_.busy() || told_carrier_ == carrier_) return;
  told_carrier_ = carrier_;
  ifinfomsg link{};
  link.ifi_index = index_;
  NetlinkRequest request(RTM_SETLINK, NLM_F_REQUEST, link);
  const wire::Bytes bytes = request.PutByte(IFLA_CARRIER, carrier_ ? 1 : 0).bytes();
  carrier_send_.Send({bytes.begin(), bytes.end()});
}

}  // namespace warp::control
