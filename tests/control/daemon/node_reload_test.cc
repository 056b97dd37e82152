// A node follows a changed configuration: its ports, peers and tunnels over a dataplane without lcores, with gates of
// the kernel's.
#include "control/daemon/node_reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "control/reload/reload.h"
#include "tests/control/config/temp_dir.h"
#include "tests/control/fake_dataplane.h"
#include "tests/control/fake_netlink.h"
#include "tests/control/turning.h"

namespace warp::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kKey1[] = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=";
constexpr char kKey2[] = "4p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=";
constexpr char kKey3[] = "Ct2FE+RS5ZuecsirMGZ6GI/msLlwED4OwEGL3sts3Rg=";

constexpr char kBefore[] = R"(
node: {private_key_file: k}
ports:
  - {interface: eth0}
  - {interface: eth1}
  - {name: lte, interface: "wwan*", tier: 2}
peers:
  - {name: hq, public_key: K1, endpoints: ["198.51.100.7:13116"]}
  - {name: lab, public_key: K2}
tunnels:
  - {name: stays, id: 1, peer: hq, gate: {unix: {path: DIR/stays, type: seqpacket}}}
  - {name: moves, id: 2, peer: hq, order: 10ms, gate: {unix: {path: DIR/moves, type: seqpacket}}}
  - {name: goes, id: 1, peer: lab, gate: {unix: {path: DIR/goes, type: seqpacket}}}
)";

class NoNames : public Resolver {
 public:
  std::unique_ptr<Name> Watch(absl::string_view, Handler) override {
    return std::make_unique<NoName>();
  }
  std::unique_ptr<Name> WatchServices(absl::string_view, ServicesHandler) override {
    return std::make_unique<NoName>();
  }
  std::unique_ptr<Name> WatchPrefixes(absl::string_view, PrefixesHandler) override {
    return std::make_unique<NoName>();
  }

 private:
  struct NoName : Name {
    void SetSilent(bool) override {}
    void Describe(std::vector<NameStatus>&) const override {}
  };
};

class NodeReloadTest : public testing::Test {
 protected:
  NodeReloadTest() {
    for (const char* const name : {"eth0", "eth1", "eth2", "wwan0"}) {
      netlink_.interfaces[name] = {.name = name,
                                   .index = static_cast<int>(netlink_.interfaces.size()) + 2,
                                   .admin_up = true,
                                   .carrier = true,
                                   .ethernet = true,
                                   .mtu = 1500};
      netlink_.interfaces[name].addresses = {wire::IpAddress::V4({10, 0, 0, 1})};
    }
    dataplane_.ids_differ = true;
    dataplane_.port_info.mtu = 1500;
    dataplane_.port_info.kernel_sees_frames = true;
    EXPECT_EQ(links_.OpenPorts(), absl::OkStatus());
    links_.TakePortNews();
    for (const config::PeerConfig& peer : config_.peers)
      EXPECT_EQ(remotes_.AddPeer(peer, config_), absl::OkStatus());
    for (const config::TunnelConfig& tunnel : config_.tunnels) {
      const auto peer = remotes_.Find(config_.peers[tunnel.peer_index].public_key);
      EXPECT_EQ(traffic_.AddTunnel(tunnel, links_.Route(*peer)), absl::OkStatus());
    }
  }

  config::NodeConfig Parse(absl::string_view text) const {
    auto config = config::ParseNodeConfig(
        absl::StrReplaceAll(
            text, {{"K1", kKey1}, {"K2", kKey2}, {"K3", kKey3}, {"DIR/", directory_.At("")}}),
        "f");
    EXPECT_TRUE(config.ok()) << config.status();
    return *std::move(config);
  }
  // The file is kBefore with these changes from now on, and the node follows it.
  void Follow(std::initializer_list<std::pair<absl::string_view, absl::string_view>> changes,
              std::optional<wire::Duration> confirm = std::nullopt) {
    file_ = kBefore;
    for (const auto& [from, to] : changes) {
      EXPECT_THAT(file_, HasSubstr(std::string(from)));
      file_ = absl::StrReplaceAll(file_, {{from, to}});
    }
    ASSERT_EQ(reload_.Begin(confirm), absl::OkStatus());
    EXPECT_TRUE(TurnUntil(*loop_, [this] {
      links_.TakePortNews();
      return !reload_.under_way() || reload_.state() == ReloadState::kUnconfirmed;
    }));
  }
  std::string Ports() const {
    return absl::StrJoin(links_.ports().ports(), " ", [](std::string* out, const auto& port) {
      absl::StrAppend(out, port->config.name, port->id ? "" : "!");
    });
  }
  std::string Peers() const {
    return absl::StrJoin(protocol_.Peers(), " ",
                         [](std::string* out, const auto& peer) { *out += peer.name; });
  }
  std::string Tunnels() const {
    return absl::StrJoin(traffic_.tunnels(), " ", [](std::string* out, const auto& tunnel) {
      *out += tunnel->config().name;
    });
  }
  // The last request: "9000: 9000 1500 (1 closes)"
  std::string Prepared() const {
    if (dataplane_.prepared_for.empty()) return "";
    const lcore::BufferNeeds& needs = dataplane_.prepared_for.back();
    const size_t closing = needs.closing.size();
    std::vector<uint16_t> opening = needs.opening;
    std::sort(opening.rbegin(), opening.rend());
    return absl::StrCat(needs.mtu, ": ", absl::StrJoin(opening, " "), " (", closing,
                        closing == 1 ? " closes)" : " close)");
  }
  Tunnel* Find(const std::string& name) const {
    for (const auto& tunnel : traffic_.tunnels()) {
      if (tunnel->config().name == name) return tunnel.get();
    }
    return nullptr;
  }
  const PortTable::Port* FindPort(const std::string& name) const {
    for (const auto& port : links_.ports().ports()) {
      if (port->config.name == name) return port.get();
    }
    return nullptr;
  }
  static protocol::NodeOptions Options() {
    EXPECT_TRUE(wire::InitCrypto().ok());
    protocol::NodeOptions options;
    options.identity.secret_key = wire::SecretKey::Generate();
    options.identity.wall_clock = [] { return uint64_t{1}; };
    return options;
  }

  const TempDir directory_;
  const std::unique_ptr<Loop> loop_ = MakeLoop();
  FakeNetlink netlink_;
  lcore::FakeDataplane dataplane_;
  protocol::Node protocol_{Options()};
  const std::shared_ptr<config::NodeConfig> shared_config_ =
      std::make_shared<config::NodeConfig>(Parse(kBefore));
  config::NodeConfig& config_ = *shared_config_;
  const WorkerPlan plan_{.worker_cpus = {-1, 2}};
  std::vector<std::string> log_;  // what became of ports
  std::function<void()> on_forgotten_;
  Links links_{{.loop = *loop_,
                .netlink = netlink_,
                .dataplane = dataplane_,
                .protocol = protocol_,
                .config = config_,
                .made = [this](const auto& port) { log_.push_back("+" + port.name); },
                .forgotten =
                    [this](const auto& port) {
                      log_.push_back("-" + port.name);
                      if (on_forgotten_) on_forgotten_();
                    }},
               [](const Links::Published&) {}};
  Traffic traffic_{*loop_, dataplane_, protocol_, wire::kDefaultWindow,
                   /*index_rests=*/wire::Duration()};
  NoNames resolver_;
  Remotes remotes_{*loop_, resolver_, protocol_};
  std::vector<std::string> forgotten_;               // tunnels of which the file says something
  std::map<std::string, config::TunnelTerms> said_;  // by users
  std::vector<wire::PeerId> ended_;
  bool hooks_possible_ = false;
  std::vector<std::string> sockets_;  // where the control socket was, one after the other
  int own_keys_ = 0;                  // the node's own key changed so often
  wire::SecretKey own_;               // of the file, from now on; zero: nobody has read it
  uint16_t interface_mtu_ = 1500;     // of those without a port that says more
  NodeReload target_{
      {.config = shared_config_,
       .plan = plan_,
       .dataplane = dataplane_,
       .mtu_of =
           [this](const config::PortConfig& port) { return port.mtu.value_or(interface_mtu_); },
       .hooks_possible = [this] { return hooks_possible_; },
       .links = links_,
       .traffic = traffic_,
       .remotes = remotes_,
       .allowed = [](const auto&) { return PeerBond::Allowed(); },
       .policies = nullptr,
       .own_key_changed = [this] { ++own_keys_; },
       .move_control_socket =
           [this](const std::string& path) {
             if (path == "/taken") return absl::AlreadyExistsError("somebody has " + path);
             sockets_.push_back(path);
             return absl::OkStatus();
           },
       .forget_peer = [this](wire::PeerId id) { ended_.push_back(id); },
       .take_terms =
           [this](const std::string& name) {
             forgotten_.push_back(name);
             std::optional<config::TunnelTerms> terms;
             if (said_.contains(name)) terms = said_.at(name);
             said_.erase(name);
             return terms;
           },
       .give_terms = [this](const std::string& name, const auto& terms) { said_[name] = terms; }}};
  std::string file_;
  Reload reload_{*loop_,
                 target_,
                 {.file = "f",
                  .info = [](const std::string&) {},
                  .warn = [](const std::string&) {},
                  .load = [this](const std::string& path) -> absl::StatusOr<config::NodeFile> {
                    config::NodeFile file{.path = path, .config = Parse(file_), .lines = {}};
                    file.config.node.private_key = own_.Clone();
                    return file;
                  }}};
};

TEST_F(NodeReloadTest, OneOfEachKindComesChangesAndGoes) {
  EXPECT_EQ(Ports(), "eth0 eth1 wwan0");
  log_.clear();
  const Tunnel* const stays = Find("stays");
  const auto port = FindPort("eth0")->id;
  Follow({{"  - {interface: eth1}\n", "  - {interface: eth2, tier: 3}\n"},
          {"{interface: eth0}", "{interface: eth0, tier: 4, rate: {up: 20Mbit}}"},
          {"{name: lab, public_key: K2}", "{name: new, public_key: K3}"},
          {"\"198.51.100.7:13116\"", "\"198.51.100.8:13116\""},
          {"DIR/moves", "DIR/moved"},
          {"{name: goes, id: 1, peer: lab", "{name: comes, id: 3, peer: new"}});
  EXPECT_EQ(reload_.state(), ReloadState::kApplied) << reload_.message();
  EXPECT_EQ(Ports(), "eth0 wwan0 eth2");
  EXPECT_EQ(Peers(), "hq new");
  EXPECT_EQ(Tunnels(), "stays moves comes");
  EXPECT_EQ(Find("stays"), stays);
  EXPECT_EQ(FindPort("eth0")->id, port);  // its device was left open
  EXPECT_EQ(FindPort("eth0")->config.tier, 4);
  EXPECT_EQ(FindPort("eth0")->config.rate.up, 20'000'000u);
  EXPECT_THAT(log_, ElementsAre("-eth1", "+eth2", "-eth0", "+eth0"));
  EXPECT_TRUE(std::filesystem::exists(directory_.At("moved")));
  EXPECT_FALSE(std::filesystem::exists(directory_.At("moves")));
  EXPECT_EQ(Find("comes")->config().gate.unix_socket->path, directory_.At("goes"));
}

// Peers and tunnels go on as they are, with what a tunnel has given out.
TEST_F(NodeReloadTest, KeysOfTheNodeAndOfAPeerChange) {
  own_ = wire::SecretKey::Generate();
  Follow({});
  const wire::PublicKey before = protocol_.public_key();
  EXPECT_EQ(before, own_.Public());
  EXPECT_EQ(own_keys_, 1);
  Follow({{"DIR/goes", "DIR/gone"}});  // it has had no place yet
  const Tunnel* const tunnel = Find("goes");
  const auto lab = remotes_.Find(config_.peers[1].public_key);
  own_ = wire::SecretKey::Generate();
  Follow({{"DIR/goes", "DIR/gone"}, {"K2", "K3"}, {"file: k", "file: k, old_keys_for: 1h"}});
  EXPECT_EQ(reload_.state(), ReloadState::kApplied) << reload_.message();
  EXPECT_EQ(protocol_.public_key(), own_.Public());
  ASSERT_EQ(protocol_.OldKeys().size(), 2u);  // that of the start is among them
  EXPECT_EQ(protocol_.OldKeys()[0].key, before);
  EXPECT_LE(protocol_.OldKeys()[0].ends, loop_->now() + std::chrono::hours(1));
  EXPECT_EQ(own_keys_, 2);
  EXPECT_EQ(Find("goes"), tunnel);
  EXPECT_EQ(remotes_.Find(config_.peers[1].public_key), lab);
  EXPECT_EQ(protocol_.Peers()[1].public_key.ToBase64(), kKey3);
  EXPECT_EQ(protocol_.Peers()[1].old_keys.at(0).key.ToBase64(), kKey2);
  Follow({{"DIR/goes", "DIR/gone"}, {"K2", "K3"}, {"file: k", "file: k, old_keys_for: 0"}});
  EXPECT_TRUE(protocol_.OldKeys().empty());
  EXPECT_TRUE(protocol_.Peers()[1].old_keys.empty());
}

// Also tunnels that reopen in the same reload, there and back, and go on in the order.
TEST_F(NodeReloadTest, APeersKeyChangesWithItsTunnels) {
  const std::vector<uint8_t> payload(10);
  const std::vector<wire::Bytes> three = {payload, payload, payload};
  ASSERT_EQ(Find("moves")->OnPayloads(three, {}), 3u);
  const auto hq = remotes_.Find(config_.peers[0].public_key);
  Follow({{"K1", "K3"}, {"DIR/moves", "DIR/moved"}, {"{interface: eth1}", "{interface: eth9}"}});
  EXPECT_EQ(reload_.state(), ReloadState::kRolledBack);
  EXPECT_EQ(Tunnels(), "stays goes moves");
  EXPECT_TRUE(std::filesystem::exists(directory_.At("moves")));
  EXPECT_EQ(Find("moves")->sender().next_place(), 3u);
  Follow({{"K1", "K3"}, {"DIR/moves", "DIR/moved"}});
  EXPECT_EQ(reload_.state(), ReloadState::kApplied) << reload_.message();
  EXPECT_EQ(remotes_.Find(config_.peers[0].public_key), hq);
  EXPECT_TRUE(std::filesystem::exists(directory_.At("moved")));
  EXPECT_FALSE(std::filesystem::exists(directory_.At("moves")));
  EXPECT_EQ(Find("moves")->sender().next_place(), 3u);
}

// Nobody has used them, so they leave no trace.
TEST_F(NodeReloadTest, KeysAreTakenBackWholly) {
  own_ = wire::SecretKey::Generate();
  Follow({{"file: k", "file: k, old_keys_for: 0"}});
  Follow({});
  const wire::SecretKey before = own_.Clone();
  own_ = wire::SecretKey::Generate();
  const auto is_as_before = [&] {
    EXPECT_EQ(protocol_.public_key(), before.Public());
    EXPECT_TRUE(protocol_.OldKeys().empty());
    EXPECT_EQ(protocol_.Peers()[1].public_key.ToBase64(), kKey2);
    EXPECT_TRUE(protocol_.Peers()[1].old_keys.empty());
    EXPECT_EQ(protocol_.Peers()[1].old_psk_ends, wire::kNever);
    EXPECT_EQ(config_.node.private_key.Public(), before.Public());
  };
  Follow({{"K2", "K3"}, {"{interface: eth1}", "{interface: eth9}"}});
  EXPECT_EQ(reload_.state(), ReloadState::kRolledBack) << reload_.message();
  is_as_before();
  Follow({{"K2", "K3"}}, std::chrono::milliseconds(1));
  EXPECT_TRUE(TurnUntil(*loop_, [this] { return !reload_.under_way(); }));
  EXPECT_EQ(reload_.state(), ReloadState::kRolledBack);
  is_as_before();
}

// A peer that is given what this node had, or has until this reload, is refused before anything is touched, with what
// to do; and then it works.
TEST_F(NodeReloadTest, APeerHasAnOldKeyOfThisNode) {
  wire::SecretKey first;
  std::string key;
  do {  // until the text of the key has none of the words that stand for others in the file
    first = wire::SecretKey::Generate();
    key = first.Public().ToBase64();
  } while (key.find('K') != std::string::npos || key.find("DIR/") != std::string::npos);
  const wire::SecretKey second = wire::SecretKey::Generate();
  own_ = first.Clone();
  Follow({});
  own_ = second.Clone();
  const auto is_refused = [&] {
    EXPECT_EQ(reload_.state(), ReloadState::kRefused) << reload_.message();
    EXPECT_THAT(reload_.message(),
                HasSubstr("f:1: peers[1].public_key: this node itself has had "));
    EXPECT_THAT(reload_.message(), HasSubstr("by a reload with node.old_keys_for: 0, and give it"));
    EXPECT_EQ(protocol_.Peers()[1].public_key.ToBase64(), kKey2);
  };
  Follow({{"K2", key}});
  is_refused();
  EXPECT_EQ(protocol_.public_key(), first.Public());
  Follow({});
  EXPECT_EQ(protocol_.public_key(), second.Public());
  Follow({{"K2", key}});
  is_refused();
  Follow(
      {{"name: lab, public_key: K2", "name: new, public_key: " + key}, {"peer: lab", "peer: new"}});
  is_refused();
  Follow({{"file: k", "file: k, old_keys_for: 0"}});
  Follow({{"K2", key}});
  EXPECT_EQ(reload_.state(), ReloadState::kApplied) << reload_.message();
  EXPECT_EQ(protocol_.Peers()[1].public_key, first.Public());
}

// Whatever was old beside the key that is taken back is so again; once nothing leads back, what was one too many goes.
TEST_F(NodeReloadTest, AChangeOfManyKeysIsTakenBack) {
  for (int i = 0; i < 3; ++i) {
    own_ = wire::SecretKey::Generate();
    Follow({});
  }
  const auto old = [this] {
    std::vector<wire::PublicKey> keys;
    for (const protocol::OldKey& one : protocol_.OldKeys()) keys.push_back(one.key);
    return keys;
  };
  const std::vector<wire::PublicKey> before = old();
  ASSERT_EQ(before.size(), 3u);
  const wire::SecretKey present = own_.Clone();
  own_ = wire::SecretKey::Generate();
  Follow({{"{interface: eth1}", "{interface: eth9}"}});
  EXPECT_EQ(reload_.state(), ReloadState::kRolledBack) << reload_.message();
  EXPECT_EQ(old(), before);
  EXPECT_EQ(protocol_.public_key(), present.Public());
  Follow({});
  EXPECT_EQ(reload_.state(), ReloadState::kApplied) << reload_.message();
  const std::vector<wire::PublicKey> after = old();
  ASSERT_EQ(after.size(), 3u);
  EXPECT_EQ(after[0], present.Public());
}

TEST_F(NodeReloadTest, PolicyAndRulesChangeWithTheGateOpen) {
  Tunnel* const moves = Find("moves");
  Follow({{"order: 10ms", "mode: stripe, deadline: 80ms, paths: [{port: eth1}]"}});
  EXPECT_EQ(Find("moves"), moves);
  EXPECT_EQ(moves->policy().mode, config::TunnelMode::kStripe);
  EXPECT_EQ(moves->config().deadline, std::chrono::milliseconds(80));
  EXPECT_NE(moves->bond(), nullptr);
  EXPECT_THAT(forgotten_, ElementsAre("moves"));
}

// Its peer's orderer has had the places below.
TEST_F(NodeReloadTest, ATunnelThatReopensGoesOnInTheOrder) {
  const std::vector<uint8_t> payload(10);
  const std::vector<wire::Bytes> three = {payload, payload, payload};
  ASSERT_EQ(Find("moves")->OnPayloads(three, {}), 3u);
  EXPECT_EQ(Find("moves")->sender().next_place(), 3u);
  Follow({{"DIR/moves", "DIR/moved"}});
  EXPECT_EQ(Find("moves")->sender().next_place(), 3u);
  // Also one that has gone for a while, with its peer.
  Follow(
      {{"  - {name: moves, id: 2, peer: hq, order: 10ms, gate: {unix: {path: DIR/moves, type: "
        "seqpacket}}}\n",
        ""}});
  EXPECT_EQ(Tunnels(), "stays goes");
  Follow({});
  EXPECT_EQ(Find("moves")->sender().next_place(), 3u);
}

TEST_F(NodeReloadTest, TwoTunnelsExchangeTheirGates) {
  Follow({{"DIR/moves", "DIR/x"}, {"DIR/goes", "DIR/moves"}, {"DIR/x", "DIR/goes"}});
  EXPECT_EQ(reload_.state(), ReloadState::kApplied) << reload_.message();
  EXPECT_EQ(Find("moves")->config().gate.unix_socket->path, directory_.At("goes"));
}

// Its session and its tunnels go on.
TEST_F(NodeReloadTest, APeerHasAnotherName) {
  const Tunnel* const stays = Find("stays");
  const auto id = remotes_.Find(config_.peers[0].public_key);
  Follow({{"name: hq", "name: head"}, {"peer: hq", "peer: head"}});
  EXPECT_EQ(reload_.state(), ReloadState::kApplied) << reload_.message();
  EXPECT_EQ(Peers(), "head lab");
  EXPECT_EQ(remotes_.Find(config_.peers[0].public_key), id);
  EXPECT_EQ(Find("stays"), stays);
  EXPECT_EQ(stays->config().peer, "head");
  EXPECT_THAT(ended_, testing::IsEmpty());
}

TEST_F(NodeReloadTest, MapsComeAndGo) {
  const std::string map = "ports:";
  Follow({{map, "map: [{address: \"192.0.2.9:13116\", public_key: K3}]\nports:"}});
  EXPECT_EQ(reload_.state(), ReloadState::kApplied) << reload_.message();
  ASSERT_EQ(protocol_.Maps().size(), 1u);
  Follow({{map, "map: [{address: \"192.0.2.9:13117\", public_key: K3}]\nports:"}});
  EXPECT_EQ(protocol_.Maps().size(), 1u);
  Follow({});
  EXPECT_EQ(protocol_.Maps().size(), 0u);
}

// What it had under way has no owner any more: answers to it are answers to nobody.
TEST_F(NodeReloadTest, APeerGoesInTheMiddleOfItsHandshake) {
  protocol_.HandleTimeout(loop_->now());
  ASSERT_EQ(protocol_.initiations(), 1u);
  const auto initiation = protocol_.NextTransmit();
  ASSERT_TRUE(initiation.has_value());
  Follow({{"{name: hq, public_key: K1, endpoints: [\"198.51.100.7:13116\"]}",
           "{name: head, public_key: K3}"},
          {"peer: hq", "peer: head"}});
  EXPECT_EQ(reload_.state(), ReloadState::kApplied) << reload_.message();
  EXPECT_EQ(Peers(), "lab head");
  EXPECT_EQ(Tunnels(), "goes stays moves");
  while (protocol_.NextTransmit().has_value()) continue;
  protocol_.HandleTimeout(loop_->now() + std::chrono::hours(1));
  EXPECT_FALSE(protocol_.has_transmits());  // nobody knows where the other one is
}

// As at the end of a saw: the reload takes all that carries anything, and is led back.
TEST_F(NodeReloadTest, EveryPortGoesAndComesBack) {
  Follow({{"  - {interface: eth0}\n  - {interface: eth1}\n  - {name: lte, interface: \"wwan*\", "
           "tier: 2}\n",
           "  - {interface: eth9, optional: true}\n"}},
         std::chrono::milliseconds(1));
  EXPECT_TRUE(TurnUntil(*loop_, [this] {
    links_.TakePortNews();
    return !reload_.under_way();
  }));
  links_.TakePortNews();
  EXPECT_EQ(reload_.state(), ReloadState::kRolledBack);
  EXPECT_EQ(Ports(), "wwan0 eth1 eth0");
  EXPECT_EQ(traffic_.tunnels().size(), 3u);
}

TEST_F(NodeReloadTest, AGateThatIsTakenLeadsBack) {
  directory_.Write("taken", "");
  const Tunnel* const stays = Find("stays");
  Follow({{"  - {interface: eth1}\n", ""},
          {"{name: lab, public_key: K2}", "{name: new, public_key: K3}"},
          {"{name: goes, id: 1, peer: lab", "{name: comes, id: 3, peer: new"},
          {"DIR/moves", "DIR/taken"}});
  EXPECT_EQ(reload_.state(), ReloadState::kRolledBack);
  EXPECT_THAT(reload_.message(), HasSubstr("tunnel moves: "));
  EXPECT_EQ(Ports(), "eth0 eth1 wwan0");
  EXPECT_EQ(Peers(), "hq lab");
  EXPECT_EQ(config_.peers[1].name, "lab");
  EXPECT_EQ(Find("stays"), stays);
  EXPECT_NE(Find("moves"), nullptr);
  EXPECT_NE(Find("goes"), nullptr);
  EXPECT_EQ(traffic_.tunnels().size(), 3u);
  EXPECT_TRUE(std::filesystem::exists(directory_.At("moves")));
}

TEST_F(NodeReloadTest, AnInterfaceThatIsMissingLeadsBack) {
  Follow({{"{interface: eth1}", "{interface: eth9}"}});
  EXPECT_EQ(reload_.state(), ReloadState::kRolledBack);
  EXPECT_EQ(reload_.message(), "port eth9: there is no network interface eth9");
  EXPECT_EQ(Ports(), "eth0 wwan0 eth1");
}

TEST_F(NodeReloadTest, AnOptionalOneIsWaitedForByThePortAlone) {
  Follow({{"{interface: eth1}", "{interface: eth9, optional: true}"}});
  EXPECT_EQ(reload_.state(), ReloadState::kApplied) << reload_.message();
  EXPECT_EQ(FindPort("eth9")->state(), "missing");
}

// A port by name takes the interface that a pattern had, and leaves it to it.
TEST_F(NodeReloadTest, PatternsHaveWhatNobodyNames) {
  Follow({{"{interface: eth1}", "{name: modem, interface: wwan0}"}, {"tier: 2", "tier: 5"}});
  EXPECT_EQ(reload_.state(), ReloadState::kApplied) << reload_.message();
  EXPECT_EQ(Ports(), "eth0 modem");
  Follow({});
  EXPECT_EQ(Ports(), "eth0 wwan0 eth1");
  EXPECT_EQ(FindPort("wwan0")->config.tier, 2);
  const auto device = FindPort("wwan0")->id;
  Follow({{"tier: 2", "tier: 5"}});
  EXPECT_EQ(FindPort("wwan0")->config.tier, 5);
  EXPECT_EQ(FindPort("wwan0")->id, device);
  Follow({{"wwan*", "wwan*\", except: [wwan0], mtu: 1400, driver: \"udp"}});
  EXPECT_EQ(Ports(), "eth0 eth1");
}

TEST_F(NodeReloadTest, WhatTheNodeWasNotStartedForIsRefused) {
  Follow({{"{interface: eth1}", "{interface: eth1, cpu: 1}"}});
  EXPECT_EQ(reload_.state(), ReloadState::kRefused);
  EXPECT_EQ(reload_.message(),
            "f:1: ports[1].cpu: no worker was started on CPU 1: restart warpd, or leave cpu out\n");
  Follow({{"{interface: eth1}", "{name: card, pci: \"0000:3b:00.0\"}"}});
  EXPECT_THAT(reload_.message(), HasSubstr("DPDK was started without the card 0000:3b:00.0"));
  EXPECT_EQ(Ports(), "eth0 eth1 wwan0");
}

// --- Packet buffers. ---

TEST_F(NodeReloadTest, LargerBuffersAreThereBeforeAPortClosesAndGoWhenNobodyNeedsThem) {
  Follow({{"{interface: eth0}", "{interface: eth0, mtu: 9000}"}});
  EXPECT_EQ(reload_.state(), ReloadState::kApplied) << reload_.message();
  EXPECT_EQ(Prepared(), "9000: 9000 (1 closes)");
  EXPECT_THAT(dataplane_.settled, ElementsAre(9000));
  EXPECT_EQ(dataplane_.port_spec.mtu, 9000);
  Follow({});
  EXPECT_EQ(reload_.state(), ReloadState::kApplied) << reload_.message();
  EXPECT_EQ(Prepared(), "9000: 1500 (1 closes)");
  EXPECT_THAT(dataplane_.settled, ElementsAre(9000, 1500));
}

// Of whatever size, and whether the file or an interface says it: a port whose buffers are made only when it opens
// leads back where they could have been missed before.
TEST_F(NodeReloadTest, EveryPortThatOpensHasItsBuffersBeforeAnyCloses) {
  Follow({{"{interface: eth0}", "{interface: eth0, mtu: 9000}"},
          {"{interface: eth1}", "{interface: eth1, mtu: 3000}\n  - {interface: eth2}"}});
  EXPECT_EQ(reload_.state(), ReloadState::kApplied) << reload_.message();
  EXPECT_EQ(Prepared(), "9000: 9000 3000 1500 (2 close)");
  dataplane_.prepared = absl::ResourceExhaustedError("no memory");
  Follow({{"{interface: eth0}", "{interface: eth0, mtu: 9000}"},
          {"{interface: eth1}", "{interface: eth1, mtu: 2000}\n  - {interface: eth2}"}});
  EXPECT_EQ(reload_.state(), ReloadState::kRefused);
  EXPECT_EQ(reload_.message(), "f:1: ports[1].mtu: no memory\n");
  Follow({{"{interface: eth0}", "{interface: eth0, mtu: 9000}"},
          {"{interface: eth1}", "{interface: eth1, tier: 2}\n  - {interface: eth3}"}});
  EXPECT_EQ(reload_.state(), ReloadState::kRefused);
}

// An interface may say what it likes: DHCP sets its MTU.
TEST_F(NodeReloadTest, NoChangeWaitsForMemoryThatOnlyAnInterfaceAsksFor) {
  interface_mtu_ = 9000;
  Follow({{"{interface: eth1}", "{interface: eth1, mtu: 1400}"}});
  EXPECT_EQ(Prepared(), "1500: 1400 (1 closes)");
  Follow({{"{interface: eth1}", "{interface: eth1, mtu: 1400}\n  - {interface: eth2}"}});
  EXPECT_EQ(Prepared(), "1500: 1500 (0 close)");
  EXPECT_EQ(dataplane_.buffers_mtu, 1500);
  // What one that was there asked for in vain it asks for again.
  netlink_.interfaces["eth0"].mtu = 9000;
  netlink_.Change("eth0", netlink_.interfaces["eth0"]);
  EXPECT_EQ(dataplane_.buffers_mtu, 9000);
}

TEST_F(NodeReloadTest, ARollBackHasTheBuffersThatItNeeds) {
  Follow({{"{interface: eth0}", "{interface: eth0, mtu: 9000}"}});
  dataplane_.settled.clear();
  Follow({}, std::chrono::milliseconds(1));
  EXPECT_TRUE(dataplane_.settled.empty());
  EXPECT_TRUE(TurnUntil(*loop_, [this] {
    links_.TakePortNews();
    return !reload_.under_way();
  }));
  EXPECT_EQ(reload_.state(), ReloadState::kRolledBack);
  EXPECT_EQ(dataplane_.port_spec.mtu, 9000);
  EXPECT_THAT(dataplane_.settled, ElementsAre(9000));
}

TEST_F(NodeReloadTest, WithoutMemoryForThemNothingIsTouched) {
  const auto port = FindPort("eth0")->id;
  log_.clear();
  dataplane_.prepared = absl::ResourceExhaustedError("no memory");
  Follow({{"{interface: eth0}", "{interface: eth0, mtu: 9000}"}});
  EXPECT_EQ(reload_.state(), ReloadState::kRefused);
  EXPECT_EQ(reload_.message(), "f:1: ports[0].mtu: no memory\n");
  EXPECT_EQ(FindPort("eth0")->id, port);
  EXPECT_FALSE(config_.ports[0].mtu.has_value());
  EXPECT_TRUE(log_.empty());
}

// Also those that nobody confirms, and those before a step that fails.
TEST_F(NodeReloadTest, TimersAndTheWindowChangeAndAreTakenBack) {
  using std::chrono::seconds, std::chrono::milliseconds;
  const auto has = [this](wire::Duration rekey_after, wire::Duration map_rekey_after,
                          uint32_t window) {
    return protocol_.identity().timers().rekey_after == rekey_after &&
           config_.node.timers.map_rekey_after == map_rekey_after && config_.node.window == window;
  };
  const std::pair<absl::string_view, absl::string_view> other = {
      "file: k", "file: k, window: 4096, timers: {rekey_after: 60s, map_rekey_after: 10s}"};
  EXPECT_TRUE(has(seconds(120), seconds(3600), wire::kDefaultWindow));
  Follow({other});
  EXPECT_EQ(reload_.state(), ReloadState::kApplied) << reload_.message();
  EXPECT_TRUE(has(seconds(60), seconds(10), 4096));
  Follow({});
  EXPECT_TRUE(has(seconds(120), seconds(3600), wire::kDefaultWindow));
  Follow({other, {"{interface: eth1}", "{interface: eth9}"}});
  EXPECT_EQ(reload_.state(), ReloadState::kRolledBack) << reload_.message();
  EXPECT_TRUE(has(seconds(120), seconds(3600), wire::kDefaultWindow));
  Follow({other}, milliseconds(1));
  EXPECT_TRUE(TurnUntil(*loop_, [this] { return !reload_.under_way(); }));
  EXPECT_EQ(reload_.state(), ReloadState::kRolledBack);
  EXPECT_TRUE(has(seconds(120), seconds(3600), wire::kDefaultWindow));
}

TEST_F(NodeReloadTest, TheControlSocketMovesAndComesBack) {
  const std::string first = config_.node.control_socket;
  Follow({{"file: k", "file: k, control_socket: /other"}});
  EXPECT_EQ(reload_.state(), ReloadState::kApplied) << reload_.message();
  Follow({{"file: k", "file: k, control_socket: /taken, window: 4096"}});
  EXPECT_EQ(reload_.state(), ReloadState::kRolledBack);
  EXPECT_EQ(reload_.message(), "somebody has /taken");
  EXPECT_EQ(config_.node.control_socket, "/other");
  EXPECT_EQ(config_.node.window, wire::kDefaultWindow);
  Follow({}, std::chrono::milliseconds(1));
  EXPECT_TRUE(TurnUntil(*loop_, [this] { return !reload_.under_way(); }));
  EXPECT_EQ(reload_.state(), ReloadState::kRolledBack);
  EXPECT_THAT(sockets_, ElementsAre("/other", first, "/other"));
}

TEST_F(NodeReloadTest, HooksComeWhereTheirProcessRuns) {
  const auto hook = {std::pair<absl::string_view, absl::string_view>{
      "{private_key_file: k}", "{private_key_file: k, on_event: [/bin/true]}"}};
  Follow(hook);
  EXPECT_EQ(reload_.state(), ReloadState::kRefused);
  EXPECT_THAT(reload_.message(), HasSubstr("f:1: node.on_event: the process that runs hooks"));
  hooks_possible_ = true;
  Follow(hook);
  EXPECT_EQ(reload_.state(), ReloadState::kApplied) << reload_.message();
  EXPECT_THAT(config_.node.on_event, ElementsAre("/bin/true"));
  // That it has ended since keeps nobody from other changes.
  hooks_possible_ = false;
  Follow({{"{private_key_file: k}", "{private_key_file: k, on_event: [/bin/true], window: 4096}"}});
  EXPECT_EQ(reload_.state(), ReloadState::kApplied) << reload_.message();
}

TEST_F(NodeReloadTest, NobodyConfirmsAndAllComesBack) {
  Follow({{"  - {interface: eth1}\n", "  - {interface: eth2}\n"},
          {"{name: lab, public_key: K2}", "{name: new, public_key: K3}"},
          {"{name: goes, id: 1, peer: lab", "{name: comes, id: 3, peer: new"},
          {"order: 10ms", "mode: stripe"}},
         std::chrono::milliseconds(1));
  EXPECT_TRUE(TurnUntil(*loop_, [this] {
    links_.TakePortNews();
    return !reload_.under_way();
  }));
  links_.TakePortNews();
  EXPECT_EQ(reload_.state(), ReloadState::kRolledBack);
  EXPECT_EQ(Ports(), "eth0 wwan0 eth1");
  EXPECT_EQ(Peers(), "hq lab");
  EXPECT_EQ(Find("moves")->policy().mode, config::TunnelMode::kReplicate);
  EXPECT_NE(Find("goes"), nullptr);
  EXPECT_EQ(Find("comes"), nullptr);
}

// --- What was before is again, whatever has happened meanwhile. ---

// It would have waited for its interface, too, had nobody reloaded.
TEST_F(NodeReloadTest, APortWhoseInterfaceHasGoneComesBackAndWaitsForIt) {
  const InterfaceState eth1 = netlink_.interfaces["eth1"];
  netlink_.Change("eth1", {});
  EXPECT_EQ(Ports(), "eth0 eth1! wwan0");
  Follow({{"{interface: eth1}", "{interface: eth1, mtu: 1400}"}});
  EXPECT_EQ(reload_.state(), ReloadState::kRolledBack);
  EXPECT_EQ(reload_.message(), "port eth1: there is no network interface eth1");
  EXPECT_EQ(Ports(), "eth0 wwan0 eth1!");
  netlink_.Change("eth1", eth1);
  links_.TakePortNews();
  EXPECT_EQ(Ports(), "eth0 wwan0 eth1");
}

TEST_F(NodeReloadTest, WhatUsersSaidOfATunnelCountsAgain) {
  config::TunnelTerms terms;
  terms.settings.weight = 7;
  said_["moves"] = said_["goes"] = said_["stays"] = terms;
  const std::initializer_list<std::pair<absl::string_view, absl::string_view>> changes = {
      {"order: 10ms", "weight: 3"}, {"DIR/goes", "DIR/gone"}};
  Follow(changes, std::chrono::milliseconds(1));
  EXPECT_EQ(said_.size(), 1u);
  EXPECT_TRUE(TurnUntil(*loop_, [this] { return !reload_.under_way(); }));
  EXPECT_EQ(reload_.state(), ReloadState::kRolledBack);
  EXPECT_EQ(said_.size(), 3u);
  EXPECT_EQ(said_["moves"], terms);
  Follow(changes);
  Follow({});  // which is another change, and leads nowhere back
  EXPECT_EQ(said_.size(), 1u);
}

// The address is taken in the moment between: the next reload opens the tunnel.
TEST_F(NodeReloadTest, ATunnelThatCannotComeBackComesWithTheNextReload) {
  on_forgotten_ = [this] { directory_.Write("moves", ""); };
  Follow({{"{interface: eth1}", "{interface: eth9}"}, {"DIR/moves", "DIR/moved"}});
  on_forgotten_ = nullptr;
  EXPECT_EQ(reload_.state(), ReloadState::kRolledBack);
  EXPECT_THAT(reload_.message(), HasSubstr("\ntunnel moves: "));
  EXPECT_EQ(Tunnels(), "stays goes");
  std::filesystem::remove(directory_.At("moves"));
  Follow({});
  EXPECT_EQ(reload_.state(), ReloadState::kApplied) << reload_.message();
  EXPECT_EQ(Tunnels(), "stays goes moves");
  Follow({});
  EXPECT_EQ(reload_.message(), "nothing differs");
}

// --- What comes and goes often. ---

TEST_F(NodeReloadTest, ATunnelThatReopensTakesNoNumbersFromOthers) {
  uint16_t highest = 0;
  for (int i = 0; i < 8; ++i) {
    Follow({{"DIR/moves", i % 2 == 0 ? "DIR/moved" : "DIR/moves"}});
    highest = std::max(highest, Find("moves")->index());
    traffic_.Expire();
  }
  EXPECT_LE(highest, 3);
  EXPECT_NE(Find("moves")->index(), Find("stays")->index());
}

TEST_F(NodeReloadTest, PayloadsThatEndWithTheirPeerAreCounted) {
  const std::vector<uint8_t> payload(10);
  const std::vector<wire::Bytes> three = {payload, payload, payload};
  ASSERT_EQ(Find("moves")->OnPayloads(three, {}), 3u);
  Follow({{"{name: hq, public_key: K1, endpoints: [\"198.51.100.7:13116\"]}",
           "{name: head, public_key: K3}"},
          {"peer: hq", "peer: head"}});
  EXPECT_EQ(reload_.state(), ReloadState::kApplied) << reload_.message();
  EXPECT_EQ(traffic_.gone_drops(wire::Drop::kNoSession), 3u);
}

}  // namespace
}  // namespace warp::control
