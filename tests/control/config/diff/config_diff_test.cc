// What one configuration has that another has not.
#include "control/config/diff/config_diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "control/config/diff/diff_text.h"

namespace warp::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kBase[] = R"(
node: {private_key_file: k}
map: [{address: "map.example:13116", public_key: K3}]
ports:
  - {name: wan0, interface: eth0}
  - {name: wan1, interface: eth1, tier: 2}
peers:
  - {name: hq, public_key: K1, endpoints: ["198.51.100.7:13116"]}
  - {name: lab, public_key: K2}
tunnels:
  - {name: video, id: 1, peer: hq, gate: {loopback: {listen: "127.0.0.1:9000"}}}
  - {name: audio, id: 1, peer: lab, gate: {loopback: {listen: "127.0.0.1:9001"}}}
)";

NodeConfig Parse(absl::string_view text) {
  auto config = ParseNodeConfig(
      absl::StrReplaceAll(text, {{"K1", "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08="},
                                 {"K2", "4p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08="},
                                 {"K3", "Ct2FE+RS5ZuecsirMGZ6GI/msLlwED4OwEGL3sts3Rg="}}),
      "f");
  EXPECT_TRUE(config.ok()) << config.status();
  return *std::move(config);
}

// The text of what follows when all of `changes` are made to kBase, in both directions.
std::vector<EntryChange> After(
    std::initializer_list<std::pair<absl::string_view, absl::string_view>> changes) {
  std::string text = kBase;
  for (const auto& [from, to] : changes) {
    EXPECT_THAT(text, testing::HasSubstr(std::string(from)));
    text = absl::StrReplaceAll(text, {{from, to}});
  }
  return Diff(Parse(kBase), Parse(text));
}

TEST(ConfigDiff, NothingDiffersFromItself) { EXPECT_THAT(After({}), IsEmpty()); }

// Neither the order of a list, nor the way in which a value is written, nor a default that is written down.
TEST(ConfigDiff, WhatMeansTheSameIsNoChange) {
  const NodeConfig before = Parse(kBase);
  const NodeConfig after = Parse(R"(
tunnels:
  - {peer: lab, id: 1, name: audio, gate: {loopback: {listen: "127.0.0.1:9001"}}}
  - {name: video, id: 1, peer: hq, deadline: 250ms, mode: replicate, copies: all,
     gate: {loopback: {listen: "127.0.0.1:9000"}}}
peers:
  - {name: lab, public_key: K2}
  - {name: hq, public_key: K1, endpoints: "198.51.100.7:13116"}
ports:
  - {name: wan1, interface: eth1, tier: 2}
  - {name: wan0, interface: eth0, tier: 1, rate: {up: none}}
map: [{address: "map.example:13116", public_key: K3}]
node: {private_key_file: k, listen_port: 13116, timers: {rekey_after: 120s}}
)");
  EXPECT_EQ(DiffText(Diff(before, after)), "");
}

TEST(ConfigDiff, NamesWhatComesGoesAndChanges) {
  const auto changes =
      After({{"  - {name: wan0, interface: eth0}\n", "  - {name: lte, interface: wwan0}\n"},
             {"tier: 2", "tier: 3, rate: {up: 20Mbit}"},
             {"  - {name: lab, public_key: K2}\n", ""},
             {"peer: lab", "peer: hq"},
             {"audio, id: 1", "audio, id: 2"}});
  EXPECT_EQ(DiffText(changes),
            "- port wan0\n"
            "+ port lte\n"
            "~ port wan1\n"
            "    tier: 2 -> 3\n"
            "    rate.up: none -> 20Mbit\n"
            "- peer lab\n"
            "- tunnel audio\n"
            "+ tunnel audio\n");
  EXPECT_EQ(changes[0].before, 0u);
  EXPECT_EQ(changes[0].after, std::nullopt);
  EXPECT_EQ(changes[2].before, 1u);
  EXPECT_EQ(changes[2].after, 1u);
}

// Its sessions and its tunnels are those of its key.
TEST(ConfigDiff, APeerIsKnownByItsKey) {
  EXPECT_EQ(DiffText(After({{"hq", "head"}})),
            "~ peer head\n"
            "    name: hq -> head\n"
            "~ tunnel video\n"
            "    peer: hq -> head\n");
  EXPECT_EQ(DiffText(After({{"public_key: K2",
                             "public_key: zp7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+"
                             "FG+IK08="}})),
            "~ peer lab\n"
            "    public_key: 4p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08= -> "
            "zp7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=\n");
}

// A peer whose key is in neither list is the one of its name, and its tunnels are the same. Keys that go around among
// the names are the same peers, who have changed their names.
TEST(ConfigDiff, APeerOfWhichNoKeyFitsIsKnownByItsName) {
  const auto kinds = [](std::initializer_list<std::pair<absl::string_view, absl::string_view>> to) {
    std::string text;
    for (const EntryChange& change : After(to)) {
      absl::StrAppend(&text, EntryKindName(change.kind), change.added() ? "+" : "",
                      change.removed() ? "-" : "", " ");
    }
    return text;
  };
  EXPECT_EQ(kinds({{"K2", "K3"}, {"K3}]", "K2}]"}}), "map- map+ peer ");
  EXPECT_EQ(kinds({{"K2", "K3"}, {"lab", "branch"}}), "peer- peer+ tunnel- tunnel+ ");
  EXPECT_EQ(kinds({{"hq, public_key: K1", "hq, public_key: K0"},
                   {"lab, public_key: K2", "lab, public_key: K1"},
                   {"public_key: K0", "public_key: K2"}}),
            "peer peer tunnel tunnel ");
  // One key is another peer's now, and the other is new: nobody is the peer that has neither key nor name.
  EXPECT_EQ(kinds({{"hq, public_key: K1", "hq, public_key: K3"},
                   {"lab, public_key: K2", "lab, public_key: K1"}}),
            "peer- peer+ peer tunnel- tunnel+ tunnel ");
}

TEST(ConfigDiff, ATunnelIsKnownByItsPeerAndItsId) {
  EXPECT_EQ(DiffText(After({{"name: video", "name: pictures"}})),
            "~ tunnel pictures (reopens)\n"
            "    name: video -> pictures\n");
}

TEST(ConfigDiff, SaysWhatAChangeTakes) {
  const auto effect = [](absl::string_view from, absl::string_view to) {
    const auto changes = After({{from, to}});
    EXPECT_EQ(changes.size(), 1u) << from;
    return changes.at(0).effect;
  };
  EXPECT_EQ(effect("tier: 2", "tier: 1"), Effect::kLive);
  EXPECT_EQ(effect("tier: 2", "tier: 2, cap: {bytes: 1GB}"), Effect::kLive);
  EXPECT_EQ(effect("interface: eth1", "interface: eth2"), Effect::kReopen);
  EXPECT_EQ(effect("interface: eth1", "interface: eth1, mtu: 1400"), Effect::kReopen);
  EXPECT_EQ(effect("198.51.100.7", "198.51.100.8"), Effect::kLive);
  EXPECT_EQ(effect("id: 1, peer: hq", "id: 1, mode: stripe, peer: hq"), Effect::kLive);
  EXPECT_EQ(effect("id: 1, peer: hq", "id: 1, queue: 7, peer: hq"), Effect::kReopen);
  EXPECT_EQ(effect("9001", "9002"), Effect::kReopen);
  EXPECT_EQ(effect("file: k", "file: k, window: 4096"), Effect::kLive);
  EXPECT_EQ(effect("file: k", "file: k, timers: {rekey_after: 100s}"), Effect::kLive);
  EXPECT_EQ(effect("file: k", "file: k, max_ports: 4"), Effect::kRestart);
  EXPECT_EQ(effect("file: k", "file: k, listen_port: 13117"), Effect::kRestart);
  EXPECT_EQ(effect("map.example", "other.example"), Effect::kReopen);
  EXPECT_EQ(effect("map: [{address: \"map.example:13116\", public_key: K3}]\n", ""), Effect::kLive);
}

// The rules of a peer are those of its tunnels which have none.
TEST(ConfigDiff, TheRulesOfAPeerChangeItsTunnels) {
  const auto changes = After({{"name: hq, public_key: K1",
                               "name: hq, paths: [{port: wan1}], "
                               "public_key: K1"}});
  EXPECT_EQ(DiffText(changes),
            "~ peer hq\n"
            "    paths[0].port: nothing -> wan1\n"
            "~ tunnel video\n"
            "    paths: all -> wan1\n");
}

// All VLANs of a device are opened with all of its VLANs.
// An endpoint may name its port, and is bound to the interface that the port has.
TEST(ConfigDiff, EndpointsFollowThePortThatTheyName) {
  const std::string before =
      absl::StrReplaceAll(kBase, {{"198.51.100.7:13116", "[fe80::1%wan0]:13116"}});
  const std::string after = absl::StrReplaceAll(before, {{"interface: eth0", "interface: eth7"}});
  EXPECT_EQ(DiffText(Diff(Parse(before), Parse(after))),
            "~ port wan0 (reopens)\n"
            "    interface: eth0 -> eth7\n"
            "~ peer hq\n"
            "    endpoints.interface: eth0 -> eth7\n");
}

TEST(ConfigDiff, VlansOfOneDeviceReopenTogether) {
  const NodeConfig before = Parse(
      "node: {private_key_file: k}\n"
      "ports: [{name: a, pci: \"0000:3b:00.0\", vlan: 7}, {name: b, interface: eth0}]\n");
  const NodeConfig after = Parse(
      "node: {private_key_file: k}\n"
      "ports: [{name: a, pci: \"0000:3b:00.0\", vlan: 7}, {name: b, interface: eth0}, "
      "{name: c, pci: \"0000:3b:00.0\", vlan: 8}]\n");
  EXPECT_EQ(DiffText(Diff(before, after)),
            "~ port a (reopens)\n"
            "    device: 7/0 -> 7/0 8/0\n"
            "+ port c\n");
}

// The first of the tunnels that share an interface says how it is made.
TEST(ConfigDiff, TunnelsOfOneInterfaceReopenTogether) {
  const auto config = [](absl::string_view address, absl::string_view route) {
    return Parse(
        absl::StrCat("node: {private_key_file: k}\nports: [{interface: eth0}]\n"
                     "peers: [{name: hq, public_key: K1}, {name: lab, public_key: K2}]\ntunnels:\n"
                     "  - {name: a, id: 1, peer: hq, gate: {tun: {interface: warp0, address: ",
                     address,
                     ", routes: [10.1.0.0/16]}}}\n"
                     "  - {name: b, id: 1, peer: lab, gate: {tun: {interface: warp0, routes: [",
                     route, "]}}}\n"));
  };
  const auto names = [&](const NodeConfig& after) {
    std::string text;
    for (const EntryChange& change : Diff(config("10.9.0.1/24", "10.2.0.0/16"), after))
      absl::StrAppend(&text, change.name, change.effect == Effect::kReopen ? " " : "? ");
    return text;
  };
  EXPECT_EQ(names(config("10.9.0.1/24", "10.2.0.0/16")), "");
  EXPECT_EQ(names(config("10.9.0.1/24", "10.3.0.0/16")), "b ");
  EXPECT_EQ(names(config("10.9.0.2/24", "10.2.0.0/16")), "a b ");
}

// Of a secret, nothing is shown.
TEST(ConfigDiff, SecretsAreComparedAndNotShown) {
  NodeConfig before = Parse(kBase), after = Parse(kBase);
  const auto key = [](uint8_t byte) {
    std::array<uint8_t, 32> bytes;
    bytes.fill(byte);
    return bytes;
  };
  before.node.private_key = wire::SecretKey(key(1));
  after.node.private_key = wire::SecretKey(key(2));
  before.peers[1].preshared_key.emplace(key(3));
  after.peers[0].preshared_key.emplace(key(4));
  after.peers[1].preshared_key.emplace(key(5));
  EXPECT_EQ(DiffText(Diff(before, after)),
            absl::StrCat("~ node\n    private_key_file: that of ",
                         before.node.private_key.Public().ToBase64(), " -> that of ",
                         after.node.private_key.Public().ToBase64(),
                         "\n"
                         "~ peer hq\n"
                         "    preshared_key_file: nothing -> a key\n"
                         "~ peer lab\n"
                         "    preshared_key_file: a key -> another key\n"));
}

// Another file with the same key is the same key.
TEST(ConfigDiff, TheNamesOfKeyFilesCountWhereTheKeysWereNotRead) {
  EXPECT_EQ(DiffText(After({{"file: k}", "file: l}"}})),
            "~ node\n"
            "    private_key_file: k -> l\n");
  NodeConfig before = Parse(kBase), after = Parse(kBase);
  std::array<uint8_t, 32> bytes{9};
  before.node.private_key = wire::SecretKey(bytes);
  after.node.private_key = wire::SecretKey(bytes);
  after.node.private_key_file = "elsewhere";
  EXPECT_THAT(Diff(before, after), IsEmpty());
}

TEST(ConfigDiff, TheInverseLeadsBack) {
  const NodeConfig before = Parse(kBase);
  NodeConfig after = Parse(kBase);
  after.ports[1].tier = 4;
  after.peers.pop_back();
  after.tunnels.pop_back();
  std::vector<EntryChange> back;
  for (const EntryChange& change : Diff(before, after)) back.push_back(Inverse(change));
  EXPECT_EQ(DiffText(back), DiffText(Diff(after, before)));
}

TEST(ConfigDiff, SaysWhatItTakesAPort) {
  const NodeConfig config = Parse(kBase);
  PortConfig other = config.ports[1];
  EXPECT_EQ(EffectBetween(config.ports[1], other), std::nullopt);
  other.tier = 5;
  other.rate.down = 1000;
  EXPECT_EQ(EffectBetween(config.ports[1], other), Effect::kLive);
  other.cpu = 1;
  EXPECT_EQ(EffectBetween(config.ports[1], other), Effect::kReopen);
}

}  // namespace
}  // namespace warp::config
