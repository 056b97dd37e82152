// What a turn of the control thread does, in which order, and how much of each kind at most.
#include "control/daemon/turn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/control/fake_dataplane.h"
#include "tests/control/fake_netlink.h"

namespace warp::control {
namespace {

using lcore::HandshakeRank;
using testing::ElementsAre;

// Writes down what the turn asks of it, and gives what the test has put into its rings.
class Sources : public lcore::FakeDataplane {
 public:
  uint32_t TurnInlineWorker() override {
    log.push_back("worker");
    return 0;
  }
  size_t ReceiveOpened(std::span<lcore::OpenedPacket>) override {
    log.push_back("opened");
    return 0;
  }
  size_t ReceiveCompletions(std::span<lcore::Completion>) override {
    log.push_back("completions");
    return 0;
  }
  size_t ReceiveHandshakes(HandshakeRank rank, std::span<lcore::HandshakePacket> out) override {
    if (log.empty() || log.back() != "handshakes") log.push_back("handshakes");
    if (handshakes[rank] == 0) return 0;
    for (lcore::HandshakePacket& packet : out) {
      packet.packet = MakeSealed({});
      read.push_back(rank);
    }
    handshakes[rank] -= out.size();
    return out.size();
  }
  size_t ReceiveForeign(std::span<lcore::ForeignFrame> out) override {
    log.push_back("foreign");
    const size_t count = std::min(out.size(), foreign);
    foreign -= count;
    for (size_t i = 0; i < count; ++i) out[i].packet = AllocateFrame();
    return count;
  }
  void Publish(std::unique_ptr<const lcore::Snapshot> snapshot) override {
    log.push_back("publish");
    FakeDataplane::Publish(std::move(snapshot));
  }
  void FlushWakeups() override { log.push_back("submit"); }

  std::map<HandshakeRank, size_t> handshakes;  // that wait
  size_t foreign = 0;                          // frames that wait
  std::vector<std::string> log;
  std::vector<HandshakeRank> read;
};

class TurnTest : public testing::Test {
 protected:
  static protocol::NodeOptions Options() {
    protocol::NodeOptions options;
    options.identity.secret_key = wire::SecretKey::Generate();
    options.identity.wall_clock = [] { return uint64_t{1}; };
    return options;
  }
  // Peers with whom no handshake was begun: all are due.
  void AddPeers(uint8_t count) {
    node_.SetPort(loop_->now(), 0, {.up = true, .addresses = {wire::IpAddress::V4({10, 0, 0, 1})}});
    for (uint8_t host = 1; host <= count; ++host) {
      ASSERT_TRUE(node_.AddPeer(loop_->now(),
                                {.public_key = wire::SecretKey::Generate().Public(),
                                 .endpoints = {{wire::IpAddress::V4({10, 0, 1, host}), 13116}}}));
    }
  }

  std::unique_ptr<Loop> loop_ = *Loop::Open(Loop::BackEnd::kEpoll);
  FakeNetlink netlink_;
  Sources dataplane_;
  config::NodeConfig config_;
  protocol::Node node_{Options()};
  Links links_{{.loop = *loop_,
                .netlink = netlink_,
                .dataplane = dataplane_,
                .protocol = node_,
                .config = config_},
               [](const Links::Published&) {}};
  Traffic traffic_{*loop_, dataplane_, node_, wire::kDefaultWindow};
  Turn turn_{{.loop = *loop_,
              .dataplane = dataplane_,
              .protocol = node_,
              .links = links_,
              .traffic = traffic_},
             config_,
             WorkerPlan{}};
};

TEST_F(TurnTest, PayloadsComeFirstAndASnapshotBeforeWhatIsSubmitted) {
  Task task(*loop_, [this] { dataplane_.log.push_back("loop"); });
  task.Schedule();
  turn_.RunOnce();
  EXPECT_THAT(dataplane_.log, ElementsAre("worker", "opened", "completions", "handshakes",
                                          "foreign", "loop", "publish", "submit"));
}

TEST_F(TurnTest, ReadsOneHandshakeMessageAndTheRanksTakeTurns) {
  for (const HandshakeRank rank : lcore::kHandshakeRanks) dataplane_.handshakes[rank] = 2;
  for (size_t turn = 1; turn <= 9; ++turn) {
    turn_.RunOnce();
    EXPECT_EQ(dataplane_.read.size(), std::min<size_t>(turn, 8));
  }
  std::vector<HandshakeRank> in_turns;
  for (int round = 0; round < 2; ++round) {
    in_turns.insert(in_turns.end(), lcore::kHandshakeRanks.begin(), lcore::kHandshakeRanks.end());
  }
  EXPECT_EQ(dataplane_.read, in_turns);
}

// Strangers wait without end. Who has proven something is read in every fourth turn that reads.
TEST_F(TurnTest, AFloodHoldsUpNoOtherRank) {
  dataplane_.handshakes[HandshakeRank::kStranger] = 1000;
  for (int turn = 0; turn < 5; ++turn) turn_.RunOnce();
  dataplane_.handshakes[HandshakeRank::kProven] = 1;
  dataplane_.handshakes[HandshakeRank::kReply] = 1;
  dataplane_.handshakes[HandshakeRank::kKnown] = 1;
  dataplane_.read.clear();
  for (int turn = 0; turn < 4; ++turn) turn_.RunOnce();
  EXPECT_THAT(dataplane_.read, testing::UnorderedElementsAreArray(lcore::kHandshakeRanks));
}

// Each of both may cost a Diffie-Hellman.
TEST_F(TurnTest, ReadsAMessageOrServesTimersButNeverBoth) {
  AddPeers(20);
  dataplane_.handshakes[HandshakeRank::kStranger] = 1000;
  for (int turn = 0; turn < 20; ++turn) {
    const size_t read = dataplane_.read.size();
    const uint64_t made = node_.initiations();
    turn_.RunOnce();
    const bool reads = turn % 2 == 0;
    EXPECT_EQ(dataplane_.read.size() - read, reads ? 1u : 0u) << turn;
    EXPECT_EQ(node_.initiations() - made, reads ? 0u : 1u) << turn;
  }
}

TEST_F(TurnTest, MakesOneInitiation) {
  AddPeers(20);
  for (uint64_t turn = 1; turn <= 20; ++turn) {
    turn_.RunOnce();
    EXPECT_EQ(node_.initiations(), turn);
  }
}

TEST_F(TurnTest, TakesSomeForeignFrames) {
  dataplane_.foreign = 100;
  turn_.RunOnce();
  EXPECT_EQ(dataplane_.foreign, 100u - 32);
}

}  // namespace
}  // namespace warp::control
