// LAN discovery in virtual time: nodes with ports on switches, each of which delivers what is announced there to all
// others on it.
#include "control/protocol/lan/lan_discovery.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "control/protocol/lan/lan_keyring.h"
#include "control/protocol/lan/lan_proofs.h"
#include "control/protocol/node/node.h"

namespace warp::protocol {
namespace {

using namespace std::chrono_literals;

constexpr wire::PortId kLan0 = 0;

wire::IpAddress Address(int node, int port = 0) {
  return wire::IpAddress::V4({192, 0, 2, static_cast<uint8_t>(node * 10 + port + 1)});
}

wire::PresharedKey Psk(uint8_t with) {
  std::array<uint8_t, wire::kKeySize> bytes;
  bytes.fill(with);
  return wire::PresharedKey(bytes);
}

struct Heard {
  int from;
  std::vector<uint8_t> datagram;
};

class Switch {
 public:
  // Node n knows every other node as a peer by its number.
  explicit Switch(int nodes) {
    for (int n = 0; n < nodes; ++n) keys_.push_back(wire::KeyPair::Generate());
    for (int n = 0; n < nodes; ++n) {
      Start(n);
      for (int peer = 0; peer < nodes; ++peer) {
        if (peer != n) Know(n, peer, keys_[peer].public_key());
      }
    }
  }

  LanDiscovery& node(int n) { return *nodes_[n]; }
  const wire::KeyPair& key(int n) const { return keys_[n]; }
  Instant now() const { return now_; }

  void Start(int n) {
    nodes_[n] = std::make_unique<LanDiscovery>(13116, static_cast<uint64_t>(n));
    found_[n].clear();
  }
  void Know(int n, wire::PeerId peer, const wire::PublicKey& key,
            const wire::PresharedKey& psk = {}) {
    node(n).SetPeer(now_, peer, {Keys(keys_[n], key, psk)});
  }
  static LanDiscovery::SharedKeys Keys(const wire::KeyPair& own, const wire::PublicKey& remote,
                                       const wire::PresharedKey& psk = {}) {
    return std::make_shared<const LanKeys>(*DeriveLanKeys(own, remote, psk));
  }
  // The node's port is on the switch, with this address.
  void Plug(int n, wire::PortId port = kLan0) { Plug(n, port, {Address(n, port)}); }
  void Plug(int n, wire::PortId port, std::vector<wire::IpAddress> addresses) {
    plugged_.insert({n, port});
    node(n).SetPort(now_, port, {.addresses = std::move(addresses)});
  }
  // It announces, and hears nothing, until it is plugged in again.
  void Deafen(int n, wire::PortId port = kLan0) { plugged_.erase({n, port}); }
  void Unplug(int n, wire::PortId port = kLan0) {
    plugged_.erase({n, port});
    node(n).SetPort(now_, port, {});
  }
  void RunFor(Duration time) {
    const Instant end = now_ + time;
    while (now_ < end) {
      now_ += 10ms;
      if (first_in_turn != nullptr) first_in_turn();
      for (auto& [n, node] : nodes_) {
        if (node->NextTimeout() <= now_) node->HandleTimeout(now_);
        while (const auto transmit = node->NextTransmit()) Deliver(n, *transmit);
      }
      Collect();
    }
  }
  void Collect() {
    for (auto& [n, node] : nodes_) {
      while (const auto found = node->TakeFound())
        found_[n][{found->peer, found->port}] = found->endpoints;
    }
  }
  std::vector<wire::Endpoint> Found(int n, wire::PeerId peer, wire::PortId port = kLan0) {
    Collect();
    return found_[n][{peer, port}];
  }
  size_t Finds(int n) {
    Collect();
    size_t some = 0;
    for (const auto& [place, endpoints] : found_[n]) some += !endpoints.empty();
    return some;
  }
  // Node 0 hears the datagram, which somebody has recorded, from his own address.
  LanDrop Replay(wire::Bytes datagram) { return Replay(0, datagram); }
  LanDrop Replay(int n, wire::Bytes datagram) {
    return node(n).Handle(now_, kLan0, kLanHops, Address(9), datagram);
  }
  // What the node has announced since the recording began.
  std::vector<std::vector<uint8_t>> SeenOf(int n) const {
    std::vector<std::vector<uint8_t>> of_n;
    for (const Heard& heard : seen) {
      if (heard.from == n) of_n.push_back(heard.datagram);
    }
    return of_n;
  }
  // The nodes have been here before, each time without hearing each other, at other addresses: what each has said.
  std::vector<std::vector<std::vector<uint8_t>>> Lives(int lives, int n, Duration each) {
    std::vector<std::vector<std::vector<uint8_t>>> recorded;
    for (int life = 0; life < lives; ++life) {
      Restart(n);
      seen.clear();
      Plug(n, kLan0, {wire::IpAddress::V4({198, 51, 100, static_cast<uint8_t>(life)})});
      RunFor(each);
      recorded.push_back(SeenOf(n));
      Unplug(n);
    }
    return recorded;
  }
  void Restart(int n) {
    Start(n);
    for (int peer = 0; peer < static_cast<int>(keys_.size()); ++peer) {
      if (peer != n) Know(n, static_cast<wire::PeerId>(peer), keys_[peer].public_key());
    }
  }
  uint64_t Dropped(int n, LanDrop drop) { return node(n).counts().dropped(drop); }
  std::vector<Heard> seen;  // by somebody who listens
  std::function<void()> first_in_turn;

 private:
  void Deliver(int from, const LanTransmit& transmit) {
    seen.push_back({from, transmit.datagram});
    EXPECT_LE(transmit.datagram.size(), kLanMaxDatagram);
    for (const auto& [to, port] : plugged_) {
      if (to != from || port != transmit.port)
        node(to).Handle(now_, port, kLanHops, Address(from, transmit.port), transmit.datagram);
    }
  }

  Instant now_ = Instant{} + 1h;
  std::vector<wire::KeyPair> keys_;
  std::map<int, std::unique_ptr<LanDiscovery>> nodes_;
  std::map<int, std::map<LanHeard::Place, std::vector<wire::Endpoint>>> found_;
  std::set<std::pair<int, wire::PortId>> plugged_;
};

TEST(LanDiscovery, PeersFindEachOtherAtOnce) {
  Switch lan(2);
  lan.Plug(0);
  lan.Plug(1);
  lan.RunFor(600ms);
  EXPECT_EQ(lan.Found(0, 1), (std::vector<wire::Endpoint>{{Address(1), 13116}}));
  EXPECT_EQ(lan.Found(1, 0), (std::vector<wire::Endpoint>{{Address(0), 13116}}));
}

// Whoever comes first has been backing off for long.
TEST(LanDiscovery, WhoComesLaterIsFoundAtOnce) {
  Switch lan(2);
  lan.Plug(0);
  lan.RunFor(10min);
  lan.Plug(1);
  lan.RunFor(1s);
  EXPECT_EQ(lan.Found(0, 1).size(), 1u);
  EXPECT_EQ(lan.Found(1, 0).size(), 1u);
}

TEST(LanDiscovery, StrangersFindNobodyAndAreNotFound) {
  Switch lan(3);
  // Node 2 knows the keys of the others, and they do not know its one.
  lan.node(0).RemovePeer(2);
  lan.node(1).RemovePeer(2);
  for (int n = 0; n < 3; ++n) lan.Plug(n);
  lan.RunFor(10s);
  EXPECT_EQ(lan.Found(0, 1).size(), 1u);
  EXPECT_EQ(lan.Finds(0), 1u);
  EXPECT_EQ(lan.Finds(1), 1u);
  EXPECT_EQ(lan.Finds(2), 0u);
  EXPECT_GT(lan.Dropped(0, LanDrop::kStranger), 0u);
  EXPECT_GT(lan.Dropped(2, LanDrop::kStranger), 0u);
}

TEST(LanDiscovery, TagsTellNeitherPeersNorTheirNumber) {
  Switch lan(4);
  lan.Plug(0);
  lan.RunFor(60s);
  std::set<LanTag> tags;
  for (const Heard& heard : lan.seen) {
    const auto announcement = DecodeLanAnnouncement(heard.datagram);
    ASSERT_TRUE(announcement);
    EXPECT_EQ(announcement->tags.size(),
              2 * kLanTagStep);  // of three peers, with places for proofs
    for (const LanTag& tag : announcement->tags) EXPECT_TRUE(tags.insert(tag).second);
    // Nothing of any key is in it.
    for (int n = 0; n < 4; ++n) {
      const auto& key = lan.key(n).public_key().bytes();
      EXPECT_EQ(
          std::search(heard.datagram.begin(), heard.datagram.end(), key.begin(), key.begin() + 8),
          heard.datagram.end());
    }
  }
}

TEST(LanDiscovery, APresharedKeyIsNeededWhereThereIsOne) {
  Switch lan(2);
  const wire::PresharedKey psk = Psk(9);
  lan.Know(0, 1, lan.key(1).public_key(), psk);
  lan.Plug(0);
  lan.Plug(1);
  lan.RunFor(3s);
  EXPECT_EQ(lan.Finds(0) + lan.Finds(1), 0u);
  lan.Know(1, 0, lan.key(0).public_key(), psk);
  lan.RunFor(3s);
  EXPECT_EQ(lan.Finds(0) + lan.Finds(1), 2u);
}

TEST(LanDiscovery, WhatWasRefusedIsCountedByName) {
  Switch lan(2);
  lan.Plug(0);
  lan.Plug(1);
  lan.RunFor(3s);
  const std::vector<uint8_t> good = lan.seen.back().datagram;
  const int to = 1 - lan.seen.back().from;
  const auto handle = [&](int hops, wire::Bytes bytes) {
    return lan.node(to).Handle(lan.now(), kLan0, hops, Address(1 - to), bytes);
  };
  EXPECT_EQ(handle(254, good), LanDrop::kRouted);
  EXPECT_EQ(handle(-1, good), LanDrop::kRouted);
  EXPECT_EQ(handle(255, wire::Bytes(good).first(20)), LanDrop::kMalformed);
  EXPECT_EQ(handle(255, {}), LanDrop::kMalformed);
  EXPECT_EQ(handle(255, good), LanDrop::kRepeated);
  const auto reflect = [&] {
    return lan.node(1 - to).Handle(lan.now(), kLan0, 255, Address(to), good);
  };
  EXPECT_EQ(reflect(), LanDrop::kOwn);
  // Any change makes it a stranger's.
  for (size_t at = 5; at < kLanHeaderSize + 16; ++at) {
    std::vector<uint8_t> bad = good;
    bad[at] ^= 1;
    EXPECT_NE(handle(255, bad), LanDrop::kNone) << at;
  }
  EXPECT_GT(lan.Dropped(to, LanDrop::kStranger), 0u);
  EXPECT_EQ(lan.Dropped(to, LanDrop::kMalformed), 4u);
  // Reflected, it is not taken for the other's.
  lan.Start(1 - to);
  lan.Know(1 - to, static_cast<wire::PeerId>(to), lan.key(to).public_key());
  lan.Plug(1 - to);
  EXPECT_EQ(reflect(), LanDrop::kStranger);
}

// Somebody has recorded a life of the peer before, at other addresses, and plays all of it again and again.
TEST(LanDiscovery, RecordingsPutNobodyOutOfPlace) {
  Switch lan(2);
  lan.Plug(0);
  std::vector<std::vector<uint8_t>> recorded;
  for (int life = 0; life < 30; ++life) {
    lan.Start(1);
    lan.Know(1, 0, lan.key(0).public_key());
    lan.Plug(1, kLan0, {wire::IpAddress::V4({198, 51, 100, static_cast<uint8_t>(life)})});
    lan.Unplug(0);
    lan.RunFor(200ms);
    recorded.push_back(lan.seen.back().datagram);
    EXPECT_EQ(lan.seen.back().from, 1);
  }
  lan.Start(0);
  lan.Know(0, 1, lan.key(1).public_key());
  lan.Start(1);
  lan.Know(1, 0, lan.key(0).public_key());
  lan.Plug(0);
  lan.Plug(1);
  lan.RunFor(1s);
  const wire::Endpoint is{Address(1), 13116};
  for (int second = 0; second < 600; ++second) {
    for (const auto& datagram : recorded) lan.Replay(datagram);
    lan.RunFor(1s);
    const auto found = lan.Found(0, 1);
    EXPECT_EQ(found.size(), 1u);
    ASSERT_NE(std::find(found.begin(), found.end(), is), found.end()) << second;
  }
}

// Whoever keeps nine of them in the receiver's memory, each by an announcement in time, must not keep the peer out.
TEST(LanDiscovery, RecordingsOfNineLivesDoNotKeepOutOneThatRestarts) {
  Switch lan(2);
  const auto lives = lan.Lives(9, 1, 10min);
  lan.Plug(0);
  size_t next = 0;
  const auto replay = [&] {
    for (const auto& life : lives) lan.Replay(life[next % life.size()]);
    ++next;
  };
  for (int i = 0; i < 3; ++i) {
    replay();
    lan.RunFor(10s);
  }
  lan.first_in_turn = [&, turn = 0]() mutable {
    if (++turn % 100 == 0) replay();
  };
  lan.Start(1);
  lan.Know(1, 0, lan.key(0).public_key());
  lan.Plug(1);
  lan.RunFor(20s);
  EXPECT_EQ(lan.Found(0, 1), (std::vector<wire::Endpoint>{{Address(1), 13116}}));
}

// A recorded life has as many addresses as one can announce, and two of them as many as the protocol looks at.
TEST(LanDiscovery, RecordingsLeaveRoomForWhereThePeerIs) {
  Switch lan(2);
  std::vector<std::vector<uint8_t>> recorded;
  for (int life = 0; life < 5; ++life) {
    lan.Start(1);
    lan.Know(1, 0, lan.key(0).public_key());
    std::vector<wire::IpAddress> addresses;
    for (uint8_t i = 0; i < kLanMaxAddresses; ++i)
      addresses.push_back(wire::IpAddress::V4({198, 51, static_cast<uint8_t>(life), i}));
    lan.Plug(1, kLan0, addresses);
    lan.RunFor(200ms);
    recorded.push_back(lan.seen.back().datagram);
  }
  lan.Start(1);
  lan.Know(1, 0, lan.key(0).public_key());
  lan.Plug(0);
  lan.Plug(1, kLan0, {Address(1), *wire::IpAddress::Parse("2001:db8::1")});
  lan.RunFor(1s);
  for (const auto& datagram : recorded) EXPECT_EQ(lan.Replay(datagram), LanDrop::kUnproven);
  std::vector<wire::Endpoint> found = lan.Found(0, 1);
  found.resize(std::min(found.size(), kMaxEndpoints));
  for (const wire::IpAddress& is : {Address(1), *wire::IpAddress::Parse("2001:db8::1")}) {
    EXPECT_NE(std::find(found.begin(), found.end(), wire::Endpoint{is, 13116}), found.end());
  }
}

// A peer that has gone stays gone, whatever somebody has recorded of it.
TEST(LanDiscovery, ARecordingOfThisLifeNeverCountsAgain) {
  Switch lan(2);
  lan.Plug(0);
  lan.Plug(1);
  lan.RunFor(30min);
  lan.Unplug(1);
  lan.RunFor(kLanLifetime + 1s);
  ASSERT_EQ(lan.Finds(0), 0u);
  for (const Heard& heard : lan.seen) {
    if (heard.from == 1) {
      EXPECT_NE(lan.Replay(heard.datagram), LanDrop::kNone);
    }
  }
  EXPECT_EQ(lan.Finds(0), 0u);
  // What it says itself does.
  lan.Plug(1);
  lan.RunFor(1s);
  EXPECT_EQ(lan.Finds(0), 1u);
}

// Each change costs the node a look at all paths of the peer.
TEST(LanDiscovery, APeerThatSaysSomethingNewWithoutEndIsBounded) {
  Switch lan(2);
  lan.Plug(0);
  size_t changes = 0;
  const auto key = Switch::Keys(lan.key(1), lan.key(0).public_key());
  LanAnnouncement lie{.epoch = 1, .udp_port = 1, .addresses = {Address(7)}};
  lie.tags.resize(kLanTagStep);
  lan.RunFor(1s);
  const LanChallenge challenge =
      DecodeLanAnnouncement(lan.seen.back().datagram).value_or(LanAnnouncement()).challenge;
  for (int second = 0; second < 10; ++second) {
    for (int i = 0; i < 1000; ++i) {
      lie.udp_port = static_cast<uint16_t>(1 + i);
      ++lie.number;
      const std::vector<uint8_t> head = EncodeLanHead(lie, kLanTagStep);
      lie.tags[0] = ComputeLanTag(key->to_peer, head);
      lie.tags[1] = ComputeLanProof(key->to_peer, head, challenge);
      lan.Replay(EncodeLanAnnouncement(lie));
      while (lan.node(0).TakeFound()) ++changes;
    }
    lan.RunFor(1s);
  }
  EXPECT_GT(changes, 100u);
  EXPECT_LE(changes, static_cast<size_t>(kLanTakenAtOnce + 10 * kLanTakenPerSecond));
  EXPECT_GT(lan.Dropped(0, LanDrop::kBudget), 9000u);
}

// Whoever listens on two links does not see that both are of one node.
TEST(LanDiscovery, NothingOfOneLinkIsSaidOnAnother) {
  Switch lan(2);
  const auto announced = [&](wire::PortId port) {
    lan.RunFor(3s);
    const auto newest = std::find_if(lan.seen.rbegin(), lan.seen.rend(), [&](const Heard& heard) {
      const auto one = DecodeLanAnnouncement(heard.datagram);
      return heard.from == 0 && one && one->interface == port;
    });
    return newest == lan.seen.rend() ? LanAnnouncement() : *DecodeLanAnnouncement(newest->datagram);
  };
  lan.Plug(0, 0);
  lan.Plug(0, 1);
  const LanAnnouncement first = announced(0);
  EXPECT_NE(first.epoch, announced(1).epoch);
  EXPECT_NE(first.challenge, announced(1).challenge);
  // Unplugged and plugged in again at the same place, it goes on.
  lan.Unplug(0, 0);
  lan.Plug(0, 0);
  EXPECT_EQ(announced(0).epoch, first.epoch);
  EXPECT_GT(announced(0).number, first.number);
  // Elsewhere it is somebody else.
  lan.Unplug(0, 0);
  lan.seen.clear();
  lan.Plug(0, 0, {wire::IpAddress::V4({198, 51, 100, 1})});
  const LanAnnouncement elsewhere = announced(0);
  EXPECT_NE(elsewhere.epoch, 0u);
  EXPECT_NE(elsewhere.epoch, first.epoch);
  EXPECT_NE(elsewhere.challenge, first.challenge);
  EXPECT_LE(elsewhere.number, 6u);
}

TEST(LanDiscovery, WhatIsNotRepeatedIsForgotten) {
  Switch lan(2);
  lan.Plug(0);
  lan.Plug(1);
  lan.RunFor(500ms);
  lan.Unplug(1);
  lan.RunFor(kLanLifetime - 5s);
  EXPECT_EQ(lan.Finds(0), 1u);
  lan.RunFor(10s);
  EXPECT_EQ(lan.Finds(0), 0u);
}

TEST(LanDiscovery, AnotherAddressIsToldAtOnce) {
  Switch lan(2);
  lan.Plug(0);
  lan.Plug(1);
  lan.node(0).SetConnected(lan.now(), 1, true);
  lan.node(1).SetConnected(lan.now(), 0, true);
  lan.RunFor(60s);
  const wire::IpAddress other = wire::IpAddress::V4({192, 0, 2, 99});
  lan.Plug(1, kLan0, {other});
  lan.RunFor(600ms);
  EXPECT_EQ(lan.Found(0, 1), (std::vector<wire::Endpoint>{{other, 13116}}));
}

// Two nodes that are connected get another port each, such as a VLAN, and one does not hear the other's first word
// there.
TEST(LanDiscovery, WhoIsConnectedIsFoundOnAnotherPortWithinSeconds) {
  Switch lan(2);
  for (const int n : {0, 1}) {
    lan.node(n).SetConnected(lan.now(), 1 - n, true);
    lan.Plug(n, 1);
    lan.Deafen(n, 1);
  }
  lan.RunFor(500ms);
  for (const int n : {0, 1}) lan.Plug(n, 1);
  lan.RunFor(3s);
  for (const int n : {0, 1}) EXPECT_FALSE(lan.Found(n, 1 - n, 1).empty()) << n;
}

TEST(LanDiscovery, WhoIsConnectedIsToldSeldom) {
  Switch lan(2);
  lan.Plug(0);
  lan.Plug(1);
  lan.node(0).SetConnected(lan.now(), 1, true);
  lan.node(1).SetConnected(lan.now(), 0, true);
  lan.RunFor(1s);
  lan.seen.clear();
  lan.RunFor(10min);
  EXPECT_LE(lan.seen.size(), 60u);
  EXPECT_GE(lan.seen.size(), 30u);
  EXPECT_EQ(lan.Finds(0) + lan.Finds(1), 2u);
  // Who is lost is searched for.
  lan.seen.clear();
  lan.node(0).SetConnected(lan.now(), 1, false);
  lan.RunFor(4s);
  EXPECT_GE(lan.seen.size(), 3u);
}

TEST(LanDiscovery, TwoInterfacesOnOneSwitch) {
  Switch lan(2);
  lan.Plug(0, 0);
  lan.Plug(0, 1);
  lan.Plug(1);
  lan.RunFor(2s);
  EXPECT_EQ(lan.Found(1, 0).size(), 2u);
  EXPECT_EQ(lan.Found(0, 1, 0).size(), 1u);
  EXPECT_EQ(lan.Found(0, 1, 1).size(), 1u);
  EXPECT_GT(lan.Dropped(0, LanDrop::kOwn), 0u);
  lan.node(1).RemovePort(kLan0);
  EXPECT_EQ(lan.Finds(1), 0u);
}

TEST(LanDiscovery, ManyPeersTakeSeveralDatagrams) {
  Switch lan(2);
  constexpr size_t kMore = 300;
  for (size_t i = 0; i < kMore; ++i) {
    lan.Know(0, static_cast<wire::PeerId>(10 + i), wire::KeyPair::Generate().public_key());
  }
  lan.Plug(0);
  lan.Plug(1);
  lan.RunFor(300ms);
  EXPECT_EQ(lan.Found(1, 0).size(), 1u);
  const size_t of_0 = static_cast<size_t>(std::count_if(
      lan.seen.begin(), lan.seen.end(), [](const Heard& heard) { return heard.from == 0; }));
  constexpr size_t kDatagrams = kMore * (1 + kLanProofs) / kLanMaxTags;
  EXPECT_GE(of_0, kDatagrams);
  EXPECT_LE(of_0, 3 * (kDatagrams + 1));
}

// A flood from strangers costs a bounded number of hashes, and does not keep away for ever whoever is a peer.
TEST(LanDiscovery, AFloodIsBounded) {
  Switch lan(2);
  for (wire::PeerId i = 0; i < 100; ++i) {
    lan.Know(0, 10 + i, wire::KeyPair::Generate().public_key());
  }
  lan.Plug(0);
  LanAnnouncement junk{.udp_port = 1, .addresses = {Address(7)}};
  junk.tags.resize(kLanMaxTags);
  for (int i = 0; i < 100000; ++i) {
    junk.number = static_cast<uint64_t>(i);
    lan.node(0).Handle(lan.now(), kLan0, kLanHops, Address(7, i % 10), EncodeLanAnnouncement(junk));
  }
  // In no time: the burst, and what the last of it may exceed it by.
  EXPECT_LE(lan.Dropped(0, LanDrop::kStranger) * 101, static_cast<uint64_t>(kLanHashBurst) + 101);
  EXPECT_GT(lan.Dropped(0, LanDrop::kBudget), 99000u);
  lan.Plug(1);
  lan.RunFor(2s);
  EXPECT_EQ(lan.Found(0, 1).size(), 1u);
}

// Who knows thousands of peers spends no more for it: what one datagram took too much is paid back before the next.
TEST(LanDiscovery, AFloodIsBoundedHoweverManyPeersThereAre) {
  constexpr wire::PeerId kPeers = 10000;
  constexpr int kSeconds = 10;
  Switch lan(1);
  const auto keys = Switch::Keys(lan.key(0), wire::KeyPair::Generate().public_key());
  for (wire::PeerId i = 0; i < kPeers; ++i) lan.node(0).SetPeer(lan.now(), i, {keys});
  lan.Plug(0);
  lan.RunFor(1s);
  LanAnnouncement junk{.udp_port = 1, .addresses = {Address(7)}};
  junk.tags.resize(kLanTagStep);
  for (int i = 0; i < kSeconds * 8; ++i) {
    ++junk.number;
    lan.node(0).Handle(lan.now(), kLan0, kLanHops, Address(7, i), EncodeLanAnnouncement(junk));
    lan.RunFor(Duration(1s) / 8);
  }
  EXPECT_GT(lan.Dropped(0, LanDrop::kStranger), 0u);
  EXPECT_LE(lan.Dropped(0, LanDrop::kStranger) * kPeers,
            static_cast<uint64_t>(kLanHashBurst + kLanHashesPerSecond * kSeconds) + kPeers);
}

TEST(LanDiscovery, OneStationThatFloodsKeepsNobodyAway) {
  Switch lan(2);
  for (wire::PeerId i = 0; i < 100; ++i) {
    lan.Know(0, 10 + i, wire::KeyPair::Generate().public_key());
  }
  lan.Plug(0);
  LanAnnouncement junk{.udp_port = 1, .addresses = {Address(7)}};
  junk.tags.resize(kLanTagStep);
  lan.first_in_turn = [&] {
    for (int i = 0; i < 20; ++i) {
      ++junk.number;
      lan.node(0).Handle(lan.now(), kLan0, kLanHops, Address(7), EncodeLanAnnouncement(junk));
    }
  };
  lan.RunFor(10s);
  lan.Plug(1);
  lan.RunFor(2s);
  EXPECT_EQ(lan.Found(0, 1).size(), 1u);
}

// Each unknown announcement may be of a node that has to be answered, so that a flood of them draws answers: few.
TEST(LanDiscovery, AFloodDrawsFewAnswers) {
  Switch lan(2);
  lan.node(0).SetConnected(lan.now(), 1, true);
  lan.Plug(0);
  lan.RunFor(10s);
  lan.seen.clear();
  LanAnnouncement junk{.udp_port = 1, .addresses = {Address(7)}};
  junk.tags.resize(kLanTagStep);
  lan.first_in_turn = [&] {
    for (int i = 0; i < 5; ++i) {
      ++junk.epoch;
      lan.Replay(EncodeLanAnnouncement(junk));
    }
  };
  lan.RunFor(100s);
  EXPECT_GE(lan.seen.size(), 50u);
  EXPECT_LE(lan.seen.size(), 50u + 5 + kLanAnswersAtOnce);
  // A port that costs something answers hardly at all.
  lan.node(0).SetPort(lan.now(), kLan0, {.addresses = {Address(0)}, .sparing = true});
  lan.RunFor(20s);
  lan.seen.clear();
  lan.RunFor(10min);
  EXPECT_LE(lan.seen.size(), 10u + 2 + kLanAnswersAtOnce);
}

// The peer is connected by another port, so that nobody searches, and the answer to the first announcement is lost: the
// interface has no address yet that it can be heard by.
TEST(LanDiscovery, WhatALostAnswerHadIsSaidAgain) {
  Switch lan(2);
  for (const int n : {0, 1}) {
    lan.node(n).SetConnected(lan.now(), static_cast<wire::PeerId>(1 - n), true);
  }
  lan.Plug(0);
  lan.RunFor(10min);
  const wire::IpAddress local = *wire::IpAddress::Parse("fe80::1");
  lan.Plug(1, kLan0, {local});
  lan.Deafen(1);
  lan.RunFor(500ms);
  lan.Plug(1, kLan0, {Address(1), local});
  lan.RunFor(600ms);
  EXPECT_EQ(lan.Found(1, 0).size(), 1u);
}

// Somebody has recorded a node's announcements elsewhere, and plays them where others are: who is its peer does just
// what anybody does.
TEST(LanDiscovery, ARecordingDoesNotTellWhoKnowsItsSender) {
  Switch lan(4);  // 0 knows 1, and 2 does not; 3 is never here
  for (const int n : {0, 2}) lan.node(n).RemovePeer(3);
  lan.node(0).RemovePeer(2);
  lan.node(2).RemovePeer(0);
  lan.node(2).RemovePeer(1);
  lan.Know(2, 3, lan.key(3).public_key());
  const auto lives = lan.Lives(9, 1, 30s);
  std::map<int, std::set<size_t>> sizes;
  std::map<int, int> count;
  lan.Plug(0);
  lan.Plug(2);
  lan.RunFor(5min);
  lan.seen.clear();
  for (int minute = 0; minute < 10; ++minute) {
    for (const auto& life : lives) {
      for (const int n : {0, 2}) lan.Replay(n, life[minute % life.size()]);
    }
    lan.RunFor(1min);
  }
  EXPECT_EQ(lan.Finds(0), 0u);
  for (const Heard& heard : lan.seen) {
    sizes[heard.from].insert(heard.datagram.size());
    ++count[heard.from];
  }
  EXPECT_EQ(sizes[0], sizes[2]);
  EXPECT_EQ(sizes[0].size(), 1u);
  EXPECT_GT(count[0], 30);
  EXPECT_NEAR(count[0], count[2], count[2] / 6);
}

// Recordings of both ends' earlier lives, many more than are remembered, are played at both ends all the time.
TEST(LanDiscovery, RecordingsOfManyLivesOnlyDelay) {
  Switch lan(2);
  const auto of_0 = lan.Lives(40, 0, 30s);
  const auto of_1 = lan.Lives(40, 1, 30s);
  for (const int n : {0, 1}) lan.Restart(n);
  size_t turn = 0;
  lan.first_in_turn = [&] {
    const size_t at = ++turn;
    lan.Replay(0, of_1[at % 40][at / 40 % of_1[at % 40].size()]);
    lan.Replay(1, of_0[at % 40][at / 40 % of_0[at % 40].size()]);
  };
  for (const int n : {0, 1}) lan.Plug(n);
  lan.RunFor(5min);
  EXPECT_EQ(lan.Found(0, 1), (std::vector<wire::Endpoint>{{Address(1), 13116}}));
  EXPECT_EQ(lan.Found(1, 0), (std::vector<wire::Endpoint>{{Address(0), 13116}}));
}

// However many lives are played, and however often each, the lot is the same for all: more turns are no more chances.
TEST(LanProofs, PlayingRecordingsAgainWinsNoMoreOfTheLot) {
  constexpr uint64_t kLives = 200;
  constexpr int kTrials = 1000;
  std::mt19937_64 random(1);
  int chosen = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    LanPeerChallenges peer;
    const auto hear = [&](uint64_t life) {
      LanAnnouncement said{.epoch = life, .number = 1};
      said.challenge.fill(life == 0 ? 1 : 0);
      peer.Note(Instant{} + 1h, said, nullptr, /*proven=*/false, random);
    };
    hear(0);  // the peer itself, once
    for (int round = 0; round < 5; ++round) {
      for (uint64_t life = 1; life < kLives; ++life) hear(life);
    }
    for (const LanProof& proof :
         peer.Choose(Instant{} + 1h, kLanKeptChallenges, kLanKeptChallenges, random))
      chosen += proof.challenge[0];
  }
  constexpr int kFair = kTrials * static_cast<int>(kLanKeptChallenges) / static_cast<int>(kLives);
  EXPECT_GE(chosen, kFair / 3);
  EXPECT_LE(chosen, kFair * 3);
}

// A life of the peer that has just ended counts for no longer than what it had proven.
TEST(LanDiscovery, AProofIsFreshForAWhile) {
  Switch lan(2);
  lan.Plug(0);
  lan.Plug(1);
  lan.RunFor(10s);
  const auto recorded = lan.SeenOf(1);
  lan.Unplug(1);
  lan.RunFor(kLanFresh + 1s);
  lan.node(0).Forget();
  for (const auto& datagram : recorded) EXPECT_NE(lan.Replay(datagram), LanDrop::kNone);
  EXPECT_EQ(lan.Finds(0), 0u);
}

// --- The keys of a node, as they change. ---

class Keyed {
 public:
  explicit Keyed(wire::SecretKey key) : node_(Options(std::move(key))), lan_(13116, 1) {}
  static NodeOptions Options(wire::SecretKey key) {
    NodeOptions options;
    options.identity.secret_key = std::move(key);
    options.identity.wall_clock = [] { return uint64_t{1}; };
    return options;
  }
  void Follow(Instant now) {
    keyring_.Begin();
    while (!keyring_.Follow(now, node_, {}, lan_)) {
    }
  }
  Node node_;
  LanDiscovery lan_;
  LanKeyring keyring_;
};

// What the first announces next, as the second takes it.
LanDrop Tell(Instant now, Keyed& from, Keyed& to) {
  from.lan_.SetPort(now, kLan0, {});
  from.lan_.SetPort(now, kLan0, {.addresses = {Address(1)}});
  to.lan_.SetPort(now, kLan0, {.addresses = {Address(2)}});
  from.lan_.HandleTimeout(now + kLanApart + kLanSoon);
  const auto transmit = from.lan_.NextTransmit();
  if (!transmit) return LanDrop::kMalformed;
  return to.lan_.Handle(now, kLan0, kLanHops, Address(1), transmit->datagram);
}

TEST(LanKeyring, RecognisesTheNewestKeysOfBothAndThoseOfBefore) {
  Instant now = Instant{} + 1h;
  wire::SecretKey secret_a = wire::SecretKey::Generate(), next_a = wire::SecretKey::Generate();
  wire::SecretKey secret_b = wire::SecretKey::Generate();
  const wire::PublicKey key_a = secret_a.Public(), key_a2 = next_a.Public();
  const wire::PublicKey key_b = secret_b.Public();
  Keyed a(std::move(secret_a)), b(std::move(secret_b));
  const auto of_a = a.node_.AddPeer(now, {.name = "b", .public_key = key_b});
  const auto of_b = b.node_.AddPeer(now, {.name = "a", .public_key = key_a});
  ASSERT_TRUE(of_a && of_b);
  const auto meet = [&] {
    now += 1min;
    a.Follow(now);
    b.Follow(now);
    return Tell(now, a, b) == LanDrop::kUnproven && Tell(now, b, a) != LanDrop::kStranger;
  };
  EXPECT_TRUE(meet());
  a.node_.SetKey(now, std::move(next_a));  // b does not know it yet
  EXPECT_TRUE(meet());
  b.node_.SetPeerKey(now, *of_b, key_a2);
  EXPECT_TRUE(meet());
  a.node_.SetPeerPsk(now, *of_a, Psk(5));
  EXPECT_TRUE(meet());
  b.node_.SetPeerPsk(now, *of_b, Psk(5));
  EXPECT_TRUE(meet());
  // Who is no peer any more is not recognised.
  b.node_.RemovePeer(now, *of_b);
  now += 1min;
  b.Follow(now);
  a.Follow(now);
  EXPECT_EQ(Tell(now, a, b), LanDrop::kStranger);
}

// Each turn is short, however many peers there are: it looks at some of them, and makes a few keys.
TEST(LanKeyring, DoesALittleAtATime) {
  constexpr size_t kPeers = 2000;
  const Instant now = Instant{} + 1h;
  Keyed a(wire::SecretKey::Generate());
  std::vector<PeerId> ids;
  for (size_t i = 0; i < kPeers; ++i) {
    ids.push_back(*a.node_.AddPeer(now, {.name = "peer" + std::to_string(i),
                                         .public_key = wire::KeyPair::Generate().public_key()}));
  }
  const auto turns = [&] {
    size_t count = 1;
    while (!a.keyring_.Follow(now, a.node_, {}, a.lan_)) ++count;
    return count;
  };
  a.keyring_.Begin();
  EXPECT_GE(turns(), kPeers / LanKeyring::kMadeAtATime);
  // Where nothing is to be made, looking is bounded as well.
  a.keyring_.Begin();
  EXPECT_GE(turns(), kPeers / LanKeyring::kLookedAtATime);
  a.keyring_.Begin();
  EXPECT_LE(turns(), kPeers / LanKeyring::kLookedAtATime + 2);
  EXPECT_EQ(turns(), 1u);
  // What changes while it is looking is seen.
  a.keyring_.Begin();
  EXPECT_FALSE(a.keyring_.Follow(now, a.node_, {}, a.lan_));
  a.node_.RemovePeer(now, ids.front());
  a.node_.SetPeerPsk(now, ids[1], Psk(3));
  a.keyring_.Begin();
  turns();
  EXPECT_EQ(a.keyring_.size(), kPeers - 1);
}

// --- What was found, in the protocol. ---

TEST(LanEndpoints, ALinkLocalAddressIsOfItsOwnLinkAlone) {
  EndpointBook book;
  const auto idle = [](const wire::Endpoint&) { return false; };
  const wire::Endpoint local{*wire::IpAddress::Parse("fe80::7"), 13116};
  const wire::Endpoint global{*wire::IpAddress::Parse("2001:db8::7"), 13116};
  const Instant now = Instant{} + 1h;
  book.Replace(now, EndpointSource::kLan, 3, {{global, local}}, idle);
  book.Replace(now, EndpointSource::kLan, 4, {{local}}, idle);
  const std::vector<EndpointBook::Known> all = book.All();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].port, std::nullopt);
  EXPECT_EQ(all[1].port, 3);
  EXPECT_EQ(all[2].port, 4);
  // On a third link it may be somebody else's; on these two it is known.
  const auto unused = [](const wire::Endpoint&) { return EndpointBook::Use::kIdle; };
  EXPECT_FALSE(book.Learn(now, {4, local}, {}, 0, unused));
  EXPECT_TRUE(book.Learn(now, {5, local}, {}, 0, unused));
}

}  // namespace
}  // namespace warp::protocol
