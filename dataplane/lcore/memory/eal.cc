#include "dataplane/lcore/memory/eal.h"

#include <pthread.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <sched.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dataplane/lcore/memory/eal_log.h"
#include "dataplane/lcore/memory/pool_memory.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/pci_bus.h"

namespace warp::lcore {
namespace {

std::vector<int> CpusOf(const cpu_set_t& set) {
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

// "0@(0,1),1@3": lcore 0 floats over CPUs 0 and 1, lcore 1 is pinned to CPU 3.
std::string LcoreMap(const EalOptions& options, const std::vector<int>& allowed) {
  const std::string floating = absl::StrCat("(", absl::StrJoin(allowed, ","), ")");
  auto place = [&](int cpu) { return cpu < 0 ? floating : absl::StrCat(cpu); };
  std::string map = absl::StrCat("0@", place(options.control_cpu));
  for (size_t w = 0; w < options.worker_cpus.size(); ++w) {
    absl::StrAppend(&map, ",", EalLcore(static_cast<uint16_t>(w)), "@",
                    place(options.worker_cpus[w]));
  }
  return map;
}

absl::Status CheckCpus(const EalOptions& options, const std::vector<int>& allowed) {
  std::vector<int> owned = options.worker_cpus;
  owned.push_back(options.control_cpu);
  std::sort(owned.begin(), owned.end());
  for (size_t i = 0; i < owned.size(); ++i) {
    if (owned[i] < 0) continue;
    if (!std::binary_search(allowed.begin(), allowed.end(), owned[i])) {
      return absl::InvalidArgumentError(absl::StrCat(
          "cpu ", owned[i], ": this process may only run on CPUs ", absl::StrJoin(allowed, ",")));
    }
    if (i > 0 && owned[i] == owned[i - 1]) {
      return absl::InvalidArgumentError(
          absl::StrCat("cpu ", owned[i], ": given to two threads, each of which would own it"));
    }
  }
  return absl::OkStatus();
}

uint32_t MemoryMib(const EalOptions& options) {
  return std::max(options.memory_mib, kMinMemoryMib);
}

std::vector<std::string> Arguments(const EalOptions& options, const std::vector<int>& allowed,
                                   os::Iova iova) {
  std::vector<std::string> arguments = {"warpd",        "--lcores", LcoreMap(options, allowed),
                                        "--main-lcore", "0",        "--log-level=*:error"};
  arguments.push_back(options.telemetry ? "--telemetry" : "--no-telemetry");
  arguments.push_back(iova == os::Iova::kPhysical ? "--iova-mode=pa" : "--iova-mode=va");
  if (options.hugepages) {
    // The memory has no files, so that several processes need no file prefixes of their own.
    arguments.push_back("--in-memory");
  } else {
    arguments.insert(arguments.end(), {"--no-huge", "--no-shconf"});
  }
  arguments.insert(arguments.end(), {"-m", absl::StrCat(MemoryMib(options))});
  if (!options.pci_devices.empty()) {
    // The allow list names no device of ours, so that EAL probes none now. Each port probes its own when it is opened.
    arguments.insert(arguments.end(), {"-a", "0000:00:00.0"});
  } else {
    arguments.push_back("--no-pci");
  }
  return arguments;
}

}  // namespace

uint64_t FreeHugepagesMib() {
  uint64_t mib = 0;
  std::error_code error;
  for (const auto& size : std::filesystem::directory_iterator("/sys/kernel/mm/hugepages", error)) {
    const std::string name = size.path().filename();  // hugepages-2048kB
    uint64_t free_pages = 0;
    std::ifstream(size.path() / "free_hugepages") >> free_pages;
    mib += free_pages * std::strtoull(name.c_str() + std::strlen("hugepages-"), nullptr, 10) / 1024;
  }
  return mib;
}

absl::Status InitEal(const EalOptions& options) {
  cpu_set_t caller;
  CPU_ZERO(&caller);
  if (sched_getaffinity(0, sizeof(caller), &caller) != 0) {
    return os::ErrnoStatus(errno, "sched_getaffinity");
  }
  const std::vector<int> allowed = CpusOf(caller);
  if (absl::Status status = CheckCpus(options, allowed); !status.ok()) return status;
  const bool pci = !options.pci_devices.empty();
  if (pci && !options.hugepages) {
    return absl::FailedPreconditionError("a PCI port needs hugepages: set hugepages to true");
  }
  if (options.hugepages) {
    const uint64_t free_mib = FreeHugepagesMib();
    const uint64_t needed_mib = MemoryMib(options);
    if (free_mib < needed_mib) {
      return absl::FailedPreconditionError(absl::StrCat(
          "hugepages: ", needed_mib, " MiB needed and ", free_mib,
          " MiB free; reserve more with sysctl vm.nr_hugepages",
          pci ? ", or less by node.max_ports and node.memory" : ", or set hugepages to false"));
    }
  }
  std::vector<os::PciFacts> devices;
  for (const std::string& address : options.pci_devices)
    devices.push_back(os::ReadPciFacts(address));
  const absl::StatusOr<os::Iova> iova = os::ChooseIova(devices);
  if (!iova.ok()) return iova.status();

  static bool called = false;
  if (called) return absl::AlreadyExistsError("DPDK was already initialised in this process");
  called = true;
  CaptureEalLog();
  ClearEalLog();
  std::vector<std::string> arguments = Arguments(options, allowed, *iova);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  if (rte_eal_init(static_cast<int>(arguments.size()), argv.data()) < 0) {
    const std::string cause = FirstEalLogLine();
    const std::string sentence = absl::StrCat(
        "DPDK does not start: ", cause.empty() ? rte_strerror(rte_errno) : cause.c_str());
    return rte_errno == EACCES || rte_errno == EPERM ? absl::PermissionDeniedError(sentence)
                                                     : absl::FailedPreconditionError(sentence);
  }
  LimitPoolMemory(options.memory_is_limit ? uint64_t{MemoryMib(options)} << 20 : UINT64_MAX);
  // Under uio, the registers of a card that is pulled out may vanish under whoever uses them, as the kernel decides,
  // which would end the process by SIGBUS. EAL then puts memory in their place, until the port is closed.
  if (pci) rte_dev_hotplug_handle_enable();
  // EAL has set the affinity of the calling thread to the CPUs of lcore 0. Where control floats, that set may lack CPUs
  // that were offline when EAL started, so the caller gets its own set back.
  if (options.control_cpu < 0) pthread_setaffinity_np(pthread_self(), sizeof(caller), &caller);
  return absl::OkStatus();
}

}  // namespace warp::lcore
