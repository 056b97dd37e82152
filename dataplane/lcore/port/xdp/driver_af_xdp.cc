#include "dataplane/lcore/port/xdp/driver_af_xdp.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <rte_mbuf.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "dataplane/lcore/memory/eal_log.h"
#include "dataplane/lcore/port/device.h"
#include "dataplane/lcore/port/xdp/xdp_program.h"
#include "dataplane/lcore/port/xdp/xsk_rings.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/socket_options.h"
#include "dataplane/os/stop_point.h"
#include "dataplane/os/unix_address.h"

namespace warp::lcore {
namespace {

// The most that the driver lets the kernel fill. They hold 34 ms of 60,000 frames a second while the worker is
// descheduled.
constexpr uint16_t kDescriptors = 2048;

// The most that the kernel charges for a sent frame: a page of data, the sk_buff and its head.
constexpr int kSkbBytes = 8192;

absl::Status Refused(const std::string& interface, absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat("interface ", interface, ": ", why));
}

// Binds a name that exists in the network namespace as long as this process lives. It tells an interface that a living
// process uses from one where a dead process has left its program. It has the index in it, because a program stays at
// an interface that gets another name.
absl::StatusOr<os::UniqueFd> ClaimInterface(const std::string& interface, int index) {
  os::UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return os::ErrnoStatus(errno, "socket");
  const absl::StatusOr<os::UnixAddress> address =
      os::UnixAddress::Abstract(absl::StrCat("warp/af_xdp/", index));
  if (!address.ok()) return address.status();
  if (bind(fd.get(), address->get(), address->size()) == 0) return fd;
  return Refused(interface, "another process uses it by af_xdp");
}

// The socket is bound to one queue, so all frames must come through that queue.
absl::Status CheckChannels(const std::string& interface) {
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  ifreq request{};
  std::copy(interface.begin(), interface.end(), request.ifr_name);
  request.ifr_data = reinterpret_cast<char*>(&channels);
  const os::UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const bool known = fd && ioctl(fd.get(), SIOCETHTOOL, &request) == 0;
  const uint32_t receiving = channels.combined_count + channels.rx_count;
  if (!known || receiving <= 1)
    return absl::OkStatus();  // A driver that cannot be asked has one channel.
  return Refused(
      interface,
      absl::StrCat("af_xdp needs one channel and it has ", receiving, "; ethtool -L ", interface,
                   channels.combined_count > 0 ? " combined 1" : " rx 1 tx 1"));
}

// An adapter that takes tags off tells of them beside the frame, where an XDP program does not see it. All frames would
// be taken for such without a tag.
absl::Status CheckTags(const std::string& interface) {
  ethtool_value flags{};
  flags.cmd = ETHTOOL_GFLAGS;
  ifreq request{};
  std::copy(interface.begin(), interface.end(), request.ifr_name);
  request.ifr_data = reinterpret_cast<char*>(&flags);
  const os::UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const bool known = fd && ioctl(fd.get(), SIOCETHTOOL, &request) == 0;
  if (!known || (flags.data & ETH_FLAG_RXVLAN) == 0) return absl::OkStatus();
  return Refused(interface,
                 absl::StrCat("takes the tags of VLANs off before af_xdp sees them; ethtool -K ",
                              interface, " rxvlan off"));
}

absl::Status CheckBuffers(const std::string& interface, rte_mempool* pool) {
  const uint32_t object = pool->header_size + pool->elt_size + pool->trailer_size;
  if (object > static_cast<uint32_t>(getpagesize())) {
    return Refused(interface,
                   absl::StrCat("af_xdp's packet buffers fit a page, and these have ", object,
                                " bytes: the MTU of the port must be at most 3310"));
  }
  // The driver takes the pool for one array of objects, without gaps at the ends of pages.
  const rte_mempool_memhdr* memory = STAILQ_FIRST(&pool->mem_list);
  uintptr_t end = 0;
  rte_mempool_obj_iter(
      pool,
      [](rte_mempool* of, void* highest, void* element, unsigned) {
        const uintptr_t after =
            reinterpret_cast<uintptr_t>(element) + of->elt_size + of->trailer_size;
        *static_cast<uintptr_t*>(highest) = std::max(*static_cast<uintptr_t*>(highest), after);
      },
      &end);
  if (pool->nb_mem_chunks != 1 ||
      end > reinterpret_cast<uintptr_t>(memory->addr) + size_t{pool->populated_size} * object) {
    return Refused(
        interface,
        "af_xdp needs packet buffers in one piece, and a PCI port of this node has them in pages");
  }
  return absl::OkStatus();
}

// Frees the interface of a program that a killed process of ours left there. The program of anybody else is left alone,
// and is an error.
absl::Status DetachStale(const std::string& interface, int index) {
  uint32_t id = 0;
  if (bpf_xdp_query_id(index, 0, &id) != 0 || id == 0) return absl::OkStatus();
  bpf_prog_info info{};
  uint32_t size = sizeof(info);
  const os::UniqueFd program(bpf_prog_get_fd_by_id(id));
  const bool known = program && bpf_obj_get_info_by_fd(program.get(), &info, &size) == 0;
  if (!known || kXdpProgramName != info.name) {
    return Refused(interface,
                   absl::StrCat("has an XDP program already (", known ? info.name : "unknown",
                                "), and af_xdp needs its own"));
  }
  if (int result = bpf_xdp_detach(index, 0, nullptr); result != 0) {
    return Refused(interface, absl::StrCat("a program left by a killed warpd does not go: ",
                                           os::ErrnoText(-result)));
  }
  return absl::OkStatus();
}

// The BPF descriptors of this process. The driver never closes those of the program that it loads, of its maps and of
// its types, so they are found by comparing what was there before. Closing them is safe: the kernel holds what is
// attached.
std::vector<int> BpfDescriptors() {
  std::vector<int> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const std::string target = std::filesystem::read_symlink(entry.path(), error);
    if (target == "anon_inode:bpf-prog" || target == "anon_inode:bpf-map" ||
        target == "anon_inode:btf" || target == "anon_inode:[btf]") {
      found.push_back(std::atoi(entry.path().filename().c_str()));
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

// The buffers that this thread could take from the pool now, sorted. Nobody else may use the pool meanwhile.
std::vector<void*> Available(rte_mempool* pool) {
  std::vector<void*> objects;
  for (void* object = nullptr; rte_mempool_get(pool, &object) == 0;) objects.push_back(object);
  if (!objects.empty()) {
    rte_mempool_put_bulk(pool, objects.data(), static_cast<unsigned>(objects.size()));
  }
  std::sort(objects.begin(), objects.end());
  return objects;
}

// Ports are opened and closed one at a time, since what is theirs is found by comparing the descriptors of this
// process. A port that fails to open closes under the same lock.
std::recursive_timed_mutex one_at_a_time;
constexpr auto kPatience = std::chrono::seconds(2);

// When each interface was last given back; guarded by the mutex. The kernel frees the queue some time after the socket
// is closed, in a work queue of its own, and binding to the queue fails until then. Nothing tells when that is.
std::map<int, std::chrono::steady_clock::time_point>& Released() {
  static std::map<int, std::chrono::steady_clock::time_point> released;
  return released;
}
// How long a port that closes waits for frames that the interface has not sent yet. A buffer that is then still on its
// way may be in the adapter's hands, and stays lost.
constexpr auto kDrainTime = std::chrono::milliseconds(100);

constexpr auto kReleaseTime = std::chrono::milliseconds(100);

void AwaitRelease(int interface) {
  const auto released = Released().find(interface);
  if (released == Released().end()) return;
  std::this_thread::sleep_until(released->second + kReleaseTime);
  Released().erase(released);
}

// What is in `more` and not in `some`. Both are sorted.
template <typename T>
std::vector<T> Without(const std::vector<T>& more, const std::vector<T>& some) {
  std::vector<T> rest;
  std::set_difference(more.begin(), more.end(), some.begin(), some.end(), std::back_inserter(rest));
  return rest;
}

__attribute__((format(printf, 2, 0))) int KeepWarning(libbpf_print_level level, const char* format,
                                                      va_list values) {
  char line[512];
  if (level == LIBBPF_WARN && std::vsnprintf(line, sizeof(line), format, values) > 0)
    AppendEalLog(line);
  return 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Port>> AfXdpPort::Open(const KernelDevice& device,
                                                      const PortSpec& spec, PortId id,
                                                      rte_mempool* rx_pool) {
  absl::StatusOr<int> interface = EthernetInterface(device.interface);
  if (!interface.ok()) return interface.status();
  if (absl::Status status = CheckBuffers(device.interface, rx_pool); !status.ok()) return status;
  if (absl::Status status = CheckChannels(device.interface); !status.ok()) return status;
  if (!spec.device_vlans.empty()) {
    if (absl::Status status = CheckTags(device.interface); !status.ok()) return status;
  }
  const std::unique_lock lock(one_at_a_time, kPatience);
  if (!lock.owns_lock()) {
    return absl::UnavailableError(absl::StrCat(
        "interface ", device.interface, ": the opening or closing of another af_xdp port hangs"));
  }
  AwaitRelease(*interface);
  WARP_STOP_POINT(device_attaching);
  absl::StatusOr<os::UniqueFd> claim = ClaimInterface(device.interface, *interface);
  if (!claim.ok()) return claim.status();

  std::unique_ptr<AfXdpPort> port(new AfXdpPort(spec, id, rx_pool));
  port->claim_ = *std::move(claim);
  port->interface_ = *interface;
  const auto is_whole = [](const PortVlan& vlan) { return vlan.id != 0 && !vlan.of_kernel; };
  if (std::any_of(spec.device_vlans.begin(), spec.device_vlans.end(), is_whole)) {
    port->ear_ = os::UniqueFd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (!port->ear_ || !HearWholeVlan(port->ear_.get(), *interface)) {
      return os::ErrnoStatus(errno, "interface ", device.interface, ": promiscuous mode");
    }
  }
  libbpf_set_print(KeepWarning);
  if (absl::Status status = DetachStale(device.interface, *interface); !status.ok()) return status;
  if (absl::Status status = port->PlugIn(device.interface); !status.ok()) {
    return absl::Status(status.code(), absl::StrCat("interface ", device.interface,
                                                    ": af_xdp: ", status.message()));
  }
  return port;
}

absl::Status AfXdpPort::PlugIn(const std::string& interface) {
  os::UniqueFd program = XdpProgramFile(spec_.listen_port, spec_.device_vlans);
  if (!program) return absl::ResourceExhaustedError("no memory for its program");
  // force_copy keeps RxBurst from sleeping. Where the kernel writes into our buffers itself, the driver sleeps up to a
  // second there when it has run out of them.
  absl::StatusOr<uint16_t> device = PlugDevice(
      "vdev", NewDeviceName("net_af_xdp"),
      absl::StrCat("iface=", interface, ",start_queue=0,queue_count=1,busy_budget=0,force_copy=1,",
                   "xdp_prog=/proc/self/fd/", program.get()));
  absl::Status status = device.status();
  if (device.ok()) {
    kernel_sees_frames_ = true;
    own_pool_only_ = true;
    rx_descriptors_ = tx_descriptors_ = kDescriptors;
    Adopt(*device, /*owned=*/true);
    const std::vector<int> sockets = SocketsOfDomain(AF_XDP);
    const std::vector<int> descriptors = BpfDescriptors();
    const std::vector<void*> buffers = Available(rx_pool_);
    status = Start();
    if (!status.ok()) {
      // A driver that fails half-way forgets the buffers that it had taken.
      for (void* lost : Without(buffers, Available(rx_pool_))) {
        rte_pktmbuf_free(static_cast<rte_mbuf*>(lost));
      }
    }
    const std::vector<int> opened = Without(SocketsOfDomain(AF_XDP), sockets);
    if (!opened.empty()) poll_fd_ = opened.front();
    for (int fd : Without(BpfDescriptors(), descriptors)) os::UniqueFd(fd).Close();
  }
  WARP_STOP_POINT(device_attached);
  program.Close();
  if (!status.ok()) return status;
  if (poll_fd_ < 0) return absl::UnavailableError("its socket is not to be found");
  fcntl(poll_fd_, F_SETFD, FD_CLOEXEC);
  // The driver would send what lies behind the first segment in memory, in place of the second segment.
  multi_segment_tx_ = false;
  const std::optional<XskSendRings> rings = SendRingsOf(poll_fd_);
  if (!rings.has_value()) return absl::UnavailableError("its rings are not to be found");
  sender_.emplace(poll_fd_, *rings, rx_pool_);
  // All that may be under way has room, so that the kernel never refuses a frame for that reason.
  if (!os::EnlargeSocketBuffer(poll_fd_, os::SocketBuffer::kSend, kDescriptors * kSkbBytes)) {
    return absl::PermissionDeniedError("a large send buffer needs CAP_NET_ADMIN");
  }
  return absl::OkStatus();
}

AfXdpPort::~AfXdpPort() {
  const std::lock_guard lock(one_at_a_time);
  if (poll_fd_ >= 0) {
    // The order matters: no frame may come any more when the rings are read, and the driver's closing unmaps them.
    bpf_xdp_detach(interface_, 0, nullptr);
    WARP_STOP_POINT(device_detached);
    std::vector<rte_mbuf*> buffers;
    if (sender_.has_value()) buffers = sender_->Drain(kDrainTime);
    const std::vector<rte_mbuf*> unused = BuffersToReceive(poll_fd_, rx_pool_);
    buffers.insert(buffers.end(), unused.begin(), unused.end());
    const ino_t socket = InodeOf(poll_fd_);
    Close();
    ReleaseSocket(poll_fd_, socket);
    rte_pktmbuf_free_bulk(buffers.data(), static_cast<unsigned>(buffers.size()));
    Released()[interface_] = std::chrono::steady_clock::now();
  }
  Close();
}

PortCounters AfXdpPort::Counters() const {
  PortCounters counters = EthdevPort::Counters();
  counters.tx_packets = sender_->packets();
  counters.tx_bytes = sender_->bytes();
  return counters;
}

}  // namespace warp::lcore
