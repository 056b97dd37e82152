#include "dataplane/lcore/port/ethdev/driver_vdev.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dataplane/lcore/port/device.h"

namespace warp::lcore {
namespace {

// Whether the driver shares an interface with the kernel, which goes on handling what is not ours.
bool IsKernelInterface(const std::string& name) {
  return absl::StartsWith(name, "net_af_packet") || absl::StartsWith(name, "net_af_xdp") ||
         absl::StartsWith(name, "net_pcap");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Port>> VdevPort::Open(const VirtualDevice& device,
                                                     const PortSpec& spec, PortId id,
                                                     rte_mempool* rx_pool) {
  const std::string name = device.devargs.substr(0, device.devargs.find(','));
  const std::string arguments =
      name.size() == device.devargs.size() ? "" : device.devargs.substr(name.size() + 1);
  if (!absl::StartsWith(name, "net_")) {
    return absl::InvalidArgumentError(
        absl::StrCat("devargs ", device.devargs,
                     ": must begin with the name of a network driver, such as net_memif0"));
  }
  std::unique_ptr<VdevPort> port(new VdevPort(spec, id, rx_pool));
  uint16_t existing = RTE_MAX_ETHPORTS;
  if (rte_eth_dev_get_port_by_name(name.c_str(), &existing) == 0) {
    port->Adopt(existing, /*owned=*/false);
  } else {
    absl::StatusOr<uint16_t> ethdev = PlugDevice("vdev", name, arguments);
    if (!ethdev.ok()) return ethdev.status();
    port->Adopt(*ethdev, /*owned=*/true);
  }
  port->kernel_sees_frames_ = IsKernelInterface(name);
  port->on_wire_ = port->kernel_sees_frames_;
  port->own_pool_only_ = absl::StartsWith(name, "net_af_xdp");
  if (absl::Status status = port->Start(); !status.ok()) return status;
  return port;
}

}  // namespace warp::lcore
