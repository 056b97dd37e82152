// Checks of ports: their devices, interfaces, sizes, and what the kernel and the NIC do for them.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tools/doctor/check/checks.h"
#include "tools/terminal/plain.h"
#include "tools/terminal/shell_word.h"

namespace warp::tools {
namespace {

using wire::KernelDriver;

constexpr uint32_t kSmallestMtu = 1280;  // of IPv6
constexpr uint32_t kWarpBytes = 64;      // around a payload, over IPv4
constexpr uint64_t kFastBuffer = 2'097'152;

std::string Of(const config::PortConfig& port) { return absl::StrCat("port ", port.name); }

void CheckInterface(const config::PortConfig& port, const Facts& facts, Findings& findings) {
  const std::string& name = port.kernel_side();
  const std::string plain = Plain(name);
  const InterfaceFacts* const interface = facts.Find(name);
  if (interface == nullptr) {
    if (port.kernel_device() == nullptr) return;  // warpd makes the companion
    findings.push_back(
        {port.optional ? Severity::kNote : Severity::kFailure,
         Topic::kInterface,
         absl::StrCat(Of(port), ": there is no interface ", plain),
         port.optional ? "Its port opens when it appears (optional: true)."
                       : "warpd takes the name for mistyped and does not start; optional: true "
                         "lets it wait for an interface that comes later.",
         {"ip -brief link"}});
    return;
  }
  if (!interface->up) {
    findings.push_back({Severity::kFailure,
                        Topic::kInterface,
                        absl::StrCat(Of(port), ": ", plain, " is down"),
                        "Nothing leaves by it, so that none of its paths works.",
                        {absl::StrCat("ip link set ", ShellWord(name), " up")}});
  } else if (!interface->carrier) {
    findings.push_back({Severity::kFailure,
                        Topic::kInterface,
                        absl::StrCat(Of(port), ": ", plain, " has no carrier"),
                        "Its cable is out, its modem has no network, or the other end is off: none "
                        "of its paths works.",
                        {absl::StrCat("ip -s link show ", ShellWord(name))}});
  } else if (std::all_of(interface->addresses.begin(), interface->addresses.end(),
                         [](const wire::IpAddress& a) { return a.is_link_local(); })) {
    findings.push_back({Severity::kFailure,
                        Topic::kInterface,
                        absl::StrCat(Of(port), ": ", plain, " has no address"),
                        "A port sends from an address of its interface, by DHCP or set by hand; "
                        "with link-local ones alone it reaches neighbours only.",
                        {absl::StrCat("ip address add ADDRESS/LENGTH dev ", ShellWord(name))}});
  }
}

void CheckOffload(const config::PortConfig& port, const InterfaceFacts& interface,
                  const Facts& facts, Findings& findings) {
  const std::string name = ShellWord(interface.name);
  const KernelDriver driver = DriverOf(port, facts);
  const bool joins = facts.kernel_version.value_or(std::pair(6, 2)) >= std::pair(6, 2);
  if (driver == KernelDriver::kAfPacket && !joins) {
    findings.push_back(
        {Severity::kWarning,
         Topic::kOffload,
         absl::StrCat(Of(port), ": Linux ", facts.kernel,
                      " does not join the frames of packet sockets"),
         "Each frame costs several times the CPU time. Linux 6.2 does (on Debian 12 "
         "that of bookworm-backports), and driver: auto takes a UDP socket meanwhile.",
         {"apt install -t bookworm-backports linux-image-amd64"}});
  }
  if (driver == KernelDriver::kAfPacket && joins && interface.segments_udp == false) {
    Finding finding{Severity::kNote, Topic::kOffload,
                    absl::StrCat(Of(port), ": ", interface.name, " does not cut joined frames"),
                    "Each frame leaves by itself, which costs CPU time on a fast link."};
    if (interface.segments_never) {
      absl::StrAppend(&finding.why, " This NIC cannot do it.");
    } else {
      finding.commands = {absl::StrCat("ethtool -K ", name, " tx-udp-segmentation on")};
    }
    findings.push_back(std::move(finding));
  }
  if (driver != KernelDriver::kAfXdp && interface.gro == false) {
    findings.push_back({Severity::kNote,
                        Topic::kOffload,
                        absl::StrCat(Of(port), ": GRO is off on ", interface.name),
                        "Frames that arrive are taken one by one, which costs CPU time on a fast "
                        "link.",
                        {absl::StrCat("ethtool -K ", name, " gro on")}});
  }
}

}  // namespace

void CheckInterfaces(const config::NodeConfig& config, const Facts& facts, Findings& findings) {
  if (!facts.interfaces) return;
  for (const config::PortConfig& port : facts.ports) CheckInterface(port, facts, findings);
  for (const config::TunnelConfig& tunnel : config.tunnels) {
    const config::InterfaceGateConfig* const gate = tunnel.gate.interface();
    const InterfaceFacts* const there = gate ? facts.Find(gate->interface) : nullptr;
    if (there == nullptr || there->tun || !tunnel.gate.class_of.empty()) continue;
    findings.push_back({Severity::kFailure,
                        Topic::kGate,
                        absl::StrCat("tunnel ", tunnel.name, ": the interface ",
                                     Plain(gate->interface), " is there, and is no TUN or TAP"),
                        "The gate makes an interface of that name, so that warpd does not start.",
                        {absl::StrCat("ip -d link show ", ShellWord(gate->interface))}});
  }
  if (!facts.ports.empty()) return;
  findings.push_back(
      {Severity::kFailure,
       Topic::kInterface,
       "there is no port now",
       "No interface matches the patterns under ports:, so that nothing can be sent.",
       {"ip -brief link"}});
}

void CheckCards(const config::NodeConfig&, const Facts& facts, Findings& findings) {
  for (const os::PciFacts& card : facts.cards) {
    const absl::Status usable = os::CheckNetworkCard(card);
    if (usable.ok()) continue;
    Finding finding{Severity::kFailure, Topic::kDevice, Plain(std::string(usable.message())),
                    "DPDK drives a card only through vfio-pci, or uio_pci_generic where there is "
                    "no IOMMU; the kernel loses the card then, addresses and all."};
    if (absl::IsNotFound(usable)) {
      finding.commands = {"lspci -D"};
    } else if (card.driver == "vfio-pci") {
      finding.commands = {"modprobe vfio_iommu_type1"};
    } else if (absl::IsFailedPrecondition(usable)) {
      const char* const driver = card.iommu ? "vfio-pci" : "uio_pci_generic";
      finding.commands = {absl::StrCat("modprobe ", driver),
                          absl::StrCat("dpdk-devbind.py --bind=", driver, " ", card.address)};
    }
    findings.push_back(std::move(finding));
  }
  if (const auto iova = os::ChooseIova(facts.cards); !iova.ok()) {
    findings.push_back({Severity::kFailure,
                        Topic::kDevice,
                        std::string(iova.status().message()),
                        "warpd does not start with cards of both kinds.",
                        {"dpdk-devbind.py --status-dev net"}});
  }
}

void CheckMtus(const config::NodeConfig& config, const Facts& facts, Findings& findings) {
  uint32_t narrowest = 0;
  for (const config::PortConfig& port : facts.ports) {
    const InterfaceFacts* const interface = facts.Find(port.kernel_side());
    if (interface == nullptr || interface->mtu == 0) continue;
    const uint32_t mtu = port.mtu ? std::min<uint32_t>(interface->mtu, *port.mtu) : interface->mtu;
    narrowest = narrowest == 0 ? mtu : std::min(narrowest, mtu);
    const std::string set = absl::StrCat("ip link set ", ShellWord(interface->name), " mtu ");
    if (port.mtu.value_or(0) > interface->mtu) {
      findings.push_back({Severity::kWarning,
                          Topic::kMtu,
                          absl::StrCat(Of(port), ": mtu is ", *port.mtu, ", and ", interface->name,
                                       " has ", interface->mtu),
                          "Packets are no larger than the interface takes.",
                          {absl::StrCat(set, *port.mtu)}});
    } else if (interface->mtu < kSmallestMtu) {
      findings.push_back(
          {Severity::kWarning,
           Topic::kMtu,
           absl::StrCat(Of(port), ": ", interface->name, " has an MTU of only ", interface->mtu),
           "IPv6 needs 1280, and larger payloads leave this port out or are cut.",
           {absl::StrCat(set, 1500)}});
    }
  }
  for (const config::TunnelConfig& tunnel : config.tunnels) {
    const config::InterfaceGateConfig* const gate = tunnel.gate.interface();
    if (gate == nullptr || narrowest <= kWarpBytes) continue;
    if (gate->mtu.value_or(0) <= narrowest - kWarpBytes || !tunnel.gate.class_of.empty()) continue;
    findings.push_back({Severity::kNote,
                        Topic::kMtu,
                        absl::StrCat("tunnel ", tunnel.name, ": the gate's mtu is ", *gate->mtu,
                                     ", and the narrowest port carries ", narrowest - kWarpBytes),
                        "Packets of that size leave narrow ports out, or are sent in two pieces. "
                        "Without mtu: the gate has what the paths carry.",
                        {}});
  }
}

void CheckOffloads(const config::NodeConfig&, const Facts& facts, Findings& findings) {
  bool udp = false;
  for (const config::PortConfig& port : facts.ports) {
    const InterfaceFacts* const interface = facts.Find(port.kernel_side());
    if (interface == nullptr || port.kernel_device() == nullptr) continue;
    CheckOffload(port, *interface, facts, findings);
    udp = udp || DriverOf(port, facts) == KernelDriver::kUdp;
  }
  if (!udp || facts.user == 0 || facts.buffer_max.value_or(kFastBuffer) >= kFastBuffer) return;
  findings.push_back({Severity::kNote,
                      Topic::kLimits,
                      absl::StrCat("net.core.rmem_max is ", *facts.buffer_max),
                      "Without CAP_NET_ADMIN, the sockets of udp ports have no larger buffers, and "
                      "a burst on a fast link counts as MISSED.",
                      {"sysctl -w net.core.rmem_max=16777216 net.core.wmem_max=2097152"}});
}

}  // namespace warp::tools
