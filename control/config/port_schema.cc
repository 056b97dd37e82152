#include "control/config/port_schema.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "control/config/cap/cap_schema.h"
#include "control/config/cap/rate_schema.h"
#include "control/config/nat64/nat64_choice.h"
#include "control/config/schema/load.h"
#include "control/config/text/interface_pattern.h"

namespace warp::config {
namespace {

constexpr uint16_t kMinMtu = 576;   // RFC 791: every IPv4 host takes as much
constexpr uint16_t kMaxMtu = 9600;  // jumbo frames
constexpr size_t kMaxInterface = 15;
constexpr size_t kMaxExceptions = 16;

// The alternative that a key belongs to, chosen where another one was. A port with keys of two alternatives is refused
// by CheckPort, whichever of them is left.
template <typename Device>
Device& DeviceOf(PortConfig& port) {
  auto* device = std::get_if<Device>(&port.device);
  return device != nullptr ? *device : port.device.emplace<Device>();
}

std::string& InterfaceOf(PortConfig& port) { return DeviceOf<wire::KernelDevice>(port).interface; }
std::string& AddressOf(PortConfig& port) { return DeviceOf<wire::PciDevice>(port).address; }
std::string& DevargsOf(PortConfig& port) { return DeviceOf<wire::VirtualDevice>(port).devargs; }
wire::KernelDriver& DriverOf(PortConfig& port) { return DeviceOf<wire::KernelDevice>(port).driver; }

// Where no other is named, the interface with the VLAN's addresses has the name that the kernel's own would have.
void CheckVlanOfInterface(Reader& reader, const std::string& path, PortConfig& port) {
  const std::string at = JoinPath(path, "vlan");
  const std::string own = absl::StrCat(port.kernel_device()->interface, ".", *port.vlan);
  const bool named = !port.kernel_interface.empty();
  if (!named) port.kernel_interface = own;
  if (port.is_pattern()) {
    return reader.Fail(at, "goes with the name of one interface, and not with a pattern");
  }
  if (port.kernel_device()->driver == wire::KernelDriver::kUdp) {
    return reader.Fail(at, absl::StrCat("driver: udp writes no tags: leave vlan out, and name the "
                                        "kernel's interface of that VLAN, interface: ",
                                        own));
  }
  if (named || own.size() <= kMaxInterface) return;
  reader.Fail(JoinPath(path, "kernel_interface"),
              absl::StrCat("missing: ", Quote(own), " is too long for an interface"));
}

// Without a name, the interface says what the port is called, and the pattern what all its ports are.
void CheckKernelPort(Reader& reader, const std::string& path, PortConfig& port) {
  const auto given = [&](const char* key) { return reader.LineOf(JoinPath(path, key)) > 0; };
  const auto fail = [&](const char* key, absl::string_view what) {
    reader.Fail(JoinPath(path, key), what);
  };
  if (given("kernel_interface") && !given("vlan"))
    fail("kernel_interface",
         "goes with pci, devargs or vlan: this port's interface is the kernel's own");
  if (!reader.Sound(JoinPath(path, "interface"))) return;
  if (port.vlan) CheckVlanOfInterface(reader, path, port);
  if (port.is_pattern()) {
    if (given("optional")) fail("optional", "goes with the name of one interface: none need match");
  } else if (given("except")) {
    fail("except", "goes with a pattern alone, such as interface: \"wwan*\"");
  }
  if (given("name")) return;
  port.name = port.kernel_side();
  if (!port.is_pattern() && !Name().read(port.name).ok())
    fail("name", absl::StrCat("missing: ", Quote(port.name), " is no name of a port"));
}

void CheckPort(Reader& reader, const std::string& path, PortConfig& port) {
  const bool has_interface = reader.LineOf(JoinPath(path, "interface")) > 0;
  const bool has_pci = reader.LineOf(JoinPath(path, "pci")) > 0;
  const bool has_devargs = reader.LineOf(JoinPath(path, "devargs")) > 0;
  if (has_interface + has_pci + has_devargs != 1) {
    reader.Fail(path, "needs exactly one of interface, pci and devargs");
    return;
  }
  const std::string name = JoinPath(path, "name");
  if (has_interface) return CheckKernelPort(reader, path, port);
  if (reader.LineOf(name) == 0) reader.Fail(name, "missing");
  for (const char* key : {"driver", "except"}) {
    const std::string at = JoinPath(path, key);
    if (reader.LineOf(at) > 0) reader.Fail(at, "goes with interface alone");
  }
  const std::string optional = JoinPath(path, "optional");
  if (reader.LineOf(optional) > 0 && !has_pci) reader.Fail(optional, "goes with interface or pci");
  if (!port.kernel_interface.empty() || !reader.Sound(JoinPath(path, "name"))) return;
  const std::string kernel_interface = absl::StrCat("warp-", port.name);
  if (kernel_interface.size() > kMaxInterface) {
    reader.Fail(
        JoinPath(path, "kernel_interface"),
        absl::StrCat("missing: ", Quote(kernel_interface), " is too long for an interface"));
    return;
  }
  port.kernel_interface = kernel_interface;
}

// What messages call the device. That of a virtual device is followed by arguments.
std::string DeviceName(const PortConfig& port) {
  const std::string& text = wire::DeviceText(port.device);
  if (!std::holds_alternative<wire::VirtualDevice>(port.device)) return text;
  return text.substr(0, text.find(','));
}

// A device that a worker polls is opened once, and has one worker.
void CheckPolledDevices(Reader& reader, const NodeConfig& config) {
  std::map<std::string, const PortConfig*> firsts;
  for (size_t i = 0; i < config.ports.size(); ++i) {
    const PortConfig& port = config.ports[i];
    const std::string device = port.polled_device();
    if (device.empty()) continue;
    const auto [it, is_first] = firsts.try_emplace(device, &port);
    const PortConfig& first = *it->second;
    // Without a VLAN the device itself is taken twice, which is said already.
    if (is_first || (!port.vlan && !first.vlan)) continue;
    const auto differs = [&](const char* key) {
      reader.Fail(At("ports", i, key), absl::StrCat("differs from that of port ", first.name,
                                                    ", which is of the same device"));
    };
    if (port.cpu != first.cpu) differs("cpu");
    if (wire::DeviceText(port.device) != wire::DeviceText(first.device)) differs("devargs");
  }
}

}  // namespace

void CheckPorts(Reader& reader, const NodeConfig& config) {
  Unique names(reader), interfaces(reader), cards(reader), virtual_devices(reader), vlans(reader);
  bool has_pci = false;
  for (size_t i = 0; i < config.ports.size(); ++i) {
    const PortConfig& port = config.ports[i];
    const std::string name = At("ports", i, "name");
    if (port.vlan) {
      vlans.Claim(At("ports", i, "vlan"), absl::StrCat(DeviceName(port), " VLAN ", *port.vlan));
    }
    if (const wire::KernelDevice* kernel = port.kernel_device()) {
      const std::string at = At("ports", i, "interface");
      if (!port.vlan) interfaces.Claim(at, kernel->interface);
      if (reader.LineOf(name) == 0 && reader.Sound(at)) names.ClaimDefault(name, port.name);
    }
    if (!port.kernel_interface.empty() && (port.vlan || port.kernel_device() == nullptr)) {
      interfaces.ClaimDefault(At("ports", i, "kernel_interface"), port.kernel_interface);
    }
    names.Claim(name, port.name);
    if (const auto* pci = std::get_if<wire::PciDevice>(&port.device)) {
      if (!port.vlan) cards.Claim(At("ports", i, "pci"), pci->address);
      has_pci = true;
    } else if (std::holds_alternative<wire::VirtualDevice>(port.device) && !port.vlan) {
      virtual_devices.Claim(At("ports", i, "devargs"), DeviceName(port));
    }
    if (port.cpu && port.cpu == config.node.control_cpu) {
      reader.Fail(At("ports", i, "cpu"),
                  absl::StrCat(*port.cpu, " is node.control_cpu: a worker wants a CPU of its own"));
    }
  }
  CheckPolledDevices(reader, config);
  const auto ports = std::count_if(config.ports.begin(), config.ports.end(),
                                   [](const PortConfig& port) { return !port.is_pattern(); });
  if (ports > config.node.max_ports && !reader.Wrong("node.max_ports")) {
    reader.Fail("ports",
                absl::StrCat("has ", ports, " entries, node.max_ports is ", config.node.max_ports));
  }
  if (has_pci && config.node.hugepages == Hugepages::kNever) {
    reader.Fail("node.hugepages", "a PCI port needs hugepages");
  }
}

bool PortConfig::is_pattern() const {
  return kernel_device() != nullptr && IsInterfacePattern(kernel_device()->interface);
}

bool PortConfig::Wants(const std::string& interface) const {
  return is_pattern() && !interface.empty() &&
         MatchesInterface(kernel_device()->interface, interface) &&
         std::none_of(except.begin(), except.end(), [&](const std::string& pattern) {
           return MatchesInterface(pattern, interface);
         });
}

std::string PortConfig::polled_device() const {
  if (const wire::KernelDevice* kernel = kernel_device();
      kernel != nullptr && kernel->driver != wire::KernelDriver::kAfXdp) {
    return "";
  }
  return absl::StrCat(wire::DriverWord(device), " ", DeviceName(*this));
}

std::vector<const PortConfig*> NodeConfig::PortsSharingDeviceOf(const PortConfig& port) const {
  std::vector<const PortConfig*> sharing;
  const std::string device = port.polled_device();
  if (device.empty()) return sharing;
  for (const PortConfig& other : ports) {
    if (other.polled_device() == device) sharing.push_back(&other);
  }
  const bool any_vlan = std::any_of(sharing.begin(), sharing.end(), [](const PortConfig* other) {
    return other->vlan.has_value();
  });
  if (!any_vlan) sharing.clear();
  return sharing;
}

PortConfig PortConfig::PortFor(const std::string& interface) const {
  PortConfig port = *this;
  port.name = interface;
  port.device = wire::KernelDevice{.interface = interface, .driver = kernel_device()->driver};
  port.except.clear();
  port.group = name;
  port.optional = true;
  return port;
}

const SectionOf<PortConfig>& PortSchema() {
  static const SectionOf<PortConfig>& section = Declare<PortConfig>([](auto& s) {
    s.Scalar("name", &PortConfig::name, Name())
        .Shown()
        .Example("wan0")
        .Otherwise("the interface's")
        .Why(
            "The name of the port in status and logs. It is unique, and required beside `pci` and "
            "`devargs`. Each port that a pattern makes has the name of its interface; that of the "
            "entry then stands for all of them in `paths`.");
    s.Scalar("interface", InterfaceOf, InterfaceName())
        .Shown()
        .Example("eth0")
        .Otherwise("exactly one of interface, pci, devargs")
        .Why(
            "The name of a kernel interface. It stays the kernel's, with its addresses, its routes "
            "and all other traffic. A pattern such as \"wwan*\" stands for a port of each "
            "interface "
            "that matches, now or later, and that no other entry names. The first of two patterns "
            "counts.");
    s.Scalars("except", &PortConfig::except, InterfaceName(), 0, kMaxExceptions)
        .Example("[wwan9]")
        .Otherwise("none")
        .Why("Interfaces that get no port by the pattern: names, or patterns again.");
    s.Scalar("optional", &PortConfig::optional, Choice<bool>({{"false", false}, {"true", true}}))
        .Why(
            "Whether warpd starts although there is no such interface or network card, because it "
            "may be plugged in later, as a modem is. Otherwise its absence is an error, because "
            "the "
            "name is most likely mistyped.");
    s.Scalar("pci", AddressOf, PciAddress())
        .Example("0000:3b:00.0")
        .Otherwise("exactly one of interface, pci, devargs")
        .Why("The PCI address of a network card that DPDK takes from the kernel.");
    s.Scalar("devargs", DevargsOf, Devargs())
        .Example("net_memif0,role=server,id=0")
        .Otherwise("exactly one of interface, pci, devargs")
        .Why("A virtual device of DPDK, for labs.");
    s.Scalar("driver", DriverOf, Choice(wire::kKernelDriverWords))
        .Why(
            "How a kernel interface is driven; only beside `interface`. af_packet is a packet "
            "socket, for interfaces whose frames begin with an Ethernet header or with the IP "
            "header (tun, ppp, raw IP of a modem). udp is a UDP socket, for every interface, and "
            "needs no right; the kernel's packet filter and queues see its datagrams. With af_xdp, "
            "packets bypass the kernel's stack, and the interface must have one channel. auto "
            "chooses af_packet where the interface is Ethernet and the kernel joins frames, and "
            "udp "
            "elsewhere; status says which and why.");
    s.Scalar("vlan", &PortConfig::vlan,
             Optional(WholeNumber<uint16_t>(wire::kMinVlan, wire::kMaxVlan), "none"))
        .Why(
            "The VLAN of the device that is this port: its frames carry a tag of IEEE 802.1Q with "
            "this number. Several ports may be VLANs of one device, and one more the frames "
            "without a tag. The section VLANs of docs/operations.md says when to name the kernel's "
            "own interface of a VLAN instead.");
    s.Scalar("kernel_interface", &PortConfig::kernel_interface, InterfaceName())
        .Example("warp-wan0")
        .Otherwise("warp-NAME, or INTERFACE.VLAN")
        .Why(
            "The name of the TAP interface through which the kernel does ARP, ND, DHCP and ICMP "
            "for a port that it does not own; only beside `pci`, `devargs` and `vlan`. It may "
            "exist beforehand: its addresses and routes are the port's. Beside `interface` and "
            "`vlan` it may be the kernel's own interface of that VLAN.");
    s.Scalar("cpu", &PortConfig::cpu, Optional(WholeNumber<int>(0, kMaxCpu, "CPU"), "auto"))
        .Why(
            "The CPU that the worker of this port has to itself. Ports that name the same CPU "
            "share one worker. With auto, the worker shares CPUs with others.");
    s.Scalar("mtu", &PortConfig::mtu,
             Optional(WholeNumber<uint16_t>(kMinMtu, kMaxMtu, "bytes"), "auto"))
        .Why(
            "The size of the largest IP packet to send. With auto, it is the MTU of the kernel "
            "interface; larger packets would not leave it.");
    s.Scalar("nat64", &PortConfig::nat64, Nat64Text())
        .Why(
            "How a port whose interface has IPv6 addresses alone, as that of a mobile network "
            "often has, reaches peers and maps that have IPv4 addresses: by the prefix that the "
            "network translates (RFC 6052). With auto, the port finds it out: routers advertise "
            "it (RFC 8781), or the link's name servers tell (RFC 7050); where nobody does, it "
            "is 64:ff9b::/96. Nothing but probes is sent by it where none is answered. A prefix "
            "that is set is not left for what others tell. A port with an IPv4 address of its "
            "own uses that.");
    s.Scalar("tier", &PortConfig::tier, WholeNumber<uint8_t>(1, kMaxTier, "tier"))
        .Why(
            "Ports of a lower tier are used first by tunnels that do not use all paths: those of "
            "tier 2 may be a modem that costs, and carry only what those of tier 1 cannot.");
    s.Nested("rate", &PortConfig::rate, PortRatesSchema())
        .Why(
            "The most that the link behind the port is trusted to carry. Less is used where less "
            "is measured.");
    s.Nested("cap", &PortConfig::cap, CapSchema())
        .Why(
            "How much the port may carry in a day, a week or a month, for links that are billed by "
            "what they carry. From 80 % on its tier counts as one higher; at the limit, "
            "`at_limit` says what becomes of it. What a bill says may differ: `warp cap set` "
            "corrects the count.");
    s.Scalar("tcp", &PortConfig::tcp, Choice(kTcpUseWords))
        .Why(
            "Whether datagrams to a map, and to peers by its relay, go in a TLS connection where "
            "map[].tcp names one. With auto, this is so while the map does not answer by UDP: "
            "after 5 seconds of silence, and until UDP has worked for 30 seconds. Such a "
            "connection is a port of its own, NAME/tcp, and carries payloads only while no other "
            "port works. Only beside `interface`, without a VLAN.");
    s.Check(CheckPort);
  });
  return section;
}

}  // namespace warp::config
