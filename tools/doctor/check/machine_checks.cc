// Checks of the machine itself: files, rights, memory, CPUs, clock.
#include <linux/capability.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <variant>

#include "absl/strings/str_cat.h"
#include "tools/doctor/check/checks.h"
#include "tools/terminal/plain.h"
#include "tools/terminal/shell_word.h"

namespace warp::tools {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kHugepage = 2 * kMiB;
// Descriptors of warpd that are no gates.
constexpr uint64_t kOtherDescriptors = 64;

bool HasCards(const Facts& facts) { return !facts.cards.empty(); }

bool UsesHugepages(const config::NodeConfig& config, const Facts& facts) {
  return config.node.hugepages == config::Hugepages::kAlways ||
         (config.node.hugepages == config::Hugepages::kAuto && HasCards(facts));
}

// Whether warpd makes an interface: a gate, or the companion of a device.
bool MakesInterfaces(const config::NodeConfig& config, const Facts& facts) {
  return std::any_of(config.tunnels.begin(), config.tunnels.end(),
                     [](const auto& tunnel) { return tunnel.gate.interface() != nullptr; }) ||
         std::any_of(facts.ports.begin(), facts.ports.end(),
                     [](const auto& port) { return port.kernel_device() == nullptr; });
}

// What needs CAP_NET_RAW and CAP_NET_ADMIN whatever the user is.
std::string NeedsRights(const config::NodeConfig& config, const Facts& facts) {
  for (const config::PortConfig& port : facts.ports) {
    const wire::KernelDevice* const device = port.kernel_device();
    if (device == nullptr || device->driver == wire::KernelDriver::kAfPacket ||
        device->driver == wire::KernelDriver::kAfXdp) {
      return absl::StrCat("port ", port.name);
    }
  }
  for (const config::TunnelConfig& tunnel : config.tunnels) {
    if (tunnel.gate.interface() != nullptr) return absl::StrCat("the gate of tunnel ", tunnel.name);
  }
  return "";
}

std::string Pages(uint64_t bytes) {
  return absl::StrCat("echo ", (bytes + kHugepage - 1) / kHugepage,
                      " > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
}

void CheckCpu(int cpu, const std::string& whose, bool polls, const Facts& facts,
              Findings& findings) {
  if (facts.online && !facts.online->contains(cpu)) {
    findings.push_back({Severity::kFailure,
                        Topic::kCpu,
                        absl::StrCat(whose, ": CPU ", cpu, " is not online"),
                        "warpd does not start when a CPU that it is to own is not there.",
                        {absl::StrCat("echo 1 > /sys/devices/system/cpu/cpu", cpu, "/online")}});
    return;
  }
  if (!polls || !facts.isolated || facts.isolated->contains(cpu)) return;
  findings.push_back(
      {Severity::kWarning,
       Topic::kCpu,
       absl::StrCat(whose, ": CPU ", cpu, " is not isolated"),
       "Its worker spins there, and waits whenever the kernel runs something else on that CPU. The "
       "kernel's command line takes it out of the scheduler's hands at the next boot.",
       {absl::StrCat("echo 'GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX isolcpus=", cpu,
                     "\"' >> /etc/default/grub && update-grub")}});
}

}  // namespace

void CheckKeys(const config::NodeConfig& config, const Facts& facts, Findings& findings) {
  for (const KeyFileFacts& key : facts.keys) {
    if (key.readable.ok()) continue;
    Finding finding{Severity::kFailure, Topic::kKey, Plain(std::string(key.readable.message())),
                    "warpd does not start without its keys, nor with keys that others may read."};
    const std::string file = ShellWord(key.path);
    if (!key.mode && key.path == config.node.private_key_file) {
      finding.commands = {absl::StrCat("(umask 077; warp keygen > ", file, ")")};
    } else if (key.mode && S_ISREG(*key.mode) && (*key.mode & 077) != 0) {
      finding.commands = {absl::StrCat("chmod 600 ", file)};
    } else if (key.mode && S_ISREG(*key.mode) && facts.user != 0) {
      // Root's, most likely, and so is warpd.
      finding.severity = Severity::kNote;
      finding.why = "You may not read it. Whether warpd may depends on the user that it runs as.";
    }
    findings.push_back(std::move(finding));
  }
}

void CheckService(const config::NodeConfig&, const Facts& facts, Findings& findings) {
  for (const std::string& path : facts.closed_to_service) {
    const bool key = std::any_of(facts.keys.begin(), facts.keys.end(),
                                 [&path](const KeyFileFacts& k) { return k.path == path; });
    findings.push_back(
        {Severity::kFailure,
         key ? Topic::kKey : Topic::kConfiguration,
         absl::StrCat(Plain(path), " is closed to the user _warp, as whom the service runs"),
         "systemctl start warpd fails. Of what is root's alone, it is given /etc/warp/private.key "
         "and /etc/warp/*.psk when it starts.",
         {absl::StrCat(key ? "chown _warp: " : "chmod a+rX ", ShellWord(path))}});
  }
}

void CheckControlSocket(const config::NodeConfig& config, const Facts& facts, Findings& findings) {
  const std::string& path = config.node.control_socket;
  if (facts.control_socket && !S_ISSOCK(*facts.control_socket)) {
    findings.push_back({Severity::kFailure,
                        Topic::kControlSocket,
                        absl::StrCat("node.control_socket: ", Plain(path), " is no socket"),
                        "warpd does not start, because it replaces nothing but a socket there.",
                        {absl::StrCat("ls -l ", ShellWord(path))}});
  }
  if (facts.control_directory) return;
  const std::string directory = std::filesystem::path(path).parent_path();
  findings.push_back(
      {Severity::kFailure,
       Topic::kControlSocket,
       absl::StrCat("node.control_socket: there is no directory ", Plain(directory)),
       "warpd makes only the last directory of that path, and does not start without it.",
       {absl::StrCat("mkdir -p ", ShellWord(directory))}});
}

void CheckRights(const config::NodeConfig& config, const Facts& facts, Findings& findings) {
  if (MakesInterfaces(config, facts) && !facts.tun_device) {
    findings.push_back({Severity::kFailure,
                        Topic::kRights,
                        "there is no /dev/net/tun",
                        "TUN and TAP gates, and the companions of devices, are made by it.",
                        {"modprobe tun"}});
  }
  const std::string whose = NeedsRights(config, facts);
  if (whose.empty() || !facts.capabilities || !facts.status.is_null()) return;
  std::string lacking;
  if ((*facts.capabilities >> CAP_NET_RAW & 1) == 0) lacking = "CAP_NET_RAW";
  if ((*facts.capabilities >> CAP_NET_ADMIN & 1) == 0) {
    absl::StrAppend(&lacking, lacking.empty() ? "" : " and ", "CAP_NET_ADMIN");
  }
  if (lacking.empty()) return;
  // An ordinary user who asks need not be the one that warpd runs as.
  findings.push_back(
      {facts.user == 0 ? Severity::kFailure : Severity::kNote,
       Topic::kRights,
       absl::StrCat("you do not have ", lacking),
       absl::StrCat(whose,
                    " needs it. warpd has to run as a user who has these rights, and a "
                    "container has to grant them (docs/containers.md)."),
       {"sudo warpd --config FILE"}});
}

void CheckHugepages(const config::NodeConfig& config, const Facts& facts, Findings& findings) {
  const HugepageFacts pages = facts.hugepages.value_or(HugepageFacts());
  if (!UsesHugepages(config, facts)) {
    if (pages.free == 0 || pages.free != pages.total) return;
    findings.push_back(
        {Severity::kNote,
         Topic::kHugepages,
         absl::StrCat(pages.total / kMiB, " MiB of hugepages are set aside, and nobody uses them"),
         "Only ports with pci: need them; this configuration has none.",
         {Pages(0)}});
    return;
  }
  // A warpd that runs has taken its own already.
  const uint64_t there = facts.status.is_null() ? pages.free : pages.total;
  const uint64_t wanted = uint64_t{config.node.memory_mib.value_or(512)} * kMiB;
  if (there != 0 && (!config.node.memory_mib || there >= wanted)) return;
  findings.push_back({Severity::kFailure,
                      Topic::kHugepages,
                      there == 0 ? std::string("no hugepages are free")
                                 : absl::StrCat(there / kMiB, " MiB of hugepages are free, and ",
                                                "node.memory is ", wanted / kMiB, " MiB"),
                      "Cards reach packet buffers in hugepages alone, so that warpd ends at its "
                      "start. vm.nr_hugepages in /etc/sysctl.d keeps them over a boot.",
                      {Pages(pages.total - std::min(pages.total, there) + wanted)}});
}

void CheckCpus(const config::NodeConfig& config, const Facts& facts, Findings& findings) {
  std::set<int> said;
  for (const config::PortConfig& port : facts.ports) {
    if (!port.cpu || !said.insert(*port.cpu).second) continue;
    CheckCpu(*port.cpu, absl::StrCat("port ", port.name),
             config.node.polling != wire::Polling::kInterrupt, facts, findings);
  }
  if (config.node.control_cpu && !said.contains(*config.node.control_cpu)) {
    CheckCpu(*config.node.control_cpu, "node.control_cpu", /*polls=*/false, facts, findings);
  }
}

void CheckClock(const config::NodeConfig&, const Facts& facts, Findings& findings) {
  if (facts.clock_synchronised.value_or(true)) return;
  const bool caps = std::any_of(facts.ports.begin(), facts.ports.end(),
                                [](const auto& port) { return port.cap.has_value(); });
  findings.push_back({caps ? Severity::kWarning : Severity::kNote,
                      Topic::kClock,
                      "the clock follows no other clock",
                      caps
                          ? "Data caps count by the calendar, so that a wrong date begins a period "
                            "too early or too late."
                          : "Sessions do not need it, and the times in the log do.",
                      {"timedatectl set-ntp true"}});
}

void CheckLimits(const config::NodeConfig& config, const Facts& facts, Findings& findings) {
  const uint64_t wanted = config.tunnels.size() + kOtherDescriptors;
  if (facts.descriptors && *facts.descriptors < wanted) {
    findings.push_back({Severity::kFailure,
                        Topic::kLimits,
                        absl::StrCat("a process may have ", *facts.descriptors, " descriptors"),
                        absl::StrCat("Each of the ", config.tunnels.size(),
                                     " gates is one, so that warpd ends at its start."),
                        {absl::StrCat("ulimit -Hn ", wanted)}});
  }
}

}  // namespace warp::tools
