#include "dataplane/lcore/port/xdp/xdp_program.h"

#include <arpa/inet.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "dataplane/lcore/warp_xdp_object.h"

namespace warp::lcore {
namespace {

constexpr absl::string_view kMark = "WARPPORT";

// As warp_xdp.c has them behind the mark: the port in network byte order, and a byte for each VLAN.
constexpr char kUdpToOurPort = 1, kAll = 2;

}  // namespace

os::UniqueFd XdpProgramFile(uint16_t udp_port, const std::vector<PortVlan>& vlans) {
  std::string object(reinterpret_cast<const char*>(kWarpXdpObject), sizeof(kWarpXdpObject));
  char* const settings = object.data() + object.find(kMark.data(), 0, kMark.size()) + kMark.size();
  const uint16_t wire_order = htons(udp_port);
  std::memcpy(settings, &wire_order, sizeof(wire_order));
  char* const by_vlan = settings + sizeof(wire_order);
  if (vlans.empty()) by_vlan[0] = kUdpToOurPort;
  for (const PortVlan& vlan : vlans) {
    by_vlan[vlan.id] = vlan.id == 0 || vlan.of_kernel ? kUdpToOurPort : kAll;
  }
  os::UniqueFd fd(memfd_create("warp_xdp", MFD_CLOEXEC));
  if (fd && write(fd.get(), object.data(), object.size()) != static_cast<ssize_t>(object.size()))
    fd.Close();
  return fd;
}

}  // namespace warp::lcore
