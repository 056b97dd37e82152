// Holds a node's status, with every optional field, against docs/status.md. The test fails on a field without a row, on
// a row without a field, and on a wrong type.
#include "control/status/status_json.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "control/status/status_version.h"
#include "tests/control/config/temp_dir.h"
#include "tests/control/fake_dataplane.h"
#include "tests/control/fake_netlink.h"
#include "tests/control/network_namespace.h"
#include "tests/control/turning.h"
#include "tests/status_page.h"

namespace warp::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

wire::Endpoint EndpointOf(uint8_t last, uint16_t port) {
  return {wire::IpAddress::V4({127, 0, 0, last}), port};
}

class StatusJsonTest : public testing::Test {
 protected:
  // A configuration with an open port, a missing port, and a gate of each type that this process may open: a datagram
  // gate needs privileges, and has no field that the seqpacket gate lacks.
  config::NodeConfig Config() {
    config::NodeConfig config;
    config.ports = {
        {.name = "one",
         .device = wire::KernelDevice{.interface = "wan0"},
         .tier = 2,
         .rate = {.up = 20'000'000},
         .cap = config::CapPolicy{.bytes = 1'000'000, .at_limit = {.act = config::CapAct::kStop}}},
        {.name = "two", .device = wire::KernelDevice{.interface = "wan1"}, .optional = true},
        {.name = "lte", .device = wire::KernelDevice{.interface = "wwan*"}, .except = {"wwan9"}}};
    config.maps.resize(1);
    config.maps[0].address = *config::HostPort::Parse("192.0.2.1:13116");
    config.peers.resize(1);
    config.peers[0].name = "hq";
    const bool privileged = ShortQueueSockets::Open().ok();
    config.tunnels.resize(privileged ? 3 : 2);
    for (uint16_t i = 0; i < config.tunnels.size(); ++i) {
      config.tunnels[i].name = "tunnel" + std::to_string(i);
      config.tunnels[i].id = i;
      config.tunnels[i].peer = "hq";
    }
    config.tunnels[0].policy = {.mode = config::TunnelMode::kStripe,
                                .order = std::chrono::microseconds(2500)};
    config.tunnels[0].gate.loopback = config::UdpGateConfig{.listen = EndpointOf(1, 9000)};
    config.tunnels[1].gate.unix_socket = config::UnixGateConfig{
        .path = directory_.At("seqpacket"), .type = config::UnixGateType::kSeqpacket};
    if (privileged) {
      config.tunnels[2].gate.unix_socket =
          config::UnixGateConfig{.path = directory_.At("datagram")};
    }
    if (with_interface_) {
      config::TunnelConfig& tunnel = config.tunnels.emplace_back();
      tunnel.name = "lan";
      tunnel.id = 9;
      tunnel.peer = "hq";
      tunnel.gate.tun = config::InterfaceGateConfig{.interface = "warp0"};
    }
    return config;
  }

  static protocol::NodeOptions Options() {
    protocol::NodeOptions options;
    options.identity.secret_key = wire::SecretKey::Generate();
    options.identity.wall_clock = [] { return uint64_t{1}; };
    return options;
  }

  // Two peers: everything is known about the first one, and nothing about the second.
  static std::vector<protocol::PeerStatus> Peers() {
    protocol::PathStatus path;
    path.remote = path.target = kFar;
    path.reason = "new";
    path.rtt = milliseconds(20);
    path.jitter = milliseconds(1);
    protocol::PeerStatus known;
    known.name = "hq";
    known.session = std::make_shared<wire::Session>(wire::Session::Params{.window = 64},
                                                    wire::SymmetricKey(), wire::SymmetricKey());
    known.paths = {path, protocol::PathStatus{.id = 1}};
    known.paths_without_room = 3;
    known.twins = {EndpointOf(1, 1).address, EndpointOf(3, 1).address};
    known.twins_seen = wire::kNever;
    known.session_own = wire::PublicKey::FromBytes({1});
    known.session_remote = wire::PublicKey::FromBytes({2});
    known.old_keys = {{wire::PublicKey::FromBytes({3}), kOldKeyEnds}};
    known.old_psk_ends = kOldKeyEnds + seconds(1);
    protocol::PeerStatus unknown;
    unknown.name = "branch";
    return {known, unknown};
  }

  static std::vector<protocol::MapStatus> Maps(const protocol::Node& protocol) {
    std::vector<protocol::MapStatus> maps = {
        {.state = "registered", .registrations = {{.endpoint = EndpointOf(8, 13116)}}}};
    for (const protocol::OldKey& old : protocol.OldKeys()) {
      maps.push_back(maps[0]);
      maps.back().own = old.key;
    }
    return maps;
  }

  // Counts a drop on a port that has no companion, and a drop on a tunnel.
  static void Drop(Links& links, Traffic& traffic) {
    lcore::ForeignFrame frame;
    frame.port = 0;
    links.ToKernel(frame);
    const std::vector<uint8_t> large(wire::kMaxPayloadSize + 1);
    const wire::Bytes payload(large);
    traffic.tunnels()[0]->OnPayloads({&payload, 1}, {});
  }

  nlohmann::json Status() {
    const config::NodeConfig config = Config();
    const std::unique_ptr<Loop> loop = MakeLoop();
    FakeNetlink netlink;
    netlink.interfaces["wan0"] = {.name = "wan0",
                                  .index = 2,
                                  .admin_up = true,
                                  .carrier = true,
                                  .ethernet = true,
                                  .mtu = 1500,
                                  .addresses = {*wire::IpAddress::Parse("10.0.0.1")}};
    lcore::FakeDataplane dataplane;
    dataplane.port_info.mtu = 1500;
    dataplane.port_info.device = wire::KernelDevice{"wan0", wire::KernelDriver::kUdp};
    dataplane.port_info.driver_reason = "auto: wan0 has no Ethernet header";
    dataplane.port_info.has_link_layer = false;
    dataplane.status.stages[0] = {.packets = 2, .cycles = 3};
    protocol::Node protocol(Options());
    netlink.interfaces["wwan0"] = {.name = "wwan0",
                                   .index = 9,
                                   .admin_up = true,
                                   .mtu = 1500,
                                   .addresses = {*wire::IpAddress::Parse("2001:db8::9")}};
    Links links({*loop, netlink, dataplane, protocol, config}, [](const Links::Published&) {});
    Traffic traffic(*loop, dataplane, protocol, wire::kDefaultWindow);
    for (const config::TunnelConfig& tunnel : config.tunnels) {
      EXPECT_EQ(traffic.AddTunnel(tunnel, links.Route(0)), absl::OkStatus());
    }
    EXPECT_EQ(links.OpenPorts(), absl::OkStatus());
    Drop(links, traffic);
    prepare_({netlink, links, protocol, loop->now()});
    cap::CapBook caps(config.ports, {}, absl::UTCTimeZone());
    caps.Look(loop->now(), absl::FromCivil(absl::CivilDay(2026, 11, 20), absl::UTCTimeZone()),
              [](const config::PortConfig&) { return std::nullopt; });
    EXPECT_EQ(caps.Set("one", 900'000), absl::OkStatus());
    verdict::LinkBook link_book;
    lcore::PathCounters counters;
    counters.rx_first.Add(12);
    counters.rx_duplicate.Add(6);
    counters.skew.Add(1'000'000);
    if (!peers_.empty()) {
      link_book.Look(
          peers_[0], [](wire::PortId) { return std::string("one"); },
          [&](wire::PathId path) { return path == 0 ? &counters : nullptr; });
    }
    const wire::Instant now = loop->now();
    const Carrier::Status carrier{.state = Carrier::State::kWaiting,
                                  .at = EndpointOf(9, 443),
                                  .reason = "Connection refused",
                                  .attempts = 2};
    const protocol::LanCounts lan{.sent = 1, .heard = 2};
    const auto peers = [this](size_t first, size_t count) {
      EXPECT_LE(count, NodeStatusText::kPeersPerPart);
      std::vector<protocol::PeerStatus> some;
      for (size_t i = first; i < std::min(first + count, peers_.size()); ++i) {
        if (!peers_[i].name.empty()) some.push_back(peers_[i]);
      }
      return some;
    };
    NodeStatusText text([&]() -> NodeView {
      return {.config = config,
              .protocol = protocol,
              .dataplane = dataplane,
              .links = links,
              .traffic = traffic,
              .caps = &caps,
              .link_book = &link_book,
              .carrier = [&](const std::string&) { return &carrier; },
              .port_since = [now](const std::string& port) { return now - seconds(port.size()); },
              .events = 4,
              .hooks_missed = 1,
              .lan = &lan,
              .peers = peers,
              .peer_count = peers_.size(),
              .maps = Maps(protocol),
              .names =
                  [now](const wire::PublicKey&) {
                    return std::vector<NameStatus>{{.name = "hq.example:13116",
                                                    .found = {"192.0.2.1:13116"},
                                                    .when = now - seconds(3),
                                                    .problem = "no answer"}};
                  },
              .now = now,
              .started = now - seconds(5)};
    });
    std::string all;
    for (std::string part = text.Next(); !part.empty(); part = text.Next()) {
      ++parts_;
      all += part;
    }
    return nlohmann::json::parse(all);
  }

  const TempDir directory_;
  bool with_interface_ = false;                        // a TUN gate as well, which needs privileges
  std::vector<protocol::PeerStatus> peers_ = Peers();  // one without a name was removed
  // What happens before the status is written.
  struct Parts {
    FakeNetlink& netlink;
    Links& links;
    protocol::Node& protocol;
    wire::Instant now;
  };
  std::function<void(Parts)> prepare_ = [](const Parts&) {};
  // As if a reload had replaced the node's key.
  static void ReplaceKey(const Parts& parts) {
    parts.protocol.AddPeer(parts.now, {.public_key = wire::SecretKey::Generate().Public()});
    parts.protocol.SetKey(parts.now, wire::SecretKey::Generate());
  }
  static constexpr wire::Instant kOldKeyEnds = wire::Instant(std::chrono::hours(1'000'000));
  static inline const wire::Endpoint kFar = *wire::Endpoint::Parse("10.9.0.2:13116");
  size_t parts_ = 0;  // of the text
};

TEST_F(StatusJsonTest, EveryFieldIsExplained) {
  NetworkNamespace home;
  if (!home.valid() || access("/dev/net/tun", W_OK) != 0) GTEST_SKIP() << "needs TUN";
  with_interface_ = true;
  prepare_ = ReplaceKey;
  nlohmann::json status;
  home.Do([&] { status = Status(); });
  ExpectDocumented(status, WARP_STATUS_PAGE, "warpd");
  EXPECT_EQ(status["tunnels"].back()["gate"], nlohmann::json({{"type", "tun"},
                                                              {"listen", "warp0"},
                                                              {"deliver", "warp0"},
                                                              {"class_of", ""},
                                                              {"mtu", 1280},
                                                              {"cut", 0},
                                                              {"joined", 0},
                                                              {"trouble", ""}}));
}

TEST_F(StatusJsonTest, SaysWhatItWasTold) {
  const nlohmann::json status = Status();
  EXPECT_EQ(status["version"], kStatusVersion);
  EXPECT_EQ(status["node"]["uptime_s"], 5.0);
  EXPECT_EQ(status["node"]["state"], "running");
  EXPECT_EQ(status["node"]["events"], 4);
  EXPECT_EQ(status["node"]["hooks_missed"], 1);
  EXPECT_EQ(status["ports"][0]["since_s"], 3.0);
  EXPECT_EQ(status["ports"][2]["since_s"], 5.0);
  const nlohmann::json link = status["peers"][0]["links"][0];
  EXPECT_EQ(link["port"], "one");
  EXPECT_EQ(link["first"], 12);
  EXPECT_EQ(link["first_share"], 1.0);
  EXPECT_EQ(link["sole"], 0);
  EXPECT_NEAR(link["skew_ms"].get<double>(), 1, 0.34);
  EXPECT_EQ(status["peers"][0]["copies"], 1.5);
  EXPECT_EQ(status["workers"][0]["stages"]["rx"]["cycles_per_packet"], 1.5);
  EXPECT_EQ(status["ports"][0]["addresses"], nlohmann::json({"10.0.0.1"}));
  EXPECT_EQ(status["ports"][0]["nat64"], nullptr);
  EXPECT_EQ(status["ports"][2]["nat64"],
            nlohmann::json({{"prefix", "64:ff9b::/96"}, {"source", "default"}}));
  EXPECT_EQ(status["ports"][0]["drops"], nlohmann::json({{"kernel_full", 1}}));
  EXPECT_EQ(status["ports"][0]["driver"], "udp");
  EXPECT_EQ(status["ports"][0]["driver_reason"], "auto: wan0 has no Ethernet header");
  EXPECT_EQ(status["ports"][0]["mac"], nullptr);
  EXPECT_EQ(status["ports"][1]["driver"], "auto");
  EXPECT_EQ(status["ports"][1]["driver_reason"], "");
  EXPECT_EQ(status["ports"][0]["tier"], 2);
  EXPECT_EQ(status["ports"][0]["rate"], nlohmann::json({{"up", 20'000'000}}));
  EXPECT_EQ(status["ports"][0]["cap"], nlohmann::json({{"used", 900'000},
                                                       {"bytes", 1'000'000},
                                                       {"state", "near"},
                                                       {"at_limit", "stop"},
                                                       {"period", "month from 1"},
                                                       {"begins", "2026-11-01"},
                                                       {"ends", "2026-12-01"},
                                                       {"problem", ""}}));
  EXPECT_EQ(status["ports"][1]["cap"], nullptr);
  EXPECT_EQ(status["ports"][1]["state"], "missing");
  EXPECT_EQ(status["maps"][0]["address"], "192.0.2.1:13116");
  EXPECT_EQ(status["peers"][0]["paths"][0]["rtt_ms"], 20.0);
  EXPECT_EQ(status["peers"][0]["paths"][1]["rtt_ms"], nullptr);
  EXPECT_EQ(status["peers"][0]["paths_without_room"], 3);
  EXPECT_EQ(
      status["peers"][0]["key_used_by"],
      nlohmann::json({EndpointOf(1, 1).address.ToString(), EndpointOf(3, 1).address.ToString()}));
  EXPECT_EQ(status["peers"][1]["key_used_by"], nlohmann::json::array());
  EXPECT_EQ(status["peers"][1]["session"], nullptr);
  EXPECT_EQ(status["tunnels"][0]["mode"], "stripe");
  EXPECT_EQ(status["tunnels"][0]["policy"], nlohmann::json({{"copies", 0},
                                                            {"order_ms", 2.5},
                                                            {"resend_ms", 0.0},
                                                            {"skew_ms", 0.0},
                                                            {"target", 0.001},
                                                            {"fec", "off"},
                                                            {"fec_max", 0.5},
                                                            {"weight", 1}}));
  EXPECT_EQ(status["tunnels"][0]["drops"], nlohmann::json({{"too_large", 1}}));
  EXPECT_EQ(status["drops"], nlohmann::json({{"kernel_full", 1}, {"too_large", 1}}));
}

// Which key serves whom, and until when.
TEST_F(StatusJsonTest, SaysWhichKeysWereReplaced) {
  EXPECT_EQ(Status()["node"]["old_keys"], nlohmann::json::array());
  std::string before;
  prepare_ = [&before](const Parts& parts) {
    before = parts.protocol.public_key().ToBase64();
    ReplaceKey(parts);
  };
  const nlohmann::json status = Status();
  ASSERT_EQ(status["node"]["old_keys"].size(), 1u);
  const nlohmann::json old = status["node"]["old_keys"][0];
  EXPECT_EQ(old["public_key"], before);
  EXPECT_NE(status["node"]["public_key"], before);
  EXPECT_NEAR(old["ends_in_s"].get<double>(), 24 * 3600, 600);
  EXPECT_EQ(old["registered_at"], nlohmann::json({"192.0.2.1:13116"}));
  EXPECT_EQ(status["maps"].size(), 1u);
  const nlohmann::json peer = status["peers"][0];
  EXPECT_EQ(peer["session"]["own_key"], wire::PublicKey::FromBytes({1}).ToBase64());
  EXPECT_EQ(peer["session"]["peer_key"], wire::PublicKey::FromBytes({2}).ToBase64());
  EXPECT_EQ(peer["old_keys"][0]["public_key"], wire::PublicKey::FromBytes({3}).ToBase64());
  EXPECT_EQ(peer["old_preshared_key_ends_in_s"].get<double>(),
            peer["old_keys"][0]["ends_in_s"].get<double>() + 1);
  EXPECT_EQ(status["peers"][1]["old_preshared_key_ends_in_s"], nullptr);
}

TEST_F(StatusJsonTest, SaysWhyAPathCannotBeUsed) {
  const auto with_next_hop = [this](const NextHop& hop) {
    prepare_ = [hop](const Parts& parts) {
      parts.protocol.AddPeer(
          parts.now, {.public_key = wire::SecretKey::Generate().Public(), .endpoints = {kFar}});
      parts.protocol.HandleTimeout(parts.now);
      parts.links.PublishIfChanged();
      parts.links.SendDatagrams(1);
      parts.netlink.Answer("wan0 10.9.0.2", hop);
    };
    return Status()["peers"][0]["paths"][0];
  };
  const nlohmann::json nothing = Status()["peers"][0]["paths"][0];
  EXPECT_EQ(nothing["reason"], "new");
  EXPECT_EQ(nothing["source"], nullptr);
  for (const auto state : {NextHop::State::kUnreachable, NextHop::State::kResolving}) {
    const nlohmann::json path = with_next_hop({.state = state, .reason = "no route to 10.9.0.2"});
    EXPECT_EQ(path["reason"], "no route to 10.9.0.2");
    EXPECT_EQ(path["source"], nullptr);
  }
  const nlohmann::json path = with_next_hop(
      {.state = NextHop::State::kReachable, .source = *wire::IpAddress::Parse("10.0.0.7")});
  EXPECT_EQ(path["reason"], "new");
  EXPECT_EQ(path["source"], "10.0.0.7");
}

TEST_F(StatusJsonTest, SaysWhyNothingLeavesByAPort) {
  const auto reason = [this](const std::function<void(InterfaceState&)>& change) {
    prepare_ = [change](const Parts& parts) {
      InterfaceState state = parts.netlink.interfaces["wan0"];
      change(state);
      parts.netlink.Change("wan0", state);
    };
    return Status()["ports"][0]["reason"].get<std::string>();
  };
  EXPECT_EQ(reason([](InterfaceState&) {}), "");
  EXPECT_EQ(reason([](InterfaceState& state) { state.admin_up = false; }),
            "interface wan0 is down");
  EXPECT_EQ(reason([](InterfaceState& state) { state.carrier = false; }),
            "interface wan0 has no link");
  EXPECT_EQ(reason([](InterfaceState& state) { state.addresses.clear(); }),
            "interface wan0 has no usable address");
  EXPECT_EQ(
      reason([](InterfaceState& state) { state.link_locals = std::exchange(state.addresses, {}); }),
      "interface wan0 has no usable address but link-local ones, which reach its own link alone");
}

TEST_F(StatusJsonTest, ManyPeersAreWrittenAFewAPart) {
  peers_.assign(100, Peers()[1]);
  for (const size_t removed : {0, 7, 8, 9, 10, 11, 12, 13, 14, 15, 99}) peers_[removed].name = "";
  const nlohmann::json status = Status();
  EXPECT_EQ(status["peers"].size(), 100u - 11);
  EXPECT_GE(parts_, 100 / NodeStatusText::kPeersPerPart);
  peers_.clear();
  EXPECT_TRUE(Status()["peers"].empty());
}

}  // namespace
}  // namespace warp::control
