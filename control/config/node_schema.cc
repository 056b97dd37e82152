#include "control/config/node_schema.h"

#include "absl/strings/str_cat.h"
#include "control/config/gate_schema.h"
#include "control/config/port_schema.h"

namespace warp::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr size_t kMaxPorts = 64;
constexpr size_t kMaxMaps = 8;
constexpr size_t kMaxPeers = 1000;
constexpr size_t kMaxTunnels = 4000;
constexpr size_t kMaxPeerEndpoints = 16;  // design of paths: as many from each source of knowledge
constexpr uint32_t kMinWindow = 1024;

// `shorter` must be less than `longer`; the complaint goes to the one that the file has.
void CheckOrder(Reader& reader, const std::string& path, const char* shorter,
                Duration shorter_value, const char* longer, Duration longer_value) {
  const std::string shorter_path = JoinPath(path, shorter);
  const std::string longer_path = JoinPath(path, longer);
  if (shorter_value < longer_value || reader.Wrong(shorter_path) || reader.Wrong(longer_path))
    return;
  if (reader.LineOf(shorter_path) > 0) {
    reader.Fail(shorter_path, absl::StrCat(WriteDuration(shorter_value), " must be shorter than ",
                                           longer, ", which is ", WriteDuration(longer_value)));
  } else {
    reader.Fail(longer_path, absl::StrCat(WriteDuration(longer_value), " must be longer than ",
                                          shorter, ", which is ", WriteDuration(shorter_value)));
  }
}

const SectionOf<TimersConfig>& TimersSchema() {
  static const SectionOf<TimersConfig>& section = Declare<TimersConfig>([](auto& s) {
#define WARP_TIMER_KEY(name, standard, shortest, longest, why)                \
  s.Scalar(#name, static_cast<Duration TimersConfig::*>(&TimersConfig::name), \
           DurationText(milliseconds(shortest), milliseconds(longest)))       \
      .Why(why);
    WARP_TIMERS(WARP_TIMER_KEY)
#undef WARP_TIMER_KEY
    s.Scalar("map_rekey_after", &TimersConfig::map_rekey_after, DurationText(seconds(1), hours(24)))
        .Why("How long a session with a map lasts before the next one is made.");
    s.Check([](Reader& reader, const std::string& path, TimersConfig& t) {
      CheckOrder(reader, path, "rekey_after", t.rekey_after, "rekey_after_responder",
                 t.rekey_after_responder);
      CheckOrder(reader, path, "rekey_after_responder", t.rekey_after_responder, "session_lifetime",
                 t.session_lifetime);
      CheckOrder(reader, path, "handshake_retry", t.handshake_retry, "handshake_retry_max",
                 t.handshake_retry_max);
      CheckOrder(reader, path, "probe_interval", t.probe_interval, "path_lost_after",
                 t.path_lost_after);
    });
  });
  return section;
}

const SectionOf<NodeSection>& NodeSectionSchema() {
  static const SectionOf<NodeSection>& section = Declare<NodeSection>([](auto& s) {
    s.Scalar("private_key_file", &NodeSection::private_key_file, FilePath())
        .Required()
        .Example("/etc/warp/private.key")
        .Why(
            "The file that holds this node's private key, as `warp keygen` writes it. Refused if "
            "group or others have "
            "any right to it.");
    s.Scalar("listen_port", &NodeSection::listen_port, WholeNumber<uint16_t>(1, 65535, "UDP port"))
        .Why(
            "The one UDP port that everything leaves from and arrives at, on every port of this "
            "node.");
    s.Scalar("control_socket", &NodeSection::control_socket, FilePath())
        .Why("The Unix socket that `warp status` asks.");
    s.Scalar("max_ports", &NodeSection::max_ports, WholeNumber<uint16_t>(1, kMaxPorts, "ports"))
        .Why("How many ports there may be: sizes rings and memory at start.");
    s.Scalar("workers", &NodeSection::workers,
             Optional(WholeNumber<uint16_t>(0, kMaxPorts, "threads"), "auto"))
        .Why(
            "Threads that poll the ports which name no cpu. 0: the control thread polls them "
            "itself, unless another port names a cpu: then one thread does. auto: one for each of "
            "them, as far as there are CPUs; 0 where there are less than three.");
    s.Scalar("polling", &NodeSection::polling, Optional(Choice(wire::kPollingWords), "auto"))
        .Why(
            "busy: workers spin, for the least latency. adaptive: they keep polling for a moment "
            "before they sleep. interrupt: they and the control thread sleep as soon as nothing "
            "waits: the least CPU time at some ten thousand payloads a second, and a wake-up's "
            "delay for each. auto: busy for workers that own their CPU (see ports[].cpu), else "
            "adaptive.");
    s.Scalar("control_cpu", &NodeSection::control_cpu,
             Optional(WholeNumber<int>(0, kMaxCpu, "CPU"), "auto"))
        .Why(
            "Pins the control thread, which serves the gates, to this CPU. auto: the kernel "
            "chooses.");
    s.Scalar("crypto", &NodeSection::crypto,
             Choice<wire::EngineKind>({{"auto", wire::EngineKind::kAuto},
                                       {"ipsec-mb", wire::EngineKind::kIpsecMb},
                                       {"libsodium", wire::EngineKind::kSodium},
                                       {"cryptodev", wire::EngineKind::kCryptodev}}))
        .Why(
            "What seals and opens payloads. auto: Intel ipsec-mb where the CPU has what it needs. "
            "cryptodev: a device of DPDK's. All work with each other.");
    s.Scalar("crypto_device", &NodeSection::crypto_device, CryptoDevice())
        .Example("0000:3d:01.0")
        .Otherwise("none")
        .Why(
            "Which one, beside `crypto: cryptodev`: the PCI address of an accelerator, or a "
            "software driver for labs (`crypto_aesni_gcm0`). What it cannot do, the CPU does.");
    s.Scalar("hugepages", &NodeSection::hugepages,
             Choice<Hugepages>({{"auto", Hugepages::kAuto},
                                {"true", Hugepages::kAlways},
                                {"false", Hugepages::kNever}}))
        .Why(
            "Packet memory on hugepages, which must be reserved. auto: only with a PCI port, which "
            "needs them.");
    s.Scalar("memory", &NodeSection::memory_mib, Optional(Mebibytes(16, 64 * 1024), "auto"))
        .Why("Packet memory. auto: computed from max_ports and the largest MTU.");
    s.Scalar("window", &NodeSection::window, PowerOfTwo(kMinWindow, wire::kMaxWindow, "payloads"))
        .Why(
            "How far behind the newest payload the last copy of one may arrive and still be told "
            "from a replay: at "
            "least packet rate times the largest difference between two paths.");
    s.Nested("timers", &NodeSection::timers, TimersSchema())
        .Why("The protocol's timers. Change them in tests alone: both nodes count on the other's.");
  });
  return section;
}

const SectionOf<MapServerConfig>& MapServerSchema() {
  static const SectionOf<MapServerConfig>& section = Declare<MapServerConfig>([](auto& s) {
    s.Scalar("address", &MapServerConfig::address, UnderlayHostPort())
        .Required()
        .Example("map.example.net:13116")
        .Why("Where the map answers.");
    s.Scalar("public_key", &MapServerConfig::public_key, PublicKeyText())
        .Required()
        .Example("Ct2FE+RS5ZuecsirMGZ6GI/msLlwED4OwEGL3sts3Rg=")
        .Why("Who it is: warp-map prints it at start.");
  });
  return section;
}

const SectionOf<PeerConfig>& PeerSchema() {
  static const SectionOf<PeerConfig>& section = Declare<PeerConfig>([](auto& s) {
    s.Scalar("name", &PeerConfig::name, Name())
        .Required()
        .Example("hq")
        .Why("What tunnels, status and logs call the peer. Unique; known here alone.");
    s.Scalar("public_key", &PeerConfig::public_key, PublicKeyText())
        .Required()
        .Example("XzZzrtzTC6AGpth5bNms/zutwrbczRj6Dyn/AjH+4HQ=")
        .Why("Who it is: `warp pubkey` makes it from the peer's private key.");
    s.Scalar("preshared_key_file", &PeerConfig::preshared_key_file, FilePath())
        .Example("/etc/warp/hq.psk")
        .Otherwise("no preshared key")
        .Why(
            "A file with a secret that both nodes hold (`warp keygen` makes one), mixed into every "
            "handshake: against a "
            "future that breaks X25519. Refused if group or others have any right to it.");
    s.Scalars("endpoints", &PeerConfig::endpoints, UnderlayHostPort(), 0, kMaxPeerEndpoints)
        .Shown()
        .Example("[\"198.51.100.7:13116\"]")
        .Otherwise("none: the map knows, or the peer begins")
        .Why(
            "Where the peer's interfaces can be reached. Optional beside a map, and for a peer "
            "that begins itself.");
  });
  return section;
}

const SectionOf<TunnelConfig>& TunnelSchema() {
  static const SectionOf<TunnelConfig>& section = Declare<TunnelConfig>([](auto& s) {
    s.Scalar("name", &TunnelConfig::name, Name())
        .Required()
        .Example("video")
        .Why("What status and logs call the tunnel. Unique; known here alone.");
    s.Scalar("id", &TunnelConfig::id, WholeNumber<uint16_t>(0, 65535))
        .Required()
        .Example("1")
        .Why("The number that the peer gave its end, too. Unique for each peer.");
    s.Scalar("peer", &TunnelConfig::peer, Name())
        .Required()
        .Example("hq")
        .Why("The name of the peer at the other end.");
    s.Scalar("deadline", &TunnelConfig::deadline, DurationText(milliseconds(1), minutes(1)))
        .Why(
            "A payload that no path could take by then is dropped and counted: what is late is of "
            "no use.");
    s.Scalar("queue", &TunnelConfig::queue, WholeNumber<uint32_t>(1, 65536, "payloads"))
        .Why(
            "Payloads that may wait to be sent, and at most 4 MiB of them (more at a Unix gate "
            "whose own queue is large); more are dropped and counted.");
    s.Nested("gate", &TunnelConfig::gate, GateSchema()).Required().Why("The application's door.");
    s.Check([](Reader& reader, const std::string& path, TunnelConfig& tunnel) {
      if (!tunnel.gate.unix_socket || tunnel.gate.unix_socket->queue <= tunnel.queue) return;
      const std::string at = JoinPath(path, "gate.unix.queue");
      if (reader.Wrong(at) || reader.Wrong(JoinPath(path, "queue"))) return;
      reader.Fail(at, absl::StrCat(tunnel.gate.unix_socket->queue, " exceeds the tunnel's queue, ",
                                   tunnel.queue));
    });
  });
  return section;
}

}  // namespace

const SectionOf<NodeConfig>& NodeSchema() {
  static const SectionOf<NodeConfig>& section = Declare<NodeConfig>([](auto& s) {
    s.Nested("node", &NodeConfig::node, NodeSectionSchema()).Shown().Why("This machine.");
    s.Sections("map", &NodeConfig::maps, MapServerSchema(), 0, kMaxMaps)
        .Shown()
        .Why(
            "Servers where nodes register and look each other up. None are needed where endpoints "
            "are fixed; with "
            "several, one may die.");
    s.Sections("ports", &NodeConfig::ports, PortSchema(), 1, kMaxPorts)
        .Required()
        .Why("The local interfaces that payloads are replicated over; at most node.max_ports.");
    s.Sections("peers", &NodeConfig::peers, PeerSchema(), 0, kMaxPeers)
        .Shown()
        .Why("The nodes that this one has tunnels with.");
    s.Sections("tunnels", &NodeConfig::tunnels, TunnelSchema(), 0, kMaxTunnels)
        .Shown()
        .Why("Channels between a gate here and the gate of the same id at a peer.");
  });
  return section;
}

}  // namespace warp::config
