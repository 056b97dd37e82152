#include "control/config/port_schema.h"

#include <optional>
#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "control/config/cap/cap_schema.h"
#include "control/config/schema/load.h"
#include "control/config/text/quantity.h"

namespace warp::config {
namespace {

constexpr uint16_t kMinMtu = 576;   // RFC 791: every IPv4 host takes as much
constexpr uint16_t kMaxMtu = 9600;  // jumbo frames
constexpr size_t kMaxInterface = 15;

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

void CheckPort(Reader& reader, const std::string& path, PortConfig& port) {
  const bool has_interface = reader.LineOf(JoinPath(path, "interface")) > 0;
  const bool has_pci = reader.LineOf(JoinPath(path, "pci")) > 0;
  const bool has_devargs = reader.LineOf(JoinPath(path, "devargs")) > 0;
  if (has_interface + has_pci + has_devargs != 1) {
    reader.Fail(path, "needs exactly one of interface, pci and devargs");
    return;
  }
  if (has_interface) {
    const std::string at = JoinPath(path, "kernel_interface");
    if (reader.LineOf(at) > 0)
      reader.Fail(at, "goes with pci or devargs: this port's interface is the kernel's own");
    return;
  }
  const std::string optional = JoinPath(path, "optional");
  if (reader.LineOf(optional) > 0) reader.Fail(optional, "goes with interface alone");
  const std::string driver = JoinPath(path, "driver");
  if (reader.LineOf(driver) > 0) reader.Fail(driver, "goes with interface alone");
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

// Bits a second; "none" is 0.
Codec<uint64_t> Rate() {
  const Codec<uint64_t> rate = RateText();
  return {.type = absl::StrCat("none, or ", rate.type),
          .read = [rate](absl::string_view text) -> absl::StatusOr<uint64_t> {
            if (text == "none") return uint64_t{0};
            if (!ReadRate(text))
              return Unacceptable(text, "is not a rate such as 20Mbit, 500kbit or none");
            return rate.read(text);
          },
          .write =
              [rate](const uint64_t& value) {
                return value == 0 ? std::string("none") : rate.write(value);
              }};
}

const SectionOf<PortRates>& PortRatesSchema() {
  static const SectionOf<PortRates>& section = Declare<PortRates>([](auto& s) {
    s.Scalar("up", &PortRates::up, Rate())
        .Example("20Mbit")
        .Why("The most that this node sends by the port.");
    s.Scalar("down", &PortRates::down, Rate())
        .Example("50Mbit")
        .Why(
            "The most that peers send to the port. They are told, and keep to it with what they "
            "spread; several that send at once share it.");
  });
  return section;
}

}  // namespace

const SectionOf<PortConfig>& PortSchema() {
  static const SectionOf<PortConfig>& section = Declare<PortConfig>([](auto& s) {
    s.Scalar("name", &PortConfig::name, Name())
        .Required()
        .Example("wan0")
        .Why("The name of the port in status and logs. It is unique.");
    s.Scalar("interface", InterfaceOf, InterfaceName())
        .Shown()
        .Example("eth0")
        .Otherwise("exactly one of interface, pci, devargs")
        .Why(
            "The name of a kernel interface. It stays the kernel's, with its addresses, its routes "
            "and all other traffic.");
    s.Scalar("optional", &PortConfig::optional, Choice<bool>({{"false", false}, {"true", true}}))
        .Why(
            "Whether warpd starts although there is no such interface, because it may be a modem "
            "that is plugged in later. Otherwise its absence is an error, because the name is most "
            "likely mistyped.");
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
            "socket, "
            "for interfaces with an Ethernet header. udp is a UDP socket, for every interface, and "
            "needs no right; the kernel's packet filter and queues see its datagrams. With af_xdp, "
            "packets bypass the kernel's stack, and the interface must have one channel. auto "
            "chooses af_packet where the interface is Ethernet and the kernel joins frames, and "
            "udp "
            "elsewhere; status says which and why.");
    s.Scalar("kernel_interface", &PortConfig::kernel_interface, InterfaceName())
        .Example("warp-wan0")
        .Otherwise("warp-NAME")
        .Why(
            "The name of the TAP interface through which the kernel does ARP, ND, DHCP and ICMP "
            "for a port that it does not own; only beside `pci` and `devargs`. It may exist "
            "beforehand: its addresses and routes are the port's.");
    s.Scalar("cpu", &PortConfig::cpu, Optional(WholeNumber<int>(0, kMaxCpu, "CPU"), "auto"))
        .Why(
            "The CPU that the worker of this port has to itself. Ports that name the same CPU "
            "share one worker. With auto, the worker shares CPUs with others.");
    s.Scalar("mtu", &PortConfig::mtu,
             Optional(WholeNumber<uint16_t>(kMinMtu, kMaxMtu, "bytes"), "auto"))
        .Why(
            "The size of the largest IP packet to send. With auto, it is the MTU of the kernel "
            "interface; larger packets would not leave it.");
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
    s.Check(CheckPort);
  });
  return section;
}

}  // namespace warp::config
