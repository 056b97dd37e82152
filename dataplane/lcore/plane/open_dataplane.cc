#include <string>
#include <utility>

#include "dataplane/facade/dataplane.h"
#include "dataplane/lcore/crypto/crypto_device.h"
#include "dataplane/lcore/memory/eal.h"
#include "dataplane/lcore/plane/dpdk_dataplane.h"

namespace warp::lcore {

absl::StatusOr<std::unique_ptr<Dataplane>> Dataplane::Open(const DataplaneOptions& options) {
  if (options.inline_worker && options.worker_cpus != std::vector<int>{-1})
    return absl::InvalidArgumentError("an inline worker is the only one, and owns no CPU");
  const bool device = options.engine == wire::EngineKind::kCryptodev;
  const PoolPlan plan = PlanPools(options);
  EalOptions eal = {.worker_cpus = options.inline_worker ? std::vector<int>{} : options.worker_cpus,
                    .control_cpu = options.control_cpu,
                    .hugepages = options.hugepages,
                    .telemetry = options.telemetry,
                    .pci_devices = options.pci_devices,
                    .memory_mib = plan.configured_mib != 0 ? plan.configured_mib : plan.memory_mib,
                    .memory_is_limit = plan.configured_mib != 0};
  if (device && IsPciCryptoDevice(options.crypto_device)) {
    const std::string& devargs = options.crypto_device;
    eal.pci_devices.push_back(devargs.substr(0, devargs.find(',')));
  }
  if (absl::Status status = InitEal(eal); !status.ok()) {
    if (absl::IsAlreadyExists(status)) return absl::FailedPreconditionError(status.message());
    return status;
  }
  absl::StatusOr<std::unique_ptr<DpdkDataplane>> plane = DpdkDataplane::Create(options);
  if (!plane.ok()) return plane.status();
  if (absl::Status status = (*plane)->Launch(); !status.ok()) return status;
  return *std::move(plane);
}

}  // namespace warp::lcore
