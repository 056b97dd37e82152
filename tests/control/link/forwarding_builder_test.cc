#include "control/link/forwarding_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"

namespace warp::control {
namespace {

using lcore::PathEntry;
using protocol::PathState;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

wire::Endpoint At(const char* text) { return *wire::Endpoint::Parse(text); }
wire::IpAddress Ip(const char* text) { return *wire::IpAddress::Parse(text); }

Flow FlowTo(const char* remote) { return {.local = {{}, 13116}, .remote = At(remote)}; }

std::shared_ptr<wire::Session> MakeSession(uint32_t index) {
  wire::Session::Params params;
  params.local_index = index;
  params.window = 64;
  return std::make_shared<wire::Session>(params, wire::SymmetricKey(), wire::SymmetricKey());
}

// Two ports (of workers 1 and 2), and one peer with a path through each port and a third path that is lost.
class ForwardingTest : public testing::Test {
 protected:
  ForwardingTest() {
    ports_[0] = MakePort(/*worker=*/1, "10.0.0.1", 1500);
    ports_[3] = MakePort(/*worker=*/2, "10.0.1.1", 1400);
    protocol::ForwardingPeer& peer = state_.peers.emplace_back();
    peer.id = 1;
    peer.send = MakeSession(0x1005);
    peer.receive = {peer.send, MakeSession(0x2006)};
    peer.paths = {MakePath(31, 3, "10.9.0.2:13116", PathState::kActive),
                  MakePath(30, 0, "10.9.0.2:13116", PathState::kActive),
                  MakePath(32, 0, "10.9.0.3:13116", PathState::kLost)};
    state_.map_sessions = {MakeSession(0x3007)};
    state_.session_slots = 16;
    hop_.state = NextHop::State::kReachable;
    hop_.source = Ip("10.0.0.1");
    hop_.mac = {{2, 0, 0, 0, 0, 9}};
    hop_.mtu = 9000;
  }

  static ForwardingPort MakePort(wire::WorkerId worker, const char* address, uint16_t mtu) {
    ForwardingPort port;
    port.info.worker = worker;
    port.info.mtu = 9000;
    port.info.mac = {{2, 0, 0, 0, 0, 1}};
    port.kernel.index = 5;
    port.kernel.admin_up = port.kernel.carrier = true;
    port.kernel.mtu = mtu;
    port.kernel.addresses = {Ip(address)};
    port.kernel.link_locals = {Ip("fe80::1")};
    return port;
  }
  static protocol::PathStatus MakePath(wire::PathId id, wire::PortId port, const char* remote,
                                       PathState state) {
    protocol::PathStatus path;
    path.id = id;
    path.port = port;
    path.remote = path.target = At(remote);
    path.state = state;
    path.carries = state == PathState::kActive;
    return path;
  }
  const lcore::Snapshot& Build() {
    snapshot_ = builder_.Build(state_, ports_, [this](wire::PortId, const Flow&) { return &hop_; });
    return *snapshot_;
  }
  std::vector<wire::PathId> SendingPaths() {
    std::vector<wire::PathId> ids;
    for (const PathEntry& path : Build().peers.at(1)->paths) {
      if (path.send) ids.push_back(path.id);
    }
    return ids;
  }

  ForwardingBuilder builder_{13116, 8};
  protocol::ForwardingState state_;
  std::map<wire::PortId, ForwardingPort> ports_;
  NextHop hop_;
  std::unique_ptr<const lcore::Snapshot> snapshot_;
};

TEST_F(ForwardingTest, NamesEverySessionAtItsSlot) {
  const lcore::Snapshot& snapshot = Build();
  ASSERT_EQ(snapshot.sessions.size(), 16u);
  EXPECT_EQ(snapshot.sessions[5].session, state_.peers[0].send);
  EXPECT_EQ(snapshot.sessions[5].peer, 1u);
  EXPECT_EQ(snapshot.sessions[6].peer, 1u);
  EXPECT_EQ(snapshot.sessions[7].session, state_.map_sessions[0]);
  EXPECT_EQ(snapshot.sessions[7].peer, wire::kNoPeer);
  EXPECT_EQ(snapshot.sessions[8].session, nullptr);
}

TEST_F(ForwardingTest, ALastResortStandsByWhileAnotherPathWorks) {
  const auto stands_by = [&] {
    state_.peers[0].paths[0].use = protocol::PortUse::kLastResort;
    Build();
    std::map<wire::PathId, bool> paths;
    for (const RoutePath& path : builder_.Route(1).paths) paths[path.id] = path.stands_by;
    return paths;
  };
  EXPECT_THAT(stands_by(), ElementsAre(Pair(30, false), Pair(31, true)));
  // The other one carries for a moment longer, and is lost.
  state_.peers[0].paths[1].state = PathState::kLost;
  EXPECT_THAT(stands_by(), ElementsAre(Pair(30, false), Pair(31, false)));
  state_.peers[0].paths[1].state = PathState::kActive;
  state_.peers[0].paths[1].use = protocol::PortUse::kLastResort;
  EXPECT_THAT(stands_by(), ElementsAre(Pair(30, false), Pair(31, false)));
}

TEST_F(ForwardingTest, SendsOverActivePathsAndListsTheOthersForAttribution) {
  EXPECT_THAT(SendingPaths(), ElementsAre(30, 31));  // sorted by port
  EXPECT_EQ(snapshot_->peers[1]->paths.size(), 3u);
  EXPECT_EQ(snapshot_->peers[1]->send_session, state_.peers[0].send);
}

TEST_F(ForwardingTest, APathAsksForTheNextHopFromItsLocalAddress) {
  state_.peers[0].paths[0].local = Ip("10.0.1.7");
  std::vector<Flow> asked;
  snapshot_ = builder_.Build(state_, ports_, [&](wire::PortId, const Flow& flow) {
    asked.push_back(flow);
    return &hop_;
  });
  EXPECT_THAT(asked, ElementsAre(Flow{{Ip("10.0.1.7"), 13116}, At("10.9.0.2:13116")},
                                 FlowTo("10.9.0.2:13116")));
}

// A network that has IPv6 alone, and translates: the workers know the peer as their frames do, and the size is one of
// IPv4, which the frames outgrow.
TEST_F(ForwardingTest, AnIpv4EndpointIsReachedByThePrefixOfThePortsNetwork) {
  ports_[3] = MakePort(/*worker=*/2, "2001:db8::7", 1400);
  state_.peers[0].paths = {MakePath(31, 3, "192.0.2.1:13116", PathState::kActive)};
  state_.peers[0].paths[0].size = 1280;
  state_.peers[0].paths[0].target = At("[64:ff9b::192.0.2.1]:13116");
  hop_.source = Ip("2001:db8::7");
  std::vector<Flow> asked;
  snapshot_ = builder_.Build(state_, ports_, [&](wire::PortId, const Flow& flow) {
    asked.push_back(flow);
    return &hop_;
  });
  EXPECT_THAT(asked, ElementsAre(FlowTo("[64:ff9b::192.0.2.1]:13116")));
  const PathEntry& path = snapshot_->peers.at(1)->paths.at(0);
  EXPECT_TRUE(path.send);
  EXPECT_EQ(path.remote, At("[64:ff9b::192.0.2.1]:13116"));
  EXPECT_TRUE(path.frame.is_v6());
  EXPECT_EQ(path.max_datagram, 1280u + 20 - 48);
  // What the kernel has to tell of the way is of the peer's path.
  builder_.NextHopChanged(3, FlowTo("[64:ff9b::192.0.2.1]:13116"));
  EXPECT_FALSE(builder_.complete());
}

TEST_F(ForwardingTest, PortsKnowTheirAddressesLinkLocalOnesToo) {
  const lcore::Snapshot& snapshot = Build();
  ASSERT_EQ(snapshot.ports.size(), 8u);
  EXPECT_THAT(snapshot.ports[3].addresses, ElementsAre(Ip("10.0.1.1"), Ip("fe80::1")));
  EXPECT_TRUE(snapshot.ports[3].present && snapshot.ports[3].up);
  EXPECT_FALSE(snapshot.ports[1].present);
}

TEST_F(ForwardingTest, SkipsAPortThatIsDown) {
  ports_[0].kernel.carrier = false;
  EXPECT_THAT(SendingPaths(), ElementsAre(31));
  EXPECT_FALSE(snapshot_->ports[0].up);
}

TEST_F(ForwardingTest, SkipsAPortWhoseWorkerDoesNotAnswerAndMovesHome) {
  ports_[3].worker_alive = false;
  EXPECT_THAT(SendingPaths(), ElementsAre(30));
  EXPECT_THAT(builder_.Route(1).homes, ElementsAre(1));
}

TEST_F(ForwardingTest, SkipsPathsWithoutANextHop) {
  hop_.state = NextHop::State::kResolving;
  EXPECT_THAT(SendingPaths(), IsEmpty());
  EXPECT_FALSE(builder_.Route(1).ready());
}

TEST_F(ForwardingTest, SkipsAPathWhoseSourceIsOfTheOtherFamily) {
  hop_.source = Ip("2001:db8::1");
  EXPECT_THAT(SendingPaths(), IsEmpty());
}

// What fits one path whole is not cut for the others. What has to be cut is cut for all.
TEST_F(ForwardingTest, EachSendingPathHasASizeOfItsOwn) {
  Build();
  EXPECT_EQ(snapshot_->peers[1]->paths[0].max_datagram, 1500u - 28);
  EXPECT_EQ(snapshot_->peers[1]->paths[2].max_datagram, 1400u - 28);
  EXPECT_EQ(builder_.Route(1).max_plaintext, 1500u - 28 - 32);
  EXPECT_EQ(builder_.Route(1).max_fragment, 1400u - 28 - 32);
  hop_.mtu = 1300;  // the MTU of a route may be below that of its interface
  Build();
  EXPECT_EQ(builder_.Route(1).max_plaintext, 1300u - 28 - 32);
  EXPECT_EQ(builder_.Route(1).max_fragment, 1300u - 28 - 32);
}

TEST_F(ForwardingTest, AProbedSizeCountsAndALearnedOneDoesNot) {
  hop_.learned_mtu = 600;
  state_.peers[0].paths[0].size = 1290;  // of port 3
  Build();
  EXPECT_EQ(builder_.Route(1).max_plaintext, 1500u - 28 - 32);
  EXPECT_EQ(builder_.Route(1).max_fragment, 1290u - 28 - 32);
}

TEST_F(ForwardingTest, FramesThatGoToOtherMachinesCarryChecksums) {
  ports_.at(0).info.on_wire = true;
  for (const PathEntry& path : Build().peers[1]->paths) {
    EXPECT_EQ(path.frame.has_udp_checksum, path.send && path.port == 0) << path.port;
  }
}

TEST_F(ForwardingTest, ARouteIsReadyWithASessionAndAPath) {
  Build();
  EXPECT_TRUE(builder_.Route(1).ready());
  EXPECT_THAT(builder_.Route(1).homes, ElementsAre(1, 2));
  state_.peers[0].send = nullptr;
  Build();
  EXPECT_FALSE(builder_.Route(1).ready());
}

TEST_F(ForwardingTest, APathKeepsItsCountersFromSnapshotToSnapshot) {
  Build().peers[1]->paths[0].counters->rx_first.Add(5);
  Build();
  EXPECT_EQ(builder_.Counters(30)->rx_first.Get(), 5u);
  state_.peers[0].paths.clear();
  Build();
  EXPECT_EQ(builder_.Counters(30), nullptr);
}

TEST_F(ForwardingTest, ForgetsPathsOfAClosedPort) {
  ports_.erase(0);
  EXPECT_THAT(SendingPaths(), ElementsAre(31));
  EXPECT_EQ(snapshot_->peers[1]->paths.size(), 1u);
}

// --- The slots of paths. ---

class SlotsTest : public ForwardingTest {
 protected:
  // By path; of a path that does not send, kNoPathSlot.
  std::map<wire::PathId, int> Slots() {
    std::map<wire::PathId, int> slots;
    for (const PathEntry& path : Build().peers.at(1)->paths) {
      EXPECT_TRUE(path.send || path.slot == wire::kNoPathSlot) << path.id;
      slots[path.id] = path.slot;
    }
    return slots;
  }
  std::vector<protocol::PathStatus>& paths() { return state_.peers[0].paths; }
  void Add(wire::PathId id) {
    paths().push_back(
        MakePath(id, 0, absl::StrCat("10.8.0.", id, ":13116").c_str(), PathState::kActive));
  }
  void Remove(wire::PathId id) {
    std::erase_if(paths(), [id](const protocol::PathStatus& path) { return path.id == id; });
  }
};

TEST_F(SlotsTest, APathHasItsOwnAsLongAsItLives) {
  EXPECT_THAT(Slots(), ElementsAre(Pair(30, 1), Pair(31, 0), Pair(32, wire::kNoPathSlot)));
  ports_[0].kernel.carrier = false;
  paths()[2].carries = true;
  EXPECT_THAT(Slots(),
              ElementsAre(Pair(30, wire::kNoPathSlot), Pair(31, 0), Pair(32, wire::kNoPathSlot)));
  ports_[0].kernel.carrier = true;
  std::swap(paths()[0], paths()[2]);
  EXPECT_THAT(Slots(), ElementsAre(Pair(30, 1), Pair(31, 0), Pair(32, 2)));
  paths()[0].carries = false;
  Slots();
  Add(33);
  EXPECT_THAT(Slots(),
              ElementsAre(Pair(30, 1), Pair(31, 0), Pair(32, wire::kNoPathSlot), Pair(33, 3)));
}

// Whoever still speaks of the slot means a path that is gone.
TEST_F(SlotsTest, AFreedOneComesLast) {
  Slots();
  Remove(31);
  Slots();
  Remove(30);
  wire::PathId id = 100;
  for (int slot = 2; slot < wire::kPathSlots; ++slot) {
    Add(id);
    EXPECT_EQ(Slots().at(id), slot);
    Remove(id++);
  }
  for (const int slot : {0, 1, 2, 3}) {
    Add(id);
    EXPECT_EQ(Slots().at(id), slot);
    Remove(id++);
  }
}

TEST_F(SlotsTest, APathBeyondThemSendsWithoutOne) {
  for (wire::PathId id = 100; id < 100 + wire::kPathSlots; ++id) Add(id);
  std::map<wire::PathId, int> slots = Slots();
  EXPECT_EQ(slots.at(100), 2);
  EXPECT_EQ(slots.at(161), 63);
  EXPECT_EQ(slots.at(162), wire::kNoPathSlot);
  EXPECT_EQ(std::ranges::count_if(snapshot_->peers[1]->paths, &PathEntry::send), 66);
  Remove(150);
  slots = Slots();
  EXPECT_EQ(slots.at(162), 52);
  EXPECT_EQ(slots.at(163), wire::kNoPathSlot);
}

// Tunnels choose among the paths that the workers have, by the same slots.
TEST_F(SlotsTest, TheRouteNamesThePathsThatSend) {
  paths()[1].remote_port = 4;
  paths()[1].told_rate = 8000;
  paths()[1].size = 1290;
  Build();
  const std::vector<RoutePath>& route = builder_.Route(1).paths;
  ASSERT_EQ(route.size(), 2u);
  EXPECT_EQ(route[0].id, 30u);
  EXPECT_EQ(route[0].slot, 1);
  EXPECT_EQ(route[0].port, 0);
  EXPECT_EQ(route[0].remote_port, 4);
  EXPECT_EQ(route[0].told_rate, 1'000'000u);
  EXPECT_EQ(route[0].worker, 1);
  EXPECT_EQ(route[0].max_plaintext, 1290u - 28 - 32);
  EXPECT_EQ(route[0].remote, At("10.9.0.2:13116"));
  EXPECT_EQ(route[1].id, 31u);
  EXPECT_EQ(route[1].slot, 0);
  EXPECT_EQ(route[1].remote_port, std::nullopt);
  EXPECT_EQ(route[1].told_rate, 0u);
  EXPECT_EQ(route[1].worker, 2);
  EXPECT_EQ(route[1].max_plaintext, 1400u - 28 - 32);
  ports_[3].kernel.carrier = false;
  Build();
  EXPECT_EQ(builder_.Route(1).paths.size(), 1u);
}

// --- What changed alone is made anew. ---

// Many peers, peer i with one path to 10.9.0.i.
class ManyPeersTest : public ForwardingTest {
 protected:
  static constexpr wire::PeerId kPeers = 5 * ForwardingBuilder::kPeersPerBuild / 2;

  ManyPeersTest() {
    state_.peers.clear();
    state_.map_sessions.clear();
    state_.session_slots = 1024;
    for (wire::PeerId id = 0; id < kPeers; ++id) state_.peers.push_back(PeerAt(id, 0x10000 + id));
    BuildAll();
  }
  static protocol::ForwardingPeer PeerAt(wire::PeerId id, uint32_t session) {
    protocol::ForwardingPeer peer;
    peer.id = id;
    peer.send = MakeSession(session);
    peer.receive = {peer.send};
    peer.paths = {
        MakePath(id, 0, absl::StrCat("10.9.0.", id, ":13116").c_str(), PathState::kActive)};
    return peer;
  }
  // Returns how many snapshots it took.
  int BuildAll() {
    int builds = 0;
    do {
      Build();
      state_.peers.clear();
      ++builds;
    } while (!builder_.complete());
    return builds;
  }
};

TEST_F(ManyPeersTest, OneThatChangedLeavesTheOthersAsTheyAre) {
  const auto before = snapshot_->peers;
  const uint64_t built = builder_.peers_built();
  state_.peers = {PeerAt(7, 0x20007)};
  EXPECT_EQ(BuildAll(), 1);
  EXPECT_EQ(builder_.peers_built(), built + 1);
  for (wire::PeerId id = 0; id < kPeers; ++id) {
    EXPECT_EQ(snapshot_->peers[id] == before[id], id != 7) << id;
  }
  EXPECT_EQ(snapshot_->peers[7]->send_session->local_index(), 0x20007u);
}

TEST_F(ManyPeersTest, AllAreMadeAnewAFewASnapshot) {
  ports_[0].kernel.carrier = false;
  builder_.PortsChanged();
  const uint64_t built = builder_.peers_built();
  Build();
  EXPECT_EQ(builder_.peers_built(), built + ForwardingBuilder::kPeersPerBuild);
  EXPECT_FALSE(builder_.complete());
  BuildAll();
  EXPECT_EQ(builder_.peers_built(), built + kPeers);
  for (const auto& peer : snapshot_->peers) EXPECT_FALSE(peer->paths.at(0).send);
}

TEST_F(ManyPeersTest, ThePortsChangeAgainBeforeAllWereMadeAnew) {
  ports_[0].kernel.carrier = false;
  builder_.PortsChanged();
  Build();
  ports_[0].kernel.carrier = true;
  builder_.PortsChanged();
  BuildAll();
  for (const auto& peer : snapshot_->peers) EXPECT_TRUE(peer->paths.at(0).send);
}

TEST_F(ManyPeersTest, ANextHopConcernsWhoseWayItIs) {
  const auto before = snapshot_->peers;
  builder_.NextHopChanged(0, FlowTo("10.9.0.3:13116"));
  builder_.NextHopChanged(0, FlowTo("10.77.0.3:13116"));
  builder_.NextHopChanged(3, FlowTo("10.9.0.4:13116"));
  EXPECT_EQ(BuildAll(), 1);
  for (wire::PeerId id = 0; id < kPeers; ++id) {
    EXPECT_EQ(snapshot_->peers[id] == before[id], id != 3) << id;
  }
}

// The new session of one peer takes the slot that another's has in the snapshot before.
TEST_F(ManyPeersTest, SlotsChangeHandsWithinOneChange) {
  state_.peers = {PeerAt(1, 0x20000 + 2), PeerAt(2, 0x20000 + 1)};
  BuildAll();
  EXPECT_EQ(snapshot_->sessions[2].peer, 1u);
  EXPECT_EQ(snapshot_->sessions[1].peer, 2u);
  EXPECT_EQ(snapshot_->sessions[3].peer, 3u);
  state_.session_slots = 4096;
  state_.peers = {PeerAt(1, 0x30000 + 3000)};
  BuildAll();
  EXPECT_EQ(snapshot_->sessions[3000 + 0x30000 % 4096].peer, 1u);
  EXPECT_EQ(snapshot_->sessions[2].session, nullptr);
  EXPECT_EQ(snapshot_->sessions[0x20001 % 4096].peer, 2u);
}

// The facts come some at a time, so that a slot may have a new user before it is told that the old one is gone.
TEST_F(ManyPeersTest, ASlotIsItsNewUsersThoughTheOldOneIsNotToldOfYet) {
  state_.peers = {PeerAt(1, 0x20000 + 2)};
  BuildAll();
  EXPECT_EQ(snapshot_->sessions[2].peer, 1u);
  state_.peers = {PeerAt(2, 0x20000 + 1)};
  BuildAll();
  EXPECT_EQ(snapshot_->sessions[2].peer, 1u);
  EXPECT_EQ(snapshot_->sessions[1].peer, 2u);
}

// A peer of which nothing is known yet has a route of its own, and disturbs nobody's.
TEST_F(ManyPeersTest, AGapInTheNumbersHarmsNoRoute) {
  state_.peers = {PeerAt(kPeers + 5, 0x20000 + kPeers)};
  BuildAll();
  builder_.PortsChanged();
  BuildAll();
  for (wire::PeerId id = 0; id < kPeers + 6; ++id) {
    EXPECT_EQ(builder_.Route(id).ready(), id < kPeers || id == kPeers + 5) << id;
    EXPECT_EQ(builder_.Route(id).peer, id);
  }
}

TEST_F(ManyPeersTest, TellsWhoseRoutesItMade) {
  state_.peers = {PeerAt(7, 0x20007), PeerAt(3, 0x20003)};
  Build();
  EXPECT_THAT(builder_.built(), ElementsAre(7, 3));
  state_.peers.clear();
  Build();
  EXPECT_THAT(builder_.built(), IsEmpty());
}

// A peer that is gone has no facts any more.
TEST_F(ManyPeersTest, APeerThatIsGoneLeavesNothingBehind) {
  state_.peers = {{.id = 9}};
  BuildAll();
  EXPECT_EQ(snapshot_->sessions[9].session, nullptr);
  EXPECT_TRUE(snapshot_->peers[9]->paths.empty());
  EXPECT_EQ(builder_.Counters(9), nullptr);
  const uint64_t built = builder_.peers_built();
  builder_.NextHopChanged(0, FlowTo("10.9.0.9:13116"));
  BuildAll();
  EXPECT_EQ(builder_.peers_built(), built);
}

TEST_F(ManyPeersTest, WhoseNextHopNobodyCouldGiveAsksAgain) {
  state_.peers = {PeerAt(5, 0x20005)};
  snapshot_ = builder_.Build(state_, ports_, [](wire::PortId, const Flow&) { return nullptr; });
  state_.peers.clear();
  EXPECT_FALSE(snapshot_->peers[5]->paths.at(0).send);
  builder_.RetryNextHops();
  EXPECT_FALSE(builder_.complete());
  BuildAll();
  EXPECT_TRUE(snapshot_->peers[5]->paths.at(0).send);
}

}  // namespace
}  // namespace warp::control
