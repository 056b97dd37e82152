#include "control/config/node_schema.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "control/config/port_schema.h"
#include "control/config/tunnel_schema.h"

namespace warp::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr size_t kMaxPorts = 64;
constexpr size_t kMaxMaps = 8;
constexpr size_t kMaxPeers = 1000;
constexpr size_t kMaxTunnels = 4000;
// Configuration may give as many endpoints as any other source: see protocol::kMaxEndpoints.
constexpr size_t kMaxPeerEndpoints = 16;
constexpr uint32_t kMinWindow = 1024;
constexpr size_t kMaxHooks = 8;
constexpr size_t kMaxCommand = 1000;  // bytes

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

// A program by its whole path, and its arguments. No shell reads it, so that nothing has to be quoted.
Codec<std::string> CommandText() {
  return {.type = "path of a program, with arguments parted by single spaces",
          .unit = "",
          .read = [](absl::string_view text) -> absl::StatusOr<std::string> {
            bool fits = !text.empty() && text.front() == '/' && text.back() != ' ' &&
                        text.size() <= kMaxCommand && !absl::StrContains(text, "  ");
            for (const char c : text) fits = fits && static_cast<unsigned char>(c) >= ' ';
            if (fits) return std::string(text);
            return Unacceptable(text,
                                "is not the whole path of a program, such as "
                                "/usr/local/bin/on-event, with arguments parted by single "
                                "spaces");
          },
          .write = [](const std::string& value) { return value; }};
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
        .Why("A session with a map lasts this long before the next one is made.");
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
            "The file that holds this node's private key, as `warp keygen` writes it. It is "
            "refused if group or others have any right to it.");
    s.Scalar("old_keys_for", &NodeSection::old_keys_for, DurationText(seconds(0), hours(24 * 30)))
        .Why(
            "How long a key that a reload has replaced serves those who do not have the new one "
            "yet: this node's own, that of a peer, and a preshared one. It ends sooner where the "
            "new one has served. With 0, it ends at once. docs/reload.md says more.");
    s.Scalar("listen_port", &NodeSection::listen_port, WholeNumber<uint16_t>(1, 65535, "UDP port"))
        .Why(
            "The one UDP port from which everything leaves and at which everything arrives, on "
            "every port of this node.");
    s.Scalar("control_socket", &NodeSection::control_socket, FilePath())
        .Why("The Unix socket at which `warp status` asks this node.");
    s.Scalar("state_directory", &NodeSection::state_directory, FilePath())
        .Why(
            "The directory of what is kept over restarts: the counts of data caps (ports[].cap) "
            "and the history of links. Nodes of one machine may share it, because each has a file "
            "of its own there.");
    s.Scalar("max_ports", &NodeSection::max_ports, WholeNumber<uint16_t>(1, kMaxPorts, "ports"))
        .Why(
            "The most ports that this node can have at a time. Rings and memory are sized for them "
            "at start.");
    s.Scalar("workers", &NodeSection::workers,
             Optional(WholeNumber<uint16_t>(0, kMaxPorts, "threads"), "auto"))
        .Why(
            "The number of threads that share the ports which name no cpu. With 0, the control "
            "thread polls those ports itself. With auto, the number follows from the ports and "
            "CPUs: the section Workers of docs/config.md has a table.");
    s.Scalar("polling", &NodeSection::polling, Optional(Choice(wire::kPollingWords), "auto"))
        .Why(
            "How threads wait for packets. With busy, workers spin, which gives the least latency. "
            "With adaptive, they poll for a moment longer before they sleep. With interrupt, they "
            "and the control thread sleep as soon as nothing waits, which takes the least CPU time "
            "at some ten thousand payloads a second and delays each of them by a wake-up. With "
            "auto, workers that own their CPU (see ports[].cpu) are busy and all others are "
            "adaptive.");
    s.Scalar("control_cpu", &NodeSection::control_cpu,
             Optional(WholeNumber<int>(0, kMaxCpu, "CPU"), "auto"))
        .Why(
            "The CPU that the control thread, which serves the gates, is pinned to. With auto, the "
            "kernel chooses.");
    s.Scalar("crypto", &NodeSection::crypto,
             Choice<wire::EngineKind>({{"auto", wire::EngineKind::kAuto},
                                       {"ipsec-mb", wire::EngineKind::kIpsecMb},
                                       {"openssl", wire::EngineKind::kOpenssl},
                                       {"libsodium", wire::EngineKind::kSodium},
                                       {"cryptodev", wire::EngineKind::kCryptodev}}))
        .Why(
            "The engine that seals and opens payloads. With auto, it is the one that is fastest on "
            "this CPU, as measured at start (warp status says what came of that). With cryptodev, "
            "it is a device of DPDK's. Nodes with different engines work with each other.");
    s.Scalar("crypto_device", &NodeSection::crypto_device, CryptoDevice())
        .Example("0000:3d:01.0")
        .Otherwise("none")
        .Why(
            "The device of `crypto: cryptodev`: the PCI address of an accelerator, or a software "
            "driver for labs (`crypto_aesni_gcm0`). The CPU does what the device cannot do.");
    s.Scalar("hugepages", &NodeSection::hugepages,
             Choice<Hugepages>({{"auto", Hugepages::kAuto},
                                {"true", Hugepages::kAlways},
                                {"false", Hugepages::kNever}}))
        .Why(
            "Whether packet memory lies on hugepages, which must be reserved beforehand. With "
            "auto, it does only if there is a PCI port, because that needs them.");
    s.Scalar("dpdk_telemetry", &NodeSection::dpdk_telemetry,
             Choice<bool>({{"false", false}, {"true", true}}))
        .Why(
            "Whether DPDK opens its telemetry socket in its runtime directory, for "
            "dpdk-telemetry.py and Telegraf's dpdk input. A thread of DPDK's serves it, and who "
            "may connect is root and this process's user alone.");
    s.Scalar("memory", &NodeSection::memory_mib, Optional(Mebibytes(16, 64 * 1024), "auto"))
        .Why(
            "The size of the packet memory. With auto, it is computed from max_ports and the "
            "largest MTU.");
    s.Scalar("window", &NodeSection::window, PowerOfTwo(kMinWindow, wire::kMaxWindow, "payloads"))
        .Why(
            "How many payloads the last copy of one may arrive behind the newest and still be told "
            "from a replay. It should be at least the packet rate times the largest difference in "
            "delay between two paths.");
    s.Scalars("on_event", &NodeSection::on_event, CommandText(), 0, kMaxHooks)
        .Example("[\"/usr/local/bin/on-event\"]")
        .Otherwise("none")
        .Why(
            "Commands that are run for each event (docs/events.md), with the event as JSON on "
            "stdin and as variables WARP_*. They run one after the other, without rights and apart "
            "from warpd, which never waits for them.");
    s.Scalar("on_event_timeout", &NodeSection::on_event_timeout,
             DurationText(milliseconds(100), hours(1)))
        .Why("How long a command of on_event may take before it is killed.");
    s.Nested("timers", &NodeSection::timers, TimersSchema())
        .Why("The protocol's timers. They are for tests: both nodes rely on each other's values.");
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
        .Why("The public key of the map, which warp-map prints at start.");
    s.Scalar("tcp", &MapServerConfig::tcp,
             Optional(WholeNumber<uint16_t>(1, 65535, "TCP port"), "none"))
        .Example("443")
        .Why(
            "The TCP port at which the map takes TLS connections (`stream` in its configuration), "
            "for interfaces whose network blocks UDP: see ports[].tcp.");
  });
  return section;
}

const SectionOf<PeerConfig>& PeerSchema() {
  static const SectionOf<PeerConfig>& section = Declare<PeerConfig>([](auto& s) {
    s.Scalar("name", &PeerConfig::name, Name())
        .Required()
        .Example("hq")
        .Why(
            "The name of the peer in tunnels, status and logs. It is unique, and no other node "
            "sees it.");
    s.Scalar("public_key", &PeerConfig::public_key, PublicKeyText())
        .Required()
        .Example("XzZzrtzTC6AGpth5bNms/zutwrbczRj6Dyn/AjH+4HQ=")
        .Why("The public key of the peer, which `warp pubkey` makes from its private key.");
    s.Scalar("preshared_key_file", &PeerConfig::preshared_key_file, FilePath())
        .Example("/etc/warp/hq.psk")
        .Otherwise("no preshared key")
        .Why(
            "The file of a secret that both nodes hold, as `warp keygen` makes it. It is mixed "
            "into every handshake, so that a future break of X25519 does not open what was "
            "recorded. It is refused if group or others have any right to it.");
    s.Scalars("endpoints", &PeerConfig::endpoints, UnderlayHostPort(), 0, kMaxPeerEndpoints)
        .Shown()
        .Example("[\"198.51.100.7:13116\"]")
        .Otherwise("none: the map knows, or the peer begins")
        .Why(
            "The addresses at which the peer's interfaces can be reached. They may be left out "
            "where a map knows them, or where the peer initiates. A link-local IPv6 address may "
            "name the interface of the port that leads to it: `\"[fe80::b%eth0]:13116\"`.");
    s.Sections("paths", &PeerConfig::paths, PathRuleSchema(), 0, kMaxPathRules)
        .Why(
            "The paths that may carry payloads to this peer, where a tunnel does not say it "
            "itself; without any, all of them. The other paths are still probed.");
  });
  return section;
}

}  // namespace

const SectionOf<NodeConfig>& NodeSchema() {
  static const SectionOf<NodeConfig>& section = Declare<NodeConfig>([](auto& s) {
    s.Nested("node", &NodeConfig::node, NodeSectionSchema())
        .Shown()
        .Why("What concerns this machine as a whole.");
    s.Sections("map", &NodeConfig::maps, MapServerSchema(), 0, kMaxMaps)
        .Shown()
        .Why(
            "Servers where nodes register and look each other up. No map is needed where all "
            "endpoints are configured. With several maps, any of them may fail.");
    s.Sections("ports", &NodeConfig::ports, PortSchema(), 1, kMaxPorts)
        .Required()
        .Why(
            "The local interfaces that payloads leave by, at most node.max_ports. Those that "
            "patterns match share what the others leave of that.");
    s.Sections("peers", &NodeConfig::peers, PeerSchema(), 0, kMaxPeers)
        .Shown()
        .Why("The nodes that this one has tunnels with.");
    s.Sections("tunnels", &NodeConfig::tunnels, TunnelSchema(), 0, kMaxTunnels)
        .Shown()
        .Why("The channels, each between a gate here and the gate of the same id at a peer.");
  });
  return section;
}

}  // namespace warp::config
