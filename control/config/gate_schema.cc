#include "control/config/gate_schema.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "control/config/classes/class_schema.h"
#include "control/config/schema/load.h"
#include "control/config/text/addresses.h"

namespace warp::config {
namespace {

constexpr uint32_t kMaxUnixQueue = 1024;  // 64 MiB of the largest payloads
constexpr uint16_t kMaxMode = 0777;
constexpr size_t kMaxInterfaceAddresses = 16, kMaxGateRoutes = 4096;
// IPv6 needs the first, and a TAP frame of the second still fits a payload.
constexpr uint16_t kMinInterfaceMtu = 1280, kMaxInterfaceMtu = 65500;

// --- UDP sockets. ---

Codec<EndpointRange> GateAddress() {
  return {.type = "address:port, or address:port-port",
          .read = [](absl::string_view text) -> absl::StatusOr<EndpointRange> {
            absl::StatusOr<EndpointRange> range = EndpointRange::Parse(text);
            if (!range.ok()) return Unacceptable(text, range.status().message());
            if (IsBroadcast(range->first.address)) {
              return Unacceptable(text,
                                  "is a broadcast address: a gate has one receiver, or those of a "
                                  "multicast group");
            }
            return range;
          },
          .write = [](const EndpointRange& range) { return range.ToString(); }};
}

Codec<EndpointRange> LoopbackAddress() {
  Codec<EndpointRange> codec = GateAddress();
  codec.type = "loopback address:port, or address:port-port";
  codec.read = [read = codec.read](absl::string_view text) -> absl::StatusOr<EndpointRange> {
    absl::StatusOr<EndpointRange> range = read(text);
    if (range.ok() && !range->first.address.is_loopback()) {
      return Unacceptable(text,
                          "is not a loopback address: a gate for other machines is udp, with "
                          "allow");
    }
    return range;
  };
  return codec;
}

Codec<wire::IpAddress> GroupAddress() {
  return {.type = "multicast address",
          .read = [](absl::string_view text) -> absl::StatusOr<wire::IpAddress> {
            const absl::StatusOr<wire::IpAddress> address = wire::IpAddress::Parse(text);
            if (!address.ok() || !address->is_multicast() || IsBroadcast(*address)) {
              return Unacceptable(text, "is not the address of a multicast group, as 239.1.2.3 is");
            }
            return *address;
          },
          .write = [](const wire::IpAddress& address) { return address.ToString(); }};
}

bool Overlap(const EndpointRange& a, const EndpointRange& b) {
  return a.first.address == b.first.address && a.first.port < b.first.port + b.ports &&
         b.first.port < a.first.port + a.ports;
}

// A socket at 0.0.0.0 hears at every address of the machine, of which those of its loopback interface are known.
EndpointRange HeardOf(const UdpGateConfig& gate) {
  EndpointRange heard = gate.listen;
  if (gate.group) {
    heard.first.address = *gate.group;
  } else if (heard.first.address.is_unspecified() && gate.deliver->first.address.is_loopback()) {
    heard.first.address = gate.deliver->first.address;
  }
  return heard;
}

void CheckDeliver(Reader& reader, const std::string& path, const UdpGateConfig& gate) {
  const std::string deliver = JoinPath(path, "deliver");
  if (!reader.Sound(JoinPath(path, "listen")) || !reader.Sound(deliver) || !gate.deliver) return;
  if (NamesNobody(gate.deliver->first.address)) {
    reader.Fail(deliver, "names nobody: it needs the address of a receiver");
  } else if (gate.deliver->first.address.is_v4() != gate.listen.first.address.is_v4()) {
    reader.Fail(deliver, "must be of the same family as listen: payloads leave from that socket");
  } else if (gate.deliver->ports != gate.listen.ports) {
    reader.Fail(deliver, absl::StrCat("must have as many ports as listen, ", gate.listen.ports,
                                      ": what comes in at one goes out at the one of its place"));
  } else if (Overlap(*gate.deliver, HeardOf(gate))) {
    reader.Fail(deliver, "must differ from listen: the gate would talk to itself");
  }
}

void CheckAllow(Reader& reader, const std::string& path, const UdpGateConfig& gate) {
  const std::string listen = JoinPath(path, "listen"), deliver = JoinPath(path, "deliver");
  if (!reader.Sound(listen)) return;
  const wire::IpAddress& address = gate.listen.first.address;
  if (address.is_multicast()) {
    reader.Fail(listen, "is a group: listen has an address of this machine's, and group the group");
    return;
  }
  const bool open = !address.is_loopback() || gate.group;
  if (open && gate.allow.empty()) {
    reader.Fail(path, absl::StrCat("needs allow, such as [10.9.0.0/24]: without it, everybody who "
                                   "reaches ",
                                   gate.group ? gate.group->ToString() : address.ToString(),
                                   " could send into the tunnel"));
  }
  for (size_t i = 0; i < gate.allow.size(); ++i) {
    const std::string at = ItemPath(JoinPath(path, "allow"), i);
    if (!reader.Wrong(at) && gate.allow[i].address.is_v4() != address.is_v4()) {
      reader.Fail(at, "is of the other family than listen");
    }
  }
  if (!gate.deliver || !reader.Sound(deliver)) return;
  if (address.is_loopback() && !gate.deliver->first.address.is_loopback()) {
    reader.Fail(deliver, "cannot be reached from listen, a loopback address");
  } else if (!gate.deliver->first.address.is_v4() && gate.deliver->first.address.is_link_local()) {
    reader.Fail(deliver, "is link-local, and does not say on which link: give another address");
  }
}

void CheckMulticast(Reader& reader, const std::string& path, const UdpGateConfig& gate) {
  const std::string group = JoinPath(path, "group");
  const bool sends = gate.deliver && gate.deliver->first.address.is_multicast();
  if (gate.group && reader.Sound(JoinPath(path, "listen")) &&
      gate.group->is_v4() != gate.listen.first.address.is_v4()) {
    reader.Fail(group, "is of the other family than listen");
  } else if ((gate.group || sends) && !gate.interface &&
             !reader.Wrong(JoinPath(path, "interface"))) {
    reader.Fail(gate.group ? group : JoinPath(path, "deliver"),
                "is multicast, and needs interface: the one that leads to the group");
  } else if (gate.interface && !gate.group && !sends && !reader.Wrong(group)) {
    reader.Fail(JoinPath(path, "interface"),
                "is for multicast: there is neither group nor such a "
                "deliver");
  }
}

constexpr absl::string_view kListenWhy =
    "The address to which the application sends its datagrams, and from which the peer's payloads "
    "come. With a range of ports, what comes in at one of them goes out, at the peer, at the one "
    "of its place.";

const SectionOf<UdpGateConfig>& LoopbackGateSchema() {
  static const SectionOf<UdpGateConfig>& section = Declare<UdpGateConfig>([](auto& s) {
    s.Scalar("listen", &UdpGateConfig::listen, LoopbackAddress())
        .Required()
        .Example("127.0.0.1:9000")
        .Why(kListenWhy);
    // Its default is no endpoint at all, which has no text.
    s.Scalar("deliver", &UdpGateConfig::deliver, Optional(LoopbackAddress()))
        .Shown()
        .Example("127.0.0.1:9001")
        .Otherwise("the last sender")
        .Why("The address to which the peer's payloads go.");
    s.Check(CheckDeliver);
  });
  return section;
}

const SectionOf<UdpGateConfig>& UdpGateSchema() {
  static const SectionOf<UdpGateConfig>& section = Declare<UdpGateConfig>([](auto& s) {
    s.Scalar("listen", &UdpGateConfig::listen, GateAddress())
        .Required()
        .Example("10.9.0.1:9005")
        .Why(kListenWhy);
    s.Scalar("deliver", &UdpGateConfig::deliver, Optional(GateAddress()))
        .Example("10.9.0.50:5004")
        .Otherwise("the last sender")
        .Why("The address to which the peer's payloads go; it may be that of a group.");
    s.Scalars("allow", &UdpGateConfig::allow, PrefixText(), 0, kMaxGateRoutes)
        .Example("[10.9.0.0/24]")
        .Otherwise("loopback addresses")
        .Why(
            "Who may send. It is needed where listen is no loopback address, or there is a group.");
    s.Scalar("group", &UdpGateConfig::group, Optional(GroupAddress()))
        .Example("239.1.2.3")
        .Otherwise("none")
        .Why(
            "A multicast group: what is sent to it, at the port of listen, comes in, instead of "
            "what is sent to the address of listen.");
    s.Scalar("interface", &UdpGateConfig::interface, Optional(InterfaceName()))
        .Example("lan0")
        .Otherwise("none")
        .Why("The interface by which groups are joined and sent to.");
    s.Check([](Reader& reader, const std::string& path, UdpGateConfig& gate) {
      CheckAllow(reader, path, gate);
      CheckDeliver(reader, path, gate);
      CheckMulticast(reader, path, gate);
    });
  });
  return section;
}

// --- Unix sockets. ---

void CheckUnix(Reader& reader, const std::string& path, UnixGateConfig& gate) {
  const std::string deliver = JoinPath(path, "deliver");
  if (!gate.deliver || !reader.Sound(deliver)) return;
  if (gate.type == UnixGateType::kSeqpacket) {
    reader.Fail(deliver, "is for datagram gates: a seqpacket gate delivers to all that connect");
  } else if (*gate.deliver == gate.path) {
    reader.Fail(deliver, "must differ from path: the gate would talk to itself");
  }
}

const SectionOf<UnixGateConfig>& UnixGateSchema() {
  static const SectionOf<UnixGateConfig>& section = Declare<UnixGateConfig>([](auto& s) {
    s.Scalar("path", &UnixGateConfig::path, FilePath())
        .Required()
        .Example("/run/warp/video.sock")
        .Why(
            "The path at which applications find the socket. A file that a dead process left is "
            "replaced; the socket of a living one is an error.");
    s.Scalar("type", &UnixGateConfig::type,
             Choice<UnixGateType>(
                 {{"datagram", UnixGateType::kDatagram}, {"seqpacket", UnixGateType::kSeqpacket}}))
        .Why(
            "With datagram, send() returns when the payload before it was sent. With seqpacket, "
            "applications connect, and each connection gets every payload of the peer.");
    s.Scalar("mode", &UnixGateConfig::mode, OctalMode(kMaxMode))
        .Why(
            "The permissions of the socket file, in octal with the 0 in front. Whoever may write "
            "to "
            "it may send.");
    s.Scalar("owner", &UnixGateConfig::owner, Optional(AccountName()))
        .Example("www-data")
        .Otherwise("warpd's user")
        .Why("The user who owns the socket file.");
    s.Scalar("group", &UnixGateConfig::group, Optional(AccountName()))
        .Example("video")
        .Otherwise("warpd's group")
        .Why("The group that owns the socket file.");
    s.Scalar("queue", &UnixGateConfig::queue, WholeNumber<uint32_t>(1, kMaxUnixQueue, "payloads"))
        .Why(
            "The most payloads that were taken from applications and not sent yet. With 1, send() "
            "blocks until the payload before it was sent; more gives throughput.");
    s.Scalar("deliver", &UnixGateConfig::deliver, Optional(FilePath()))
        .Example("/run/warp/player.sock")
        .Otherwise("the last sender that has a path")
        .Why(
            "The path of the datagram socket to which the peer's payloads go; only beside `type: "
            "datagram`.");
    s.Check(CheckUnix);
  });
  return section;
}

// --- Interfaces. ---

// The keys that TUN and TAP have in common.
void DeclareInterface(SectionOf<InterfaceGateConfig>& s) {
  s.Scalar("interface", &InterfaceGateConfig::interface, InterfaceName())
      .Required()
      .Example("warp0")
      .Why(
          "The name of the interface. One that exists is used, and stays when warpd ends; another "
          "one is made, and ends with warpd.");
  s.Scalars("address", &InterfaceGateConfig::addresses, InterfaceAddressText(), 0,
            kMaxInterfaceAddresses)
      .Example("[10.9.0.1/24]")
      .Otherwise("none")
      .Why("The addresses that the interface gets, beside those that it has.");
  s.Scalar("mtu", &InterfaceGateConfig::mtu,
           Optional(WholeNumber<uint16_t>(kMinInterfaceMtu, kMaxInterfaceMtu, "bytes"), "auto"))
      .Why(
          "The MTU of the interface. With auto, it is what every path that there is carries in one "
          "piece, at least 1280, and follows the paths.");
  s.Sections("classes", &InterfaceGateConfig::classes, TrafficClassSchema(), 0, kMaxClasses)
      .Why(
          "What goes by other tunnels of the same peer: a packet goes by that of the first class "
          "that matches, and by this tunnel where none does.");
}

const SectionOf<InterfaceGateConfig>& TunGateSchema() {
  static const SectionOf<InterfaceGateConfig>& section = Declare<InterfaceGateConfig>([](auto& s) {
    DeclareInterface(s);
    s.Scalars("routes", &InterfaceGateConfig::routes, PrefixText(), 0, kMaxGateRoutes)
        .Example("[10.1.0.0/16]")
        .Otherwise("everything")
        .Why(
            "The networks behind the peer: packets to them go to it, the longest prefix first "
            "where several tunnels share the interface, and packets that it sends must come "
            "from them. The kernel's own routes say what enters the interface at all.");
  });
  return section;
}

const SectionOf<InterfaceGateConfig>& TapGateSchema() {
  static const SectionOf<InterfaceGateConfig>& section =
      Declare<InterfaceGateConfig>(DeclareInterface);
  return section;
}

constexpr absl::string_view kOneOf = "exactly one of loopback, udp, unix, tun, tap, class_of";

}  // namespace

const SectionOf<GateConfig>& GateSchema() {
  static const SectionOf<GateConfig>& section = Declare<GateConfig>([](auto& s) {
    s.Nested("loopback", &GateConfig::loopback, LoopbackGateSchema())
        .Shown()
        .Otherwise(kOneOf)
        .Why("A UDP socket on this machine's loopback interface.");
    s.Nested("udp", &GateConfig::udp, UdpGateSchema())
        .Otherwise(kOneOf)
        .Why("A UDP socket for devices of a network that this machine is in.");
    s.Nested("unix", &GateConfig::unix_socket, UnixGateSchema())
        .Otherwise(kOneOf)
        .Why("A Unix domain socket, whose send() blocks until there is room on a path.");
    s.Nested("tun", &GateConfig::tun, TunGateSchema())
        .Otherwise(kOneOf)
        .Why("An interface of the kernel's that takes and gives IP packets.");
    s.Nested("tap", &GateConfig::tap, TapGateSchema())
        .Otherwise(kOneOf)
        .Why("An interface of the kernel's that takes and gives Ethernet frames.");
    s.Scalar("class_of", &GateConfig::class_of, Name())
        .Example("office")
        .Otherwise(kOneOf)
        .Why(
            "The name of another tunnel of the same peer, whose interface this one has too: it "
            "carries the `classes` that name it there, and brings what the peer sends by it.");
    s.Check([](Reader& reader, const std::string& path, GateConfig& gate) {
      std::vector<absl::string_view> kinds;
      if (gate.loopback) kinds.push_back("loopback");
      if (gate.udp) kinds.push_back("udp");
      if (gate.unix_socket) kinds.push_back("unix");
      if (gate.tun) kinds.push_back("tun");
      if (gate.tap) kinds.push_back("tap");
      if (reader.LineOf(JoinPath(path, "class_of")) > 0) kinds.push_back("class_of");
      if (kinds.size() > 1) {
        reader.Fail(path, absl::StrCat("has both ", kinds[0], " and ", kinds[1],
                                       ": a gate is one of them"));
      } else if (kinds.empty()) {
        reader.Fail(path, "needs loopback, udp, unix, tun, tap or class_of");
      }
    });
  });
  return section;
}

}  // namespace warp::config
