#include "control/config/node_config.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "control/config/text/problems.h"
#include "tests/control/config/temp_dir.h"

namespace warp::config {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr char kOwnKey[] = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";
constexpr char kOwnPublicKey[] = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";
constexpr char kKey1[] = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=";
constexpr char kKey2[] = "4p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=";

// Replaces K1 and K2 in a text by public keys.
std::string Keyed(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"K1", kKey1}, {"K2", kKey2}});
}

std::string Messages(absl::string_view text) {
  const absl::StatusOr<NodeConfig> config = ParseNodeConfig(Keyed(text), "f");
  if (config.ok()) return "ok";
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(config.status().message());
}

// Each test starts from these four required lines and adds the keys that it is about.
constexpr char kNode[] = "node: {private_key_file: k}\n";
constexpr char kPorts[] = "ports: [{name: wan0, interface: eth0}]\n";
constexpr char kPeers[] = "peers: [{name: hq, public_key: K1}, {name: lab, public_key: K2}]\n";

// A port is named by its interface, or by its own name where no interface has that.
TEST(NodeConfigTest, AnEndpointMayNameThePortThatLeadsToIt) {
  const absl::StatusOr<NodeConfig> config = ParseNodeConfig(
      Keyed(absl::StrCat(kNode,
                         "ports:\n  - {name: wan0, interface: eth0}\n  - {name: eth0x, pci: "
                         "0000:3b:00.0}\n",
                         "peers: [{name: a, public_key: K1, endpoints: [\"[fe80::b%eth0]:1\", "
                         "\"[fe80::b%warp-eth0x]:1\", \"[fe80::c%wan0]:1\", \"[fe80::d]:1\"]}]")),
      "f");
  ASSERT_TRUE(config.ok()) << config.status();
  const auto number = [&](size_t endpoint) {
    return config->NumberOf(config->peers[0].endpoints[endpoint].interface).value_or(0);
  };
  EXPECT_EQ(number(0), config->NumberOf(config->ports[0]));
  EXPECT_EQ(number(1), config->NumberOf(config->ports[1]));
  EXPECT_NE(number(0), number(1));
  EXPECT_EQ(number(2), number(0));
  EXPECT_EQ(number(3), 0u);
}

// A running node tells endpoints and ports apart by it while its file changes.
TEST(NodeConfigTest, ThePortsNumberDoesNotDependOnItsPlace) {
  const auto number = [](absl::string_view ports) {
    const auto config = ParseNodeConfig(Keyed(absl::StrCat(kNode, "ports: ", ports)), "f");
    EXPECT_TRUE(config.ok()) << config.status();
    return config->NumberOf("eth1").value_or(0);
  };
  EXPECT_NE(number("[{interface: eth1}]"), 0u);
  EXPECT_EQ(number("[{interface: eth1}]"), number("[{interface: eth0}, {interface: eth1}]"));
}

// An endpoint that is behind the port of a pattern has that port's number, whether the port is there or not.
TEST(NodeConfigTest, APatternStandsForPortsThatComeAndGo) {
  const absl::StatusOr<NodeConfig> config = ParseNodeConfig(
      Keyed(absl::StrCat(
          kNode, "ports: [{interface: eth0}, {name: lte, interface: \"wwan*\", except: [wwan9]}]\n",
          "peers: [{name: a, public_key: K1, endpoints: [\"[fe80::b%wwan1]:1\", "
          "\"[fe80::b%wwan0]:1\", \"[fe80::c%wwan1]:1\"], paths: [{port: lte}, {port: wwan3}]}]")),
      "f");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->ports[0].name, "eth0");
  EXPECT_FALSE(config->ports[0].is_pattern());
  EXPECT_TRUE(config->ports[1].is_pattern());
  EXPECT_EQ(config->PatternRoom(), 7u);
  EXPECT_NE(config->NumberOf("eth0").value_or(0), 0u);
  EXPECT_NE(config->NumberOf("wwan1").value_or(0), 0u);
  EXPECT_NE(config->NumberOf("wwan0").value_or(0), 0u);
  EXPECT_NE(config->NumberOf("wwan0"), config->NumberOf("wwan1"));
  EXPECT_EQ(config->NumberOf("wwan2"), 0u);  // nothing is behind it
  EXPECT_EQ(config->NumberOf("wwan9"), std::nullopt);
  EXPECT_EQ(config->NumberOf("lte"), std::nullopt);
  EXPECT_EQ(config->NumberOf(config->ports[1].PortFor("wwan0")), config->NumberOf("wwan0"));
  EXPECT_EQ(config->NumberOf(config->ports[1].PortFor("wwan2")), 0u);
  EXPECT_TRUE(config->MayHavePort("wwan3"));
  EXPECT_FALSE(config->MayHavePort("wwan9"));
  const wire::IpAddress there = *wire::IpAddress::Parse("192.0.2.1");
  const std::vector<PathRule> rules = {{.port = "lte"}};
  EXPECT_TRUE(MayCarry(rules, "wwan3", there, "lte"));
  EXPECT_FALSE(MayCarry(rules, "eth0", there));
}

TEST(NodeConfigTest, PatternsNeedRoom) {
  const absl::StatusOr<NodeConfig> config = ParseNodeConfig(
      Keyed("node: {private_key_file: k, max_ports: 1}\nports: [{interface: eth0}, {interface: "
            "\"wwan*\"}]"),
      "f");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->PatternRoom(), 0u);
  EXPECT_EQ(config->advice,
            "f:2: ports[1].interface: no interface gets a port by this pattern: node.max_ports is "
            "1, and as many ports are named");
}

TEST(NodeConfigTest, ReadsTheSketch) {
  const absl::StatusOr<NodeConfig> config = ParseNodeConfig(Keyed(R"(
node:
  private_key_file: /etc/warp/private.key
  listen_port: 13117
map:
  - address: map.example.net:13116
    public_key: K1
ports:
  - {name: wan0, interface: eth0}
  - {name: wan1, pci: 0000:3b:00.0, kernel_interface: tap1, cpu: 3}
  - {name: lab, devargs: "net_memif0,role=client", mtu: 1400}
  - {name: wan3, interface: eth3, driver: af_xdp, optional: true}
peers:
  - {name: other, public_key: K1}
  - {name: hq, public_key: K2, endpoints: ["198.51.100.7:13116", "[2001:db8::7]:9", "hq.example:1"]}
tunnels:
  - name: video
    id: 1
    peer: hq
    deadline: 40ms
    queue: 16
    gate: {loopback: {listen: "127.0.0.1:9000", deliver: "127.0.0.1:9001"}}
  - name: audio
    id: 65535
    peer: other
    gate: {loopback: {listen: "[::1]:9000"}}
)"),
                                                            "f");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->node.private_key_file, "/etc/warp/private.key");
  EXPECT_EQ(config->node.listen_port, 13117);
  ASSERT_EQ(config->maps.size(), 1u);
  EXPECT_EQ(config->maps[0].address.host, "map.example.net");
  EXPECT_EQ(config->maps[0].public_key.ToBase64(), kKey1);

  ASSERT_EQ(config->ports.size(), 4u);
  EXPECT_EQ(wire::DriverWord(config->ports[0].device), "auto");
  EXPECT_EQ(wire::DeviceText(config->ports[0].device), "eth0");
  EXPECT_EQ(config->ports[0].kernel_side(), "eth0");
  EXPECT_EQ(config->ports[0].kernel_interface, "");
  EXPECT_EQ(config->ports[0].cpu, std::nullopt);
  EXPECT_FALSE(config->ports[0].optional);
  EXPECT_EQ(wire::DriverWord(config->ports[1].device), "pci");
  EXPECT_EQ(wire::DeviceText(config->ports[1].device), "0000:3b:00.0");
  EXPECT_EQ(config->ports[1].kernel_side(), "tap1");
  EXPECT_EQ(config->ports[1].cpu, 3);
  EXPECT_EQ(wire::DriverWord(config->ports[2].device), "devargs");
  EXPECT_EQ(wire::DeviceText(config->ports[2].device), "net_memif0,role=client");
  EXPECT_EQ(config->ports[2].kernel_interface, "warp-lab");
  EXPECT_EQ(config->ports[2].mtu, 1400);
  EXPECT_EQ(wire::DriverWord(config->ports[3].device), "af_xdp");
  EXPECT_EQ(wire::DeviceText(config->ports[3].device), "eth3");
  EXPECT_TRUE(config->ports[3].optional);

  ASSERT_EQ(config->peers.size(), 2u);
  ASSERT_EQ(config->peers[1].endpoints.size(), 3u);
  EXPECT_EQ(config->peers[1].endpoints[1].literal,
            wire::Endpoint::Parse("[2001:db8::7]:9").value());
  EXPECT_EQ(config->peers[1].endpoints[2].literal, std::nullopt);

  ASSERT_EQ(config->tunnels.size(), 2u);
  const TunnelConfig& video = config->tunnels[0];
  EXPECT_EQ(video.id, 1);
  EXPECT_EQ(video.peer_index, 1u);
  EXPECT_EQ(video.deadline, milliseconds(40));
  EXPECT_EQ(video.queue, 16u);
  EXPECT_EQ(video.gate.loopback->listen.ToString(), "127.0.0.1:9000");
  EXPECT_EQ(video.gate.loopback->deliver->ToString(), "127.0.0.1:9001");
  const TunnelConfig& audio = config->tunnels[1];
  EXPECT_EQ(audio.peer_index, 0u);
  EXPECT_EQ(audio.deadline, milliseconds(250));
  EXPECT_EQ(audio.gate.loopback->deliver, std::nullopt);
}

TEST(NodeConfigTest, KeysOfADeviceStandInAnyOrder) {
  const absl::StatusOr<NodeConfig> config = ParseNodeConfig(
      Keyed(
          absl::StrCat(kNode, kPeers, "ports: [{driver: af_xdp, name: wan0, interface: eth0}]\n")),
      "f");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_NE(config->ports[0].kernel_device(), nullptr);
  EXPECT_EQ(config->ports[0].kernel_device()->interface, "eth0");
  EXPECT_EQ(config->ports[0].kernel_device()->driver, wire::KernelDriver::kAfXdp);
}

TEST(NodeConfigTest, AVlanIsAPortOfItsOwn) {
  const auto config = ParseNodeConfig(
      "node: {private_key_file: k}\nports:\n"
      " - {name: a, interface: eth0, vlan: 10}\n"
      " - {interface: eth0, vlan: 20}\n"
      " - {interface: eth0}\n"
      " - {name: c, pci: 0000:01:00.0, vlan: 7, kernel_interface: wan0, cpu: 3}\n"
      " - {name: d, pci: 0000:01:00.0, cpu: 3}\n"
      " - {name: e, pci: 0000:02:00.0}\n"
      " - {name: f, interface: eth1, vlan: 4094, kernel_interface: dmz, driver: af_xdp}\n"
      " - {name: g, devargs: \"net_null0,no-rx=1\", vlan: none}\n",
      "f");
  ASSERT_TRUE(config.ok()) << config.status();
  const std::vector<PortConfig>& ports = config->ports;
  EXPECT_EQ(ports[0].vlan, 10);
  EXPECT_EQ(ports[0].kernel_side(), "eth0.10");
  EXPECT_EQ(ports[1].name, "eth0.20");
  EXPECT_EQ(ports[2].name, "eth0");
  EXPECT_EQ(ports[2].kernel_side(), "eth0");
  EXPECT_EQ(ports[3].kernel_side(), "wan0");
  EXPECT_EQ(ports[4].kernel_side(), "warp-d");
  EXPECT_EQ(ports[6].kernel_side(), "dmz");
  EXPECT_EQ(ports[7].vlan, std::nullopt);
  // Each VLAN of a packet socket has a socket of its own; what is polled is shared.
  using Ports = std::vector<const PortConfig*>;
  EXPECT_EQ(config->PortsSharingDeviceOf(ports[0]), Ports{});
  EXPECT_EQ(config->PortsSharingDeviceOf(ports[4]), (Ports{&ports[3], &ports[4]}));
  EXPECT_EQ(config->PortsSharingDeviceOf(ports[5]), Ports{});
  EXPECT_EQ(config->PortsSharingDeviceOf(ports[6]), Ports{&ports[6]});
  EXPECT_EQ(config->PortsSharingDeviceOf(ports[7]), Ports{});
}

TEST(NodeConfigTest, ACryptoDeviceGoesWithCryptodev) {
  const auto read = [](const std::string& crypto) {
    return ParseNodeConfig(
        "node: {private_key_file: k" + crypto + "}\nports: [{name: a, interface: b}]\n", "f");
  };
  EXPECT_EQ(read(", crypto: cryptodev, crypto_device: crypto_aesni_gcm0")->node.crypto_device,
            "crypto_aesni_gcm0");
  EXPECT_EQ(read(", crypto: cryptodev, crypto_device: \"0000:3d:01.0\"")->node.crypto,
            wire::EngineKind::kCryptodev);
  EXPECT_EQ(read(", crypto: cryptodev").status().message(),
            "f:1: node.crypto: cryptodev needs a crypto_device");
  EXPECT_EQ(read(", crypto_device: crypto_aesni_gcm0").status().message(),
            "f:1: node.crypto_device: is only for crypto: cryptodev");
  const absl::Status other = read(", crypto: cryptodev, crypto_device: net_null0").status();
  EXPECT_NE(other.message().find("is neither a PCI address nor a virtual device"),
            absl::string_view::npos)
      << other;
}

TEST(NodeConfigTest, ReadsEveryKeyOfTheNode) {
  const absl::StatusOr<NodeConfig> config = ParseNodeConfig(R"(
node:
  private_key_file: k
  control_socket: s
  max_ports: 3
  workers: 2
  polling: busy
  control_cpu: 1
  crypto: libsodium
  hugepages: true
  dpdk_telemetry: true
  memory: 1GiB
  window: 4194304
  on_event: [/usr/local/bin/on-event, /bin/logger -t warp]
  on_event_timeout: 3s
  timers:
    rekey_after: 1s
    rekey_after_responder: 1500ms
    session_lifetime: 3s
    session_silence: 400ms
    handshake_retry: 20ms
    handshake_retry_max: 90ms
    probe_interval: 50ms
    path_lost_after: 300ms
    map_rekey_after: 5s
ports: [{name: a, interface: b, cpu: auto, mtu: auto}]
)",
                                                            "f");
  ASSERT_TRUE(config.ok()) << config.status();
  const NodeSection& node = config->node;
  EXPECT_EQ(node.control_socket, "s");
  EXPECT_EQ(node.max_ports, 3);
  EXPECT_EQ(node.workers, 2);
  EXPECT_EQ(node.polling, wire::Polling::kBusy);
  EXPECT_EQ(node.control_cpu, 1);
  EXPECT_EQ(node.crypto, wire::EngineKind::kSodium);
  EXPECT_EQ(node.hugepages, Hugepages::kAlways);
  EXPECT_TRUE(node.dpdk_telemetry);
  EXPECT_EQ(node.memory_mib, 1024u);
  EXPECT_EQ(node.window, 4194304u);
  EXPECT_EQ(node.on_event,
            (std::vector<std::string>{"/usr/local/bin/on-event", "/bin/logger -t warp"}));
  EXPECT_EQ(node.on_event_timeout, seconds(3));
  EXPECT_EQ(node.timers.rekey_after, seconds(1));
  EXPECT_EQ(node.timers.rekey_after_responder, milliseconds(1500));
  EXPECT_EQ(node.timers.session_lifetime, seconds(3));
  EXPECT_EQ(node.timers.session_silence, milliseconds(400));
  EXPECT_EQ(node.timers.handshake_retry, milliseconds(20));
  EXPECT_EQ(node.timers.handshake_retry_max, milliseconds(90));
  EXPECT_EQ(node.timers.probe_interval, milliseconds(50));
  EXPECT_EQ(node.timers.path_lost_after, milliseconds(300));
  EXPECT_EQ(node.timers.map_rekey_after, seconds(5));
  EXPECT_TRUE(config->peers.empty());
}

TEST(NodeConfigTest, SaysWhatIsWrongAndWhere) {
  struct Case {
    std::string text;
    std::string messages;
  };
  const std::string node = kNode, ports = kPorts, peers = kPeers, base = node + ports + peers;
  const auto tunnel = [&](const std::string& keys) {
    return base +
           "tunnels:\n  - {name: t, id: 1, peer: hq, gate: {loopback: {listen: "
           "\"127.0.0.1:9\"}}}\n  - {" +
           keys + "}\n";
  };
  const std::string gate = "gate: {loopback: {listen: \"127.0.0.1:8\"}}";
  const Case cases[] = {
      // The document as a whole.
      {"", "f:1: node.private_key_file: missing\nf:1: ports: missing"},
      {"hello",
       "f:1: the configuration must be a map of keys, is a single value"
       " (known here: node, map, ports, peers, tunnels)"},
      {"- a",
       "f:1: the configuration must be a map of keys, is a list"
       " (known here: node, map, ports, peers, tunnels)"},
      {"node: [", "f:1: YAML: end of sequence flow not found; the [ on line 1 has no ]"},
      {node + "ports:\n", "f:2: ports: needs at least 1 entry"},
      // Unknown keys: misspelled ones, ones that belong to another section, and others.
      {base + "tunels: []\n", "f:4: tunels: unknown key, did you mean \"tunnels\"?"},
      {base + "listen_port: 1\n",
       "f:4: listen_port: unknown key, did you mean \"node.listen_port\"?"},
      {base + "deliver: 1\n",
       "f:4: deliver: unknown key, did you mean \"tunnels[].gate.loopback.deliver\"?"},
      {base + "bogus: 1\n",
       "f:4: bogus: unknown key (known here: node, map, ports, peers, tunnels)"},
      {"node:\n  private_key_file: k\n  listen_prot: 1\n" + ports,
       "f:3: node.listen_prot: unknown key, did you mean \"listen_port\"?"},
      {node + "ports: [{name: a, interface: b, drivers: af_xdp}]",
       "f:2: ports[0].drivers: unknown key, did you mean \"driver\"?"},
      {base + "\"a\\eb\": 1",
       "f:4: a\\033b: unknown key (known here: node, map, ports, peers, tunnels)"},
      // Values of a wrong type.
      {node + "ports: [{name: a, interface: b, rate: 5Mbit}]",
       "f:2: ports[0].rate: must be a map of keys, is a single value (known here: up, down)"},
      {node + "ports: [{name: a, interface: b, rate: []}]",
       "f:2: ports[0].rate: must be a map of keys, is a list (known here: up, down)"},
      {node + "ports: {name: a}",
       "f:2: ports: must be a list, is a map of keys: write a dash in front of each entry, or "
       "brackets "
       "around all"},
      {node + ports + "peers: [{name: hq, public_key: K1, paths: [wan0]}]",
       "f:3: peers[0].paths[0]: must be a map of keys, is a single value (known here: port, to)"},
      {node + "ports: [{name: [a], interface: b}]",
       "f:2: ports[0].name: must be a single value, is a list"},
      {node + "ports: [{name: , interface: b}]", "f:2: ports[0].name: has no value"},
      {"node: {private_key_file: {a: b}}\n" + ports,
       "f:1: node.private_key_file: must be a single value, is a map of keys"},
      {"node: {private_key_file: k, listen_port: x}\n" + ports,
       "f:1: node.listen_port: \"x\" is not a whole number from 1 to 65535"},
      {"node: {private_key_file: k, hugepages: yes}\n" + ports,
       "f:1: node.hugepages: \"yes\" is not one of auto, true, false"},
      // Values out of range.
      {"node: {private_key_file: k, listen_port: 0}\n" + ports,
       "f:1: node.listen_port: \"0\" is not a whole number from 1 to 65535"},
      {"node: {private_key_file: k, max_ports: 65}\n" + ports,
       "f:1: node.max_ports: \"65\" is not a whole number from 1 to 64"},
      {"node: {private_key_file: k, on_event: [/bin/a, \"sh  -c x\"]}\n" + ports,
       "f:1: node.on_event[1]: \"sh  -c x\" is not the whole path of a program, such as "
       "/usr/local/bin/on-event, with arguments parted by single spaces"},
      {"node: {private_key_file: k, window: 100000}\n" + ports,
       "f:1: node.window: \"100000\" is not a power of two from 1024 to 4194304"},
      {"node: {private_key_file: k, control_socket: /" + std::string(107, 'x') + "}\n" + ports,
       "f:1: node.control_socket: the path \"/" + std::string(59, 'x') +
           "...\" has 108 bytes, a socket's may have 107"},
      // Timers whose order is wrong.
      {"node: {private_key_file: k, timers: {rekey_after: 140s}}\n" + ports,
       "f:1: node.timers.rekey_after: 140s must be shorter than rekey_after_responder, which is "
       "135s"},
      {"node:\n  private_key_file: k\n  timers:\n    session_lifetime: 100s\n" + ports,
       "f:4: node.timers.session_lifetime: 100s must be longer than rekey_after_responder, which "
       "is 135s"},
      {"node: {private_key_file: k, timers: {probe_interval: 1s}}\n" + ports,
       "f:1: node.timers.probe_interval: 1s must be shorter than path_lost_after, which is 1s"},
      {"node: {private_key_file: k, timers: {path_lost_after: 1h}}\n" + ports,
       "f:1: node.timers.path_lost_after: \"1h\" is not from 20ms to 60s"},
      // Ports.
      {node + "ports: [{name: a}]",
       "f:2: ports[0]: needs exactly one of interface, pci and devargs"},
      {node + "ports: [{name: a, interface: b, pci: 0000:3b:00.0}]",
       "f:2: ports[0]: needs exactly one of interface, pci and devargs"},
      {node + "ports: [{pci: 0000:3b:00.0}]", "f:2: ports[0].name: missing"},
      {node + "ports: [{interface: b@1}]",
       "f:2: ports[0].name: missing: \"b@1\" is no name of a port"},
      {node + "ports:\n - {interface: x}\n - {interface: x}",
       "f:4: ports[1].interface: \"x\" is taken by ports[0].interface"},
      {node + "ports:\n - {interface: x}\n - {name: x, interface: y}",
       "f:4: ports[1].name: \"x\" is taken by ports[0].name"},
      {node + "ports:\n - {interface: \"x*\"}\n - {interface: \"x*\", tier: 2}",
       "f:4: ports[1].interface: \"x*\" is taken by ports[0].interface"},
      {node + "ports: [{interface: x, except: [y]}]",
       "f:2: ports[0].except: goes with a pattern alone, such as interface: \"wwan*\""},
      {node + "ports: [{name: a, pci: 0000:3b:00.0, except: [y]}]",
       "f:2: ports[0].except: goes with interface alone"},
      {node + "ports: [{interface: \"x*\", optional: true}]",
       "f:2: ports[0].optional: goes with the name of one interface: none need match"},
      {node + "ports: [{interface: \"a-very-long-name*\"}]",
       "f:2: ports[0].interface: \"a-very-long-name*\" is not the name of an interface: at most 15 "
       "characters, no '/' or ':'"},
      {node + "ports: [{name: a, pci: 0000:3b:00.0, driver: af_xdp}]",
       "f:2: ports[0].driver: goes with interface alone"},
      {node + "ports: [{name: a, devargs: net_null0, optional: true}]",
       "f:2: ports[0].optional: goes with interface or pci"},
      {node + "ports: [{name: a, interface: b, kernel_interface: c}]",
       "f:2: ports[0].kernel_interface: goes with pci, devargs or vlan: this port's interface is "
       "the kernel's own"},
      {node + "ports: [{interface: b, vlan: 4095}]",
       "f:2: ports[0].vlan: \"4095\" is not a whole number from 1 to 4094"},
      {node + "ports: [{interface: eth0, vlan: 10, driver: udp}]",
       "f:2: ports[0].vlan: driver: udp writes no tags: leave vlan out, and name the kernel's "
       "interface of that VLAN, interface: eth0.10"},
      {node + "ports: [{interface: \"eth*\", vlan: 10}]",
       "f:2: ports[0].vlan: goes with the name of one interface, and not with a pattern"},
      {node + "ports: [{interface: enp129s0f0np0, vlan: 10}]",
       "f:2: ports[0].kernel_interface: missing: \"enp129s0f0np0.10\" is too long for an "
       "interface"},
      {node + "ports:\n - {name: a, interface: x, vlan: 5}\n - {name: b, interface: x, vlan: 5, "
              "kernel_interface: y}",
       "f:4: ports[1].vlan: \"x VLAN 5\" is taken by ports[0].vlan"},
      {node + "ports:\n - {name: a, interface: x.5}\n - {name: b, interface: x, vlan: 5}",
       "f:4: ports[1].kernel_interface: \"x.5\" is taken by ports[0].interface"},
      {node + "ports:\n - {name: a, pci: 0000:3b:00.0, vlan: 5}\n - {name: b, pci: 0000:3b:00.0, "
              "vlan: 5}",
       "f:4: ports[1].vlan: \"0000:3b:00.0 VLAN 5\" is taken by ports[0].vlan"},
      {node + "ports:\n - {name: a, pci: 0000:3b:00.0, vlan: 5, cpu: 1}\n - {name: b, pci: "
              "0000:3b:00.0}",
       "f:4: ports[1].cpu: differs from that of port a, which is of the same device"},
      {node + "ports:\n - {name: a, devargs: \"net_memif0,id=1\", vlan: 5}\n - {name: b, devargs: "
              "\"net_memif0,id=2\"}",
       "f:4: ports[1].devargs: differs from that of port a, which is of the same device"},
      {node + "ports: [{name: a-long-name, pci: 0000:3b:00.0}]",
       "f:2: ports[0].kernel_interface: missing: \"warp-a-long-name\" is too long for an "
       "interface"},
      {node + "ports:\n - {name: a, interface: x}\n - {name: a, interface: y}",
       "f:4: ports[1].name: \"a\" is taken by ports[0].name"},
      {node + "ports:\n - {name: a, interface: x}\n - {name: b, interface: x}",
       "f:4: ports[1].interface: \"x\" is taken by ports[0].interface"},
      {node + "ports:\n - {name: a, interface: x}\n - {name: b, devargs: net_ring0, "
              "kernel_interface: x}",
       "f:4: ports[1].kernel_interface: \"x\" is taken by ports[0].interface"},
      {node + "ports:\n - {name: a, interface: warp-b}\n - {name: b, devargs: net_ring0}",
       "f:4: ports[1].kernel_interface: \"warp-b\" is taken by ports[0].interface"},
      {node + "ports:\n - {name: a, pci: 0000:3b:00.0}\n - {name: b, pci: 0000:3B:00.0}",
       "f:4: ports[1].pci: \"0000:3b:00.0\" is taken by ports[0].pci"},
      {node + "ports:\n - {name: a, devargs: \"net_memif0,id=1\"}\n - {name: b, devargs: "
              "\"net_memif0,id=2\"}",
       "f:4: ports[1].devargs: \"net_memif0\" is taken by ports[0].devargs"},
      {"node: {private_key_file: k, max_ports: 1}\nports:\n - {name: a, interface: x}\n - {name: "
       "b, interface: y}",
       "f:2: ports: has 2 entries, node.max_ports is 1"},
      {"node: {private_key_file: k, control_cpu: 2}\nports:\n - {name: a, interface: x, cpu: 1}\n "
       "- {name: b, interface: y, cpu: 2}",
       "f:4: ports[1].cpu: 2 is node.control_cpu: a worker wants a CPU of its own"},
      {"node: {private_key_file: k, hugepages: false}\nports: [{name: a, pci: 0000:3b:00.0}]",
       "f:1: node.hugepages: a PCI port needs hugepages"},
      {node + "ports: [{name: a, interface: b, mtu: 575}]",
       "f:2: ports[0].mtu: \"575\" is not a whole number from 576 to 9600"},
      // Maps and peers.
      {node + ports +
           "map: [{address: \"m:1\", public_key: K1}, {address: \"m:1\", public_key: K1}]",
       std::string(
           "f:3: map[1].address: \"m:1\" is taken by map[0].address\nf:3: map[1].public_key: \"") +
           kKey1 + "\" is taken by map[0].public_key"},
      {node + ports + "map: [{address: 192.0.2.1, public_key: K1}]",
       "f:3: map[0].address: \"192.0.2.1\" has no port: write host:port"},
      {node + ports + "map: [{public_key: \"abc\"}]",
       "f:3: map[0].public_key: \"abc\" is not a public key: 44 characters of base64\nf:3: "
       "map[0].address: missing"},
      {node + ports + "peers:\n - {name: a, public_key: K1}\n - {name: a, public_key: K2}",
       "f:5: peers[1].name: \"a\" is taken by peers[0].name"},
      {node + ports + "peers:\n - {name: a, public_key: K1}\n - {name: b, public_key: K1}",
       std::string("f:5: peers[1].public_key: \"") + kKey1 + "\" is taken by peers[0].public_key"},
      {node + ports +
           "peers: [{name: a, public_key: K1, endpoints: [\"10.0.0.1:1\", \"nope\", "
           "\"10.0.0.1:1\"]}]",
       "f:3: peers[0].endpoints[1]: \"nope\" has no port: write host:port\n"
       "f:3: peers[0].endpoints[2]: \"10.0.0.1:1\" is taken by peers[0].endpoints[0]"},
      {node + ports + "peers: [{name: a, public_key: K1, endpoints: \"10.0.0.1:1\"}]", "ok"},
      {node + ports + "peers: [{name: a, public_key: K1, endpoints: nope}]",
       "f:3: peers[0].endpoints[0]: \"nope\" has no port: write host:port"},
      {node + ports + "peers: [{name: a, public_key: K1, endpoints: {}}]",
       "f:3: peers[0].endpoints: must be a list, is a map of keys: write a dash in front of each "
       "entry, "
       "or brackets around all"},
      {node + ports + "peers: [{name: a, public_key: K1, endpoints: [\"127.0.0.1:1\"]}]",
       "f:3: peers[0].endpoints[0]: \"127.0.0.1:1\" cannot be the address of another machine"},
      {node + ports + "peers: [{name: a, public_key: K1, endpoints: [\"[fe80::b%eth9]:1\"]}]",
       "f:3: peers[0].endpoints[0]: \"[fe80::b%eth9]:1\" is behind eth9, which is the interface of "
       "no port: write one of eth0"},
      {node + ports + "peers: [{name: a, public_key: K1, endpoints: [\"[2001:db8::1%eth0]:1\"]}]",
       "f:3: peers[0].endpoints[0]: \"[2001:db8::1%eth0]:1\" names an interface, which only a "
       "link-local address (fe80::) may"},
      {node + ports + "map: [{address: \"[fe80::b%eth0]:1\", public_key: K1}]",
       "f:3: map[0].address: names an interface, which only the endpoint of a peer may"},
      // Tunnels.
      {tunnel("name: u, id: 2, peer: gq, " + gate),
       "f:6: tunnels[1].peer: there is no peer \"gq\", did you mean \"hq\"?"},
      {tunnel("name: u, id: 2, peer: else, " + gate),
       "f:6: tunnels[1].peer: there is no peer \"else\""},
      {tunnel("name: t, id: 2, peer: hq, " + gate),
       "f:6: tunnels[1].name: \"t\" is taken by tunnels[0].name"},
      {tunnel("name: u, id: 1, peer: hq, " + gate),
       "f:6: tunnels[1].id: \"1\" is taken by tunnels[0].id"},
      {tunnel("name: u, id: 1, peer: lab, " + gate), "ok"},
      {tunnel("name: u, id: 65536, peer: hq, " + gate),
       "f:6: tunnels[1].id: \"65536\" is not a whole number from 0 to 65535"},
      {tunnel("name: u, id: 2, peer: hq"), "f:6: tunnels[1].gate: missing"},
      {tunnel("name: u, id: 2, peer: hq, gate: {}"),
       "f:6: tunnels[1].gate: needs loopback, udp, unix, tun, tap or class_of"},
      {tunnel("name: u, id: 2, peer: hq, gate: {unix: {path: /x}}"), "ok"},
      {tunnel("name: u, id: 2, peer: hq, gate: {unix: {path: /x}, loopback: {listen: "
              "\"127.0.0.1:8\"}}"),
       "f:6: tunnels[1].gate: has both loopback and unix: a gate is one of them"},
      {tunnel("name: u, id: 2, peer: hq, gate: {unix: {}}"),
       "f:6: tunnels[1].gate.unix.path: missing"},
      {tunnel("name: u, id: 2, peer: hq, gate: {unix: {path: /run/warp/warpd.sock}}"),
       "f:6: tunnels[1].gate.unix.path: \"/run/warp/warpd.sock\" is taken by node.control_socket"},
      {tunnel("name: u, id: 2, peer: hq, gate: {unix: {path: /" + std::string(107, 'x') + "}}"),
       "f:6: tunnels[1].gate.unix.path: the path " + Quote("/" + std::string(107, 'x')) +
           " has 108 bytes, a socket's may have 107"},
      {tunnel("name: u, id: 2, peer: hq, gate: {unix: {path: /x, type: stream}}"),
       "f:6: tunnels[1].gate.unix.type: \"stream\" is not one of datagram, seqpacket"},
      {tunnel("name: u, id: 2, peer: hq, gate: {unix: {path: /x, mode: \"0668\"}}"),
       "f:6: tunnels[1].gate.unix.mode: \"0668\" is not a file's mode such as 0660: three octal "
       "digits"},
      {tunnel("name: u, id: 2, peer: hq, gate: {unix: {path: /x, mode: 66}}"),
       "f:6: tunnels[1].gate.unix.mode: \"66\" is not a file's mode such as 0660: three octal "
       "digits"},
      {tunnel("name: u, id: 2, peer: hq, gate: {unix: {path: /x, group: \"a b\"}}"),
       "f:6: tunnels[1].gate.unix.group: \"a b\" is not the name of a user or group: at most 32 "
       "characters"},
      {tunnel("name: u, id: 2, peer: hq, gate: {unix: {path: /x, queue: 1025}}"),
       "f:6: tunnels[1].gate.unix.queue: \"1025\" is not a whole number from 1 to 1024"},
      {tunnel("name: u, id: 2, peer: hq, queue: 8, gate: {unix: {path: /x, queue: 9}}"),
       "f:6: tunnels[1].gate.unix.queue: 9 exceeds the tunnel's queue, 8"},
      {tunnel("name: u, id: 2, peer: hq, gate: {unix: {path: /x, deliver: /x}}"),
       "f:6: tunnels[1].gate.unix.deliver: must differ from path: the gate would talk to itself"},
      {tunnel("name: u, id: 2, peer: hq, gate: {unix: {path: /x, type: seqpacket, deliver: /y}}"),
       "f:6: tunnels[1].gate.unix.deliver: is for datagram gates: a seqpacket gate delivers to all "
       "that connect"},
      {tunnel("name: u, id: 2, peer: hq, gate: {loopback: {}}"),
       "f:6: tunnels[1].gate.loopback.listen: missing"},
      {tunnel("name: u, id: 2, peer: hq, gate: {loopback: {listen: \"127.0.0.1:9\"}}"),
       "f:6: tunnels[1].gate.loopback.listen: \"127.0.0.1:9\" is taken by "
       "tunnels[0].gate.loopback.listen"},
      {tunnel("name: u, id: 2, peer: hq, gate: {loopback: {listen: \"0.0.0.0:8\"}}"),
       "f:6: tunnels[1].gate.loopback.listen: \"0.0.0.0:8\" is not a loopback address: a gate for "
       "other machines is udp, with allow"},
      {tunnel("name: u, id: 2, peer: hq, gate: {loopback: {listen: \"127.0.0.1:8\", deliver: "
              "\"10.0.0.1:8\"}}"),
       "f:6: tunnels[1].gate.loopback.deliver: \"10.0.0.1:8\" is not a loopback address: a gate "
       "for other machines is udp, with allow"},
      {tunnel("name: u, id: 2, peer: hq, gate: {loopback: {listen: \"127.0.0.1:8\", deliver: "
              "\"[::1]:8\"}}"),
       "f:6: tunnels[1].gate.loopback.deliver: must be of the same family as listen: payloads "
       "leave from that socket"},
      {tunnel("name: u, id: 2, peer: hq, gate: {loopback: {listen: \"127.0.0.1:8\", deliver: "
              "\"127.0.0.1:8\"}}"),
       "f:6: tunnels[1].gate.loopback.deliver: must differ from listen: the gate would talk to "
       "itself"},
      {tunnel("name: u, id: 2, peer: hq, deadline: 250, " + gate),
       "f:6: tunnels[1].deadline: \"250\" is not a duration such as 250ms, 2s or 1m"},
      {tunnel("name: u, id: 2, peer: hq, queue: 0, " + gate),
       "f:6: tunnels[1].queue: \"0\" is not a whole number from 1 to 65536"},
  };
  for (const Case& c : cases) EXPECT_EQ(Messages(c.text), Keyed(c.messages)) << Keyed(c.text);
}

// What is wrong with tunnels that have this at their gates.
TEST(NodeConfigTest, UdpGatesAndFlows) {
  const auto one = [](const std::string& text) {
    return absl::StrCat(kNode, kPorts, kPeers, "tunnels:\n  - {name: u, id: 2, peer: hq, ", text,
                        "}\n");
  };
  const std::string lan = "gate: {udp: {listen: \"10.9.0.1:9005\", allow: [10.9.0.0/24]";
  const struct {
    std::string text, messages;
  } cases[] = {
      {one("flows: 16, gate: {loopback: {listen: \"127.0.0.1:9\"}}"), "ok"},
      {one("flows: 257, gate: {loopback: {listen: \"127.0.0.1:9\"}}"),
       "f:5: tunnels[0].flows: \"257\" is not a whole number from 1 to 256"},
      {one("flows: 2, flow_idle: 30s, gate: {loopback: {listen: \"127.0.0.1:9\"}}"), "ok"},
      {one("flows: 2, flow_idle: 24h, gate: {loopback: {listen: \"127.0.0.1:9\"}}"), "ok"},
      {one("flows: 2, flow_idle: 29s, gate: {loopback: {listen: \"127.0.0.1:9\"}}"),
       "f:5: tunnels[0].flow_idle: \"29s\" is not from 30s to 24h"},
      {one("flows: 2, flow_idle: 25h, gate: {loopback: {listen: \"127.0.0.1:9\"}}"),
       "f:5: tunnels[0].flow_idle: \"25h\" is not from 30s to 24h"},
      {one("flows: 2, gate: {unix: {path: /x}}"),
       "f:5: tunnels[0].flows: is for loopback and udp gates"},
      {one("flows: 2, gate: {loopback: {listen: \"127.0.0.1:10-19\"}}"),
       "f:5: tunnels[0].flows: is for a gate at one port: in a range, each port is a flow"},
      {one("flows: 2, " + lan + ", deliver: \"239.1.2.3:9\", interface: lan0}}"),
       "f:5: tunnels[0].flows: is for answers, which none comes from a group that the gate "
       "delivers to"},

      {one("dscp: copy, gate: {loopback: {listen: \"127.0.0.1:9\"}}"), "ok"},
      {one("dscp: copy, gate: {tun: {interface: warp0}}"), "ok"},
      {one("dscp: copy, gate: {unix: {path: /x}}"),
       "f:5: tunnels[0].dscp: is for loopback, udp, tun and tap gates: what comes by a Unix socket "
       "has no mark"},
      {one("dscp: yes, gate: {tun: {interface: warp0}}"),
       "f:5: tunnels[0].dscp: \"yes\" is not one of drop, copy"},

      {one("gate: {loopback: {listen: \"127.0.0.1:10000-10099\", deliver: "
           "\"127.0.0.1:20000-20099\"}}"),
       "ok"},
      {one("gate: {loopback: {listen: \"127.0.0.1:10000-10256\"}}"),
       "f:5: tunnels[0].gate.loopback.listen: \"127.0.0.1:10000-10256\" is not a range of ports "
       "such as 127.0.0.1:10000-10099: the last one follows the first, and they are at most 256"},
      {one("gate: {loopback: {listen: \"127.0.0.1:100-99\"}}"),
       "f:5: tunnels[0].gate.loopback.listen: \"127.0.0.1:100-99\" is not a range of ports such "
       "as 127.0.0.1:10000-10099: the last one follows the first, and they are at most 256"},
      {one("gate: {loopback: {listen: \"127.0.0.1:10-19\", deliver: \"127.0.0.1:20-28\"}}"),
       "f:5: tunnels[0].gate.loopback.deliver: must have as many ports as listen, 10: what comes "
       "in at one goes out at the one of its place"},
      {one("gate: {loopback: {listen: \"127.0.0.1:10-19\", deliver: \"127.0.0.1:19-28\"}}"),
       "f:5: tunnels[0].gate.loopback.deliver: must differ from listen: the gate would talk to "
       "itself"},
      {one("gate: {loopback: {listen: \"127.0.0.1:10-19\"}}") +
           "  - {name: v, id: 3, peer: hq, gate: {udp: {listen: \"127.0.0.1:19\"}}}\n",
       "f:6: tunnels[1].gate.udp.listen: \"127.0.0.1:19\" is taken by "
       "tunnels[0].gate.loopback.listen"},

      {one(lan + "}}"), "ok"},
      {one("gate: {udp: {listen: \"127.0.0.1:9\", deliver: \"127.0.0.1:10\"}}"), "ok"},
      {one("gate: {udp: {listen: \"10.9.0.1:9005\"}}"),
       "f:5: tunnels[0].gate.udp: needs allow, such as [10.9.0.0/24]: without it, everybody who "
       "reaches 10.9.0.1 could send into the tunnel"},
      {one("gate: {udp: {listen: \"127.0.0.1:9005\", group: 239.1.2.3, interface: lan0}}"),
       "f:5: tunnels[0].gate.udp: needs allow, such as [10.9.0.0/24]: without it, everybody who "
       "reaches 239.1.2.3 could send into the tunnel"},
      {one("gate: {udp: {listen: \"10.9.0.1:9005\", allow: [\"fd09::/64\"]}}"),
       "f:5: tunnels[0].gate.udp.allow[0]: is of the other family than listen"},
      {one("gate: {udp: {listen: \"239.1.2.3:9005\", allow: [10.9.0.0/24]}}"),
       "f:5: tunnels[0].gate.udp.listen: is a group: listen has an address of this machine's, and "
       "group the group"},
      {one("gate: {udp: {listen: \"127.0.0.1:9\", deliver: \"10.9.0.50:9\"}}"),
       "f:5: tunnels[0].gate.udp.deliver: cannot be reached from listen, a loopback address"},
      {one("gate: {udp: {listen: \"[fd09::1]:9\", allow: [\"fe80::/10\"], deliver: "
           "\"[fe80::9]:9\"}}"),
       "f:5: tunnels[0].gate.udp.deliver: is link-local, and does not say on which link: give "
       "another address"},
      // Nobody, and everybody.
      {one(lan + ", deliver: \"0.0.0.0:9\"}}"),
       "f:5: tunnels[0].gate.udp.deliver: names nobody: it needs the address of a receiver"},
      {one(lan + ", deliver: \"0.1.2.3:9\"}}"),
       "f:5: tunnels[0].gate.udp.deliver: names nobody: it needs the address of a receiver"},
      {one("gate: {udp: {listen: \"[::]:9\", allow: [\"fd09::/64\"], deliver: \"[::]:10\"}}"),
       "f:5: tunnels[0].gate.udp.deliver: names nobody: it needs the address of a receiver"},
      {one(lan + ", deliver: \"255.255.255.255:9\"}}"),
       "f:5: tunnels[0].gate.udp.deliver: \"255.255.255.255:9\" is a broadcast address: a gate has "
       "one receiver, or those of a multicast group"},
      {one("gate: {loopback: {listen: \"127.0.0.1:9\", deliver: \"127.255.255.255:9\"}}"),
       "f:5: tunnels[0].gate.loopback.deliver: \"127.255.255.255:9\" is a broadcast address: a "
       "gate "
       "has one receiver, or those of a multicast group"},
      {one("gate: {udp: {listen: \"255.255.255.255:9\", allow: [10.9.0.0/24]}}"),
       "f:5: tunnels[0].gate.udp.listen: \"255.255.255.255:9\" is a broadcast address: a gate has "
       "one receiver, or those of a multicast group"},
      {one(lan + ", group: 255.255.255.255, interface: lan0}}"),
       "f:5: tunnels[0].gate.udp.group: \"255.255.255.255\" is not the address of a multicast "
       "group, "
       "as 239.1.2.3 is"},
      {one(lan + ", deliver: \"10.9.0.50:0\"}}"),
       "f:5: tunnels[0].gate.udp.deliver: \"10.9.0.50:0\" is not an address and port such as "
       "192.0.2.1:13116 or [::1]:13116"},
      {one("gate: {udp: {listen: \"0.0.0.0:9\", allow: [0.0.0.0/0], deliver: \"127.0.0.1:9\"}}"),
       "f:5: tunnels[0].gate.udp.deliver: must differ from listen: the gate would talk to itself"},
      {one("gate: {udp: {listen: \"0.0.0.0:9\", allow: [0.0.0.0/0], deliver: \"127.0.0.1:10\"}}"),
       "ok"},
      {one(lan + ", group: 239.1.2.3}}"),
       "f:5: tunnels[0].gate.udp.group: is multicast, and needs interface: the one that leads to "
       "the group"},
      {one(lan + ", deliver: \"239.1.2.3:9\"}}"),
       "f:5: tunnels[0].gate.udp.deliver: is multicast, and needs interface: the one that leads to "
       "the group"},
      {one(lan + ", group: 10.9.0.7, interface: lan0}}"),
       "f:5: tunnels[0].gate.udp.group: \"10.9.0.7\" is not the address of a multicast group, as "
       "239.1.2.3 is"},
      {one(lan + ", group: \"ff02::1\", interface: lan0}}"),
       "f:5: tunnels[0].gate.udp.group: is of the other family than listen"},
      {one(lan + ", interface: lan0}}"),
       "f:5: tunnels[0].gate.udp.interface: is for multicast: there is neither group nor such a "
       "deliver"},
      {one(lan + ", group: 239.1.2.3, interface: lan0, deliver: \"239.1.2.3:9005\"}}"),
       "f:5: tunnels[0].gate.udp.deliver: must differ from listen: the gate would talk to itself"},
      {one(lan + ", group: 239.1.2.3, interface: lan0, deliver: \"239.1.2.4:9005\"}}"), "ok"},
  };
  for (const auto& c : cases) EXPECT_EQ(Messages(c.text), Keyed(c.messages)) << Keyed(c.text);
}

TEST(NodeConfigTest, ReadsAUnixGate) {
  const absl::StatusOr<NodeConfig> config =
      ParseNodeConfig(Keyed("node: {private_key_file: k}\n"
                            "ports: [{name: a, interface: b}]\n"
                            "peers: [{name: hq, public_key: K1}]\n"
                            "tunnels:\n"
                            " - {name: t, id: 1, peer: hq, gate: {unix: {path: /t}}}\n"
                            " - name: u\n"
                            "   id: 2\n"
                            "   peer: hq\n"
                            "   gate:\n"
                            "     unix: {path: /u, mode: \"0606\", owner: root, group: video,\n"
                            "            queue: 64, deliver: /v}\n"),
                      "f");
  ASSERT_TRUE(config.ok()) << config.status();
  const UnixGateConfig& plain = *config->tunnels[0].gate.unix_socket;
  EXPECT_EQ(plain.path, "/t");
  EXPECT_EQ(plain.type, UnixGateType::kDatagram);
  EXPECT_EQ(plain.mode, 0660);
  EXPECT_EQ(plain.group, std::nullopt);
  EXPECT_EQ(plain.queue, 1u);
  const UnixGateConfig& full = *config->tunnels[1].gate.unix_socket;
  EXPECT_EQ(full.mode, 0606);
  EXPECT_EQ(full.owner, "root");
  EXPECT_EQ(full.group, "video");
  EXPECT_EQ(full.queue, 64u);
  EXPECT_EQ(full.deliver, "/v");
}

TEST(NodeConfigTest, ReadsGatesThatAreInterfaces) {
  const absl::StatusOr<NodeConfig> config = ParseNodeConfig(
      Keyed(absl::StrCat(
          kNode, kPorts, kPeers, "tunnels:\n",
          " - {name: t, id: 1, peer: hq, gate: {tun: {interface: warp0}}}\n",
          " - {name: u, id: 1, peer: lab, gate: {tap: {interface: warp1, address: [10.9.0.1/24, "
          "\"fd00::1/64\"], mtu: 1400}}}\n",
          " - {name: v, id: 2, peer: lab, gate: {tun: {interface: warp2, routes: "
          "[10.1.0.0/16]}}}\n",
          " - {name: w, id: 2, peer: hq, gate: {tun: {interface: warp2, routes: [0.0.0.0/0]}}}\n")),
      "f");
  ASSERT_TRUE(config.ok()) << config.status();
  const GateConfig& plain = config->tunnels[0].gate;
  EXPECT_EQ(plain.interface(), &*plain.tun);
  EXPECT_EQ(plain.tun->interface, "warp0");
  EXPECT_EQ(plain.tun->mtu, std::nullopt);
  EXPECT_TRUE(plain.tun->addresses.empty() && plain.tun->routes.empty());
  const InterfaceGateConfig& full = *config->tunnels[1].gate.tap;
  EXPECT_EQ(full.mtu, 1400);
  ASSERT_EQ(full.addresses.size(), 2u);
  EXPECT_EQ(full.addresses[0].ToString(), "10.9.0.1/24");
  EXPECT_EQ(full.addresses[1].Network().ToString(), "fd00::/64");
  EXPECT_EQ(config->tunnels[3].gate.tun->routes[0].ToString(), "0.0.0.0/0");
}

TEST(NodeConfigTest, AdvisesToKeepAnInterfacesPayloadsInOrder) {
  const auto advice = [](absl::string_view policy) {
    const absl::StatusOr<NodeConfig> config = ParseNodeConfig(
        Keyed(absl::StrCat("node: {private_key_file: k}\n",
                           "ports: [{name: a, interface: b}, {name: c, interface: d}]\n", kPeers,
                           "tunnels:\n - {name: t, id: 1, peer: hq, ", policy,
                           ", gate: {tun: {interface: warp0}}}\n")),
        "f");
    EXPECT_TRUE(config.ok()) << config.status();
    return config->advice;
  };
  EXPECT_EQ(advice("mode: stripe"), "");
  EXPECT_EQ(advice("mode: replicate, order: 0"), "");
  EXPECT_EQ(advice("mode: stripe, order: 0"),
            "f:5: tunnels[0].order: connections of TCP through an interface need it, or take "
            "payloads that overtake each other for lost");
}

TEST(NodeConfigTest, SaysWhatIsWrongWithGatesThatAreInterfaces) {
  const auto gates = [](absl::string_view one, absl::string_view two) {
    std::string all = absl::StrCat(
        kNode, kPorts, kPeers, "tunnels:\n - {name: t, id: 1, peer: hq, ", "gate: {", one, "}}\n");
    if (!two.empty()) {
      absl::StrAppend(&all, " - {name: u, id: 1, peer: lab, gate: {", two, "}}\n");
    }
    return all;
  };
  const std::string at = "f:5: tunnels[0].gate.tun", second = "f:6: tunnels[1].gate.tun";
  const std::pair<std::string, std::string> cases[] = {
      {gates("tun: {}", ""), at + ".interface: missing"},
      {gates("tun: {interface: a/b}", ""), ""},
      {gates("tun: {interface: w, address: [10.9.0.1]}", ""),
       at + ".address[0]: \"10.9.0.1\" is not an address with the length of its network, such as "
            "10.9.0.1/24"},
      {gates("tun: {interface: w, address: [224.0.0.1/4]}", ""), ""},
      {gates("tun: {interface: w, routes: [10.1.0.1/16]}", ""),
       at + ".routes[0]: \"10.1.0.1/16\" has bits behind its prefix: write 10.1.0.0/16"},
      {gates("tun: {interface: w, mtu: 1279}", ""),
       at + ".mtu: \"1279\" is not a whole number from 1280 to 65500"},
      {gates("tap: {interface: w, routes: [10.1.0.0/16]}", ""), ""},
      {gates("tun: {interface: eth0}", ""), at + ".interface: \"eth0\" is the interface of a port"},
      {gates("tun: {interface: w}, tap: {interface: v}", ""),
       "f:5: tunnels[0].gate: has both tun and tap: a gate is one of them"},
      {gates("tun: {interface: w}", "tun: {interface: w, routes: [10.1.0.0/16]}"),
       second + ": shares w with tunnels[0].gate.tun: both need routes, which tell their packets "
                "apart"},
      {gates("tun: {interface: w, routes: [10.1.0.0/16]}", "tap: {interface: w}"),
       "f:6: tunnels[1].gate.tap.interface: \"w\" is taken by tunnels[0].gate.tun: only TUN "
       "interfaces serve several tunnels"},
      {gates("tun: {interface: w, routes: [10.1.0.0/16]}",
             "tun: {interface: w, routes: [10.1.0.0/16]}"),
       second + ".routes[0]: \"10.1.0.0/16\" is taken by tunnels[0].gate.tun.routes[0]"},
      {gates("tun: {interface: w, routes: [10.1.0.0/16]}",
             "tun: {interface: w, mtu: 1400, routes: [10.2.0.0/16]}"),
       second + ".mtu: stands at tunnels[0].gate.tun alone"},
  };
  for (const auto& [text, messages] : cases) {
    const std::string said = Messages(text);
    EXPECT_NE(said, "ok") << text;
    if (messages.empty()) continue;
    EXPECT_EQ(said, messages) << text;
  }
}

TEST(NodeConfigTest, BoundsItsLists) {
  std::string ports = "node: {private_key_file: k, max_ports: 64}\nports:\n";
  for (int i = 0; i < 65; ++i)
    absl::StrAppend(&ports, " - {name: p", i, ", interface: e", i, "}\n");
  EXPECT_EQ(Messages(ports), "f:2: ports: has 65 entries, at most 64 are allowed");
}

// --- Files ---

class NodeConfigFileTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(wire::InitCrypto().ok());
    dir_.Write("own.key", kOwnKey);
    dir_.Write("hq.psk", kOwnKey);
  }
  std::string Config(const std::string& peers) {
    return dir_.Write("warp.yaml",
                      absl::StrCat("node: {private_key_file: own.key, control_socket: run/s}\n",
                                   kPorts, "peers:\n", peers),
                      0644);
  }
  TempDir dir_;
};

TEST_F(NodeConfigFileTest, ReadsKeysFromBesideTheFile) {
  const absl::StatusOr<NodeConfig> config =
      LoadNodeConfig(Config(Keyed(" - {name: hq, public_key: K1, preshared_key_file: hq.psk}\n - "
                                  "{name: b, public_key: K2}\n")));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->node.private_key_file, dir_.At("own.key"));
  EXPECT_EQ(config->node.control_socket, dir_.At("run/s"));
  EXPECT_EQ(config->node.private_key.Public().ToBase64(), kOwnPublicKey);
  ASSERT_TRUE(config->peers[0].preshared_key.has_value());
  EXPECT_EQ(config->peers[0].preshared_key->bytes()[0], 0x77);
  EXPECT_FALSE(config->peers[1].preshared_key.has_value());
}

TEST_F(NodeConfigFileTest, SaysWhichKeyFileIsWrong) {
  dir_.Write("own.key", kOwnKey, 0644);
  const std::string path =
      Config(Keyed(" - {name: hq, public_key: K1, preshared_key_file: none}\n"));
  EXPECT_EQ(LoadNodeConfig(path).status().message(),
            path + ":1: node.private_key_file: " + dir_.At("own.key") +
                " is open to group or others (mode 0644): chmod 600 it\n" + path +
                ":4: peers[0].preshared_key_file: " + dir_.At("none") +
                " cannot be read: No such file or directory");
  EXPECT_TRUE(LoadNodeConfig(path, KeyFiles::kIgnore).ok());
}

TEST_F(NodeConfigFileTest, RefusesOurOwnKeyAsAPeers) {
  const std::string path =
      Config(absl::StrCat(" - {name: me, public_key: \"", kOwnPublicKey, "\"}\n"));
  EXPECT_EQ(LoadNodeConfig(path).status().message(),
            path + ":4: peers[0].public_key: is this node's own");
}

TEST_F(NodeConfigFileTest, RefusesOurPrivateKeyAsAPublicOne) {
  const std::string path = Config(
      absl::StrCat(" - {name: me, public_key: \"", kOwnKey,
                   "\"}\nmap: [{address: \"192.0.2.1:1\", public_key: \"", kOwnKey, "\"}]\n"));
  const std::string why =
      "is the private key of this file, which others can read here: make a new one, and "
      "write what `warp pubkey` shows";
  EXPECT_EQ(
      LoadNodeConfig(path).status().message(),
      path + ":4: peers[0].public_key: " + why + "\n" + path + ":5: map[0].public_key: " + why);
}

TEST_F(NodeConfigFileTest, RefusesCpusThatTheMachineDoesNotHave) {
  const std::string path = dir_.Write(
      "warp.yaml",
      "node: {private_key_file: own.key, control_cpu: 1022}\n"
      "ports: [{name: a, interface: eth0, cpu: 0}, {name: b, interface: eth1, cpu: 1023}]\n",
      0644);
  EXPECT_EQ(LoadNodeConfig(path).status().message(),
            path + ":1: node.control_cpu: this machine has no CPU 1022\n" + path +
                ":2: ports[1].cpu: this machine has no CPU 1023");
  EXPECT_TRUE(LoadNodeConfig(path, KeyFiles::kIgnore).ok());
}

TEST_F(NodeConfigFileTest, SaysWhyAFileCannotBeRead) {
  EXPECT_EQ(LoadNodeConfig(dir_.At("none")).status().message(),
            dir_.At("none") + ": cannot be read: No such file or directory");
  EXPECT_EQ(LoadNodeConfig(dir_.At("")).status().message(),
            dir_.At("") + ": is not a regular file");
  const std::string large = dir_.Write("large", std::string(1 << 21, '#'));
  EXPECT_EQ(LoadNodeConfig(large).status().message(), large + ": is larger than 1048576 bytes");
}

// --- Data caps. ---

absl::StatusOr<NodeConfig> Capped(absl::string_view cap, absl::string_view rest = "") {
  return ParseNodeConfig(
      Keyed(absl::StrCat(kNode, kPeers, "ports: [{name: lte0, interface: wwan0, cap: {", cap,
                         "}}, {name: dsl, interface: eth0}]\n", rest)),
      "f");
}
std::string CapMistake(absl::string_view cap) {
  const auto config = Capped(cap);
  return config.ok() ? "ok" : std::string(config.status().message());
}

TEST(NodeConfigTest, APortMayHaveADataCap) {
  const auto config = Capped("bytes: 50GB, each: month, from: 3, at_limit: 1.5Mbit");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->ports[0].cap,
            (CapPolicy{.bytes = 50'000'000'000,
                       .period = {.each = CapUnit::kMonth, .from = 3},
                       .at_limit = {.act = CapAct::kRate, .rate = 1'500'000}}));
  EXPECT_EQ(config->ports[1].cap, std::nullopt);
  EXPECT_EQ(config->node.state_directory, "/var/lib/warp");
  EXPECT_EQ(*Capped("bytes: 700MB")->ports[0].cap, (CapPolicy{.bytes = 700'000'000}));
  EXPECT_EQ(Capped("bytes: 1TB, each: week")->ports[0].cap->period,
            (CapPeriod{.each = CapUnit::kWeek, .from = 1}));
  // Keys stand in any order.
  EXPECT_EQ(Capped("from: sun, each: week, bytes: 1TB")->ports[0].cap->period,
            (CapPeriod{.each = CapUnit::kWeek, .from = 7}));
  EXPECT_EQ(Capped("bytes: 1TB, each: day, at_limit: stop")->ports[0].cap->at_limit.act,
            CapAct::kStop);
}

TEST(NodeConfigTest, ADataCapMakesSense) {
  const std::string at = "f:3: ports[0].cap.";
  EXPECT_EQ(CapMistake("each: day"), at.substr(0, at.size() - 1) + ".bytes: missing");
  EXPECT_EQ(CapMistake("bytes: 50"), at + "bytes: \"50\" is not a size such as 50GB or 700MB");
  EXPECT_EQ(CapMistake("bytes: 50GiB"),
            at + "bytes: \"50GiB\" is not a size such as 50GB or 700MB");
  EXPECT_EQ(CapMistake("bytes: 999kB"), at + "bytes: \"999kB\" is not from 1MB to 1000TB");
  EXPECT_EQ(CapMistake("bytes: 1GB, from: 32"),
            at + "from: \"32\" is neither a day of the month, 1 to 31, nor a weekday, mon to sun");
  EXPECT_EQ(CapMistake("bytes: 1GB, from: mon"),
            at + "from: with each: month, it is a day of the month, 1 to 31");
  EXPECT_EQ(CapMistake("bytes: 1GB, each: week, from: 3"),
            at + "from: with each: week, it is a weekday: mon, tue, wed, thu, fri, sat, sun");
  EXPECT_EQ(CapMistake("bytes: 1GB, each: day, from: 1"),
            at + "from: goes with each: week and each: month");
  EXPECT_EQ(CapMistake("bytes: 1GB, each: year"),
            at + "each: \"year\" is not one of day, week, month");
  EXPECT_EQ(CapMistake("bytes: 1GB, at_limit: slow"),
            at + "at_limit: \"slow\" is none of backup, stop and a rate such as 1Mbit");
}

TEST(NodeConfigTest, SaysWhichDataCapsCannotWork) {
  const auto advice = [](absl::string_view cap, absl::string_view rest = "") {
    const auto config = Capped(cap, rest);
    EXPECT_TRUE(config.ok()) << config.status();
    return config.ok() ? config->advice : "";
  };
  EXPECT_EQ(advice("bytes: 50GB"), "");
  EXPECT_EQ(
      advice("bytes: 100MB"),
      "f:3: ports[0].cap.bytes: probes alone take some 193 MB in a month, more than this cap");
  EXPECT_EQ(advice("bytes: 100MB, each: day"), "");
  const std::string tunnel =
      "tunnels: [{name: t, id: 1, peer: hq, mode: MODE, gate: {loopback: {listen: "
      "\"127.0.0.1:9000\"}}}]\n";
  EXPECT_EQ(
      advice("bytes: 50GB, at_limit: 1Mbit", absl::StrReplaceAll(tunnel, {{"MODE", "stripe"}})),
      "");
  EXPECT_EQ(
      advice("bytes: 50GB, at_limit: 1Mbit", absl::StrReplaceAll(tunnel, {{"MODE", "replicate"}})),
      "f:3: ports[0].cap.at_limit: a rate binds what is spread, and tunnel t has mode: replicate: "
      "it goes on by this port without a bound, unless the limit is backup or stop");
  const auto all_stop = ParseNodeConfig(
      Keyed(absl::StrCat(kNode, kPeers,
                         "ports: [{name: lte0, interface: wwan0, cap: {bytes: 1GB, at_limit: "
                         "stop}}]\n")),
      "f");
  ASSERT_TRUE(all_stop.ok()) << all_stop.status();
  EXPECT_EQ(all_stop->advice,
            "f:3: ports[0].cap.at_limit: every port stops at its limit: then this node reaches "
            "nobody, and nobody reaches it, until a period ends");
}

// Only on the machine that the file is for.
TEST(NodeConfigTest, SaysThatTheStateDirectoryIsMissing) {
  const TempDir directory;
  directory.Write("k", std::string(kOwnKey) + "\n");
  const std::string file =
      directory.Write("f",
                      "node: {private_key_file: k, state_directory: state}\n"
                      "ports: [{name: lte0, interface: wwan0, cap: {bytes: 50GB}}]\n");
  const auto there = LoadNodeConfig(file);
  ASSERT_TRUE(there.ok()) << there.status();
  EXPECT_EQ(
      there->advice,
      absl::StrCat(file, ":1: node.state_directory: there is no directory ", directory.At("state"),
                   ": unless warpd can make it, what ports have carried is forgotten when it "
                   "ends"));
  EXPECT_EQ(LoadNodeConfig(file, KeyFiles::kIgnore)->advice, "");
  ASSERT_EQ(mkdir(directory.At("state").c_str(), 0700), 0);
  EXPECT_EQ(LoadNodeConfig(file)->advice, "");
}

}  // namespace
}  // namespace warp::config
