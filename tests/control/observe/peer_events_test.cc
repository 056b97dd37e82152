#include "control/observe/peer_events.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace warp::control {
namespace {

using protocol::PathState;

const wire::Endpoint kHome = *wire::Endpoint::Parse("198.51.100.7:13116");
const wire::Endpoint kAway = *wire::Endpoint::Parse("203.0.113.9:40000");

class PeerEventsTest : public ::testing::Test {
 protected:
  PeerEventsTest() {
    peer_.name = "hq";
    log_.AddSink([this](const Event& event) { raised_.push_back(EventText(event)); });
  }

  // The path that it adds or changes.
  protocol::PathStatus& Path(wire::PathId id, wire::PortId port, PathState state,
                             const wire::Endpoint& remote = kHome) {
    for (protocol::PathStatus& path : peer_.paths) {
      if (path.id != id) continue;
      path.state = state;
      return path;
    }
    peer_.paths.push_back({.id = id, .port = port, .remote = remote, .state = state});
    peer_.paths.back().reason = "because";
    peer_.paths.back().remote_port = 0;
    return peer_.paths.back();
  }
  // What is raised now.
  std::string Note() {
    raised_.clear();
    events_.Note({peer_}, [](wire::PortId port) { return absl::StrCat("wan", port); });
    return absl::StrJoin(raised_, "; ");
  }

  EventLog log_{[] { return absl::Time(); }};
  PeerEvents events_{log_};
  protocol::PeerStatus peer_;
  std::vector<std::string> raised_;
};

TEST_F(PeerEventsTest, ARelayBeginsAndEnds) {
  protocol::PathStatus& relayed = Path(1, 0, PathState::kActive, kAway);
  relayed.relayed = true;
  EXPECT_EQ(Note(), "peer hq: path wan0 -> 203.0.113.9:40000 active (because)")
      << "it stands ready, and carries nothing";
  Path(1, 0, PathState::kActive).carries = true;
  EXPECT_EQ(Note(),
            "peer hq: no other path works, so payloads go through a map's relay at "
            "203.0.113.9:40000 from port wan0");
  EXPECT_EQ(Note(), "");
  // Both carry while it is left.
  Path(2, 0, PathState::kActive).carries = true;
  EXPECT_EQ(Note(), "peer hq: path wan0 -> 198.51.100.7:13116 active (because)");
  Path(1, 0, PathState::kActive).carries = false;
  EXPECT_EQ(Note(), "peer hq: no payloads go through a map's relay any more (another path works)");
  EXPECT_EQ(Note(), "");
  Path(2, 0, PathState::kActive).carries = false;
  Path(1, 0, PathState::kActive).carries = true;
  Note();
  Path(1, 0, PathState::kLost).carries = false;
  EXPECT_EQ(Note(),
            "peer hq: path wan0 -> 203.0.113.9:40000 lost (because); "
            "peer hq: no payloads go through a map's relay any more (no path is left)");
}

TEST_F(PeerEventsTest, APeerThatIsRemovedEndsWhatThereWas) {
  peer_.connected = true;
  Path(1, 0, PathState::kActive);
  Note();
  raised_.clear();
  events_.Forget(peer_.id);
  EXPECT_EQ(absl::StrJoin(raised_, "; "),
            "peer hq: connecting (the configuration has it no more); peer hq: path wan0 -> "
            "198.51.100.7:13116 lost (the port or the endpoint is gone)");
  EXPECT_EQ(events_.connected(), 0u);
  raised_.clear();
  events_.Forget(peer_.id);
  EXPECT_EQ(raised_.size(), 0u);
}

TEST_F(PeerEventsTest, TellsChangesOnly) {
  EXPECT_EQ(Note(), "");
  peer_.connected = true;
  peer_.reason = "confirmed";
  Path(1, 0, PathState::kCandidate);
  EXPECT_EQ(Note(), "peer hq: connected (confirmed)");
  EXPECT_EQ(Note(), "");
  EXPECT_EQ(events_.connected(), 1u);
  Path(1, 0, PathState::kActive);
  EXPECT_EQ(Note(), "peer hq: path wan0 -> 198.51.100.7:13116 active (because)");
  EXPECT_EQ(Note(), "");
  Path(1, 0, PathState::kLost).reason = "no answer";
  EXPECT_EQ(Note(), "peer hq: path wan0 -> 198.51.100.7:13116 lost (no answer)");
  peer_.connected = false;
  peer_.reason = "peer closed";
  EXPECT_EQ(Note(), "peer hq: connecting (peer closed)");
  EXPECT_EQ(events_.connected(), 0u);
}

// A path that is taken away was lost too, if it carried anything.
TEST_F(PeerEventsTest, TellsOfPathsThatGo) {
  Path(1, 0, PathState::kActive);
  Path(2, 1, PathState::kCandidate);
  Note();
  peer_.paths.clear();
  EXPECT_EQ(Note(),
            "peer hq: path wan0 -> 198.51.100.7:13116 lost (the port or the endpoint is gone)");
  EXPECT_EQ(Note(), "");
}

TEST_F(PeerEventsTest, TellsOnceOfAKeyThatTwoNodesUse) {
  peer_.twins = {kHome.address, kAway.address};
  peer_.twins_since = wire::Instant(std::chrono::seconds(1));
  EXPECT_EQ(Note(), "peer hq: two nodes seem to use this key: 198.51.100.7, 203.0.113.9");
  EXPECT_EQ(Note(), "");
  peer_.twins_since = wire::Instant(std::chrono::seconds(2));
  EXPECT_NE(Note(), "");
}

TEST_F(PeerEventsTest, APeerMovesWhenItsEndpointGivesWayToAnother) {
  Path(1, 0, PathState::kActive);
  Path(2, 1, PathState::kActive);
  Note();
  // Another endpoint of the same port of the peer beside the known one is no move.
  Path(3, 0, PathState::kActive, kAway);
  EXPECT_EQ(Note(), "peer hq: path wan0 -> 203.0.113.9:40000 active (because)");
  Path(1, 0, PathState::kLost);
  EXPECT_EQ(Note(),
            "peer hq: moved from 198.51.100.7:13116 to 203.0.113.9:40000, as port wan0 sees it; "
            "peer hq: path wan0 -> 198.51.100.7:13116 lost (because)");
  // The other port sees the same later.
  Path(2, 1, PathState::kLost);
  Path(4, 1, PathState::kActive, kAway);
  EXPECT_EQ(Note(),
            "peer hq: path wan1 -> 198.51.100.7:13116 lost (because); "
            "peer hq: path wan1 -> 203.0.113.9:40000 active (because)");
  // And back.
  Path(3, 0, PathState::kLost);
  Path(1, 0, PathState::kActive);
  EXPECT_NE(Note().find("moved from 203.0.113.9:40000 to 198.51.100.7:13116"), std::string::npos);
}

// A path that is only lost for a while is at home when it comes back.
TEST_F(PeerEventsTest, AnOutageIsNoMove) {
  Path(1, 0, PathState::kActive);
  Note();
  Path(1, 0, PathState::kLost);
  Note();
  Path(1, 0, PathState::kActive);
  EXPECT_EQ(Note(), "peer hq: path wan0 -> 198.51.100.7:13116 active (because)");
}

TEST_F(PeerEventsTest, ACapacityIsToldWhenItStaysAway) {
  Path(1, 0, PathState::kActive);
  Note();
  raised_.clear();
  const auto note = [&](uint64_t capacity, int times) {
    for (int i = 0; i < times; ++i) events_.NoteCapacity(0, 1, capacity);
    return absl::StrJoin(std::exchange(raised_, {}), "; ");
  };
  EXPECT_EQ(note(40'000'000, 20), "");  // what it has is no change
  EXPECT_EQ(note(49'000'000, 20), "");
  EXPECT_EQ(note(10'000'000, PeerEvents::kCapacityLooks - 1), "");
  EXPECT_EQ(note(40'000'000, 1), "");  // it came back
  EXPECT_EQ(note(10'000'000, PeerEvents::kCapacityLooks - 1), "");
  EXPECT_EQ(note(20'000'000, 1),
            "peer hq: path wan0 -> 198.51.100.7:13116 carries 20.0 Mbit/s, and not 40.0 Mbit/s any "
            "more");
  EXPECT_EQ(note(20'000'000, 20), "");
  events_.NoteCapacity(7, 1, 1);  // of nobody
  events_.NoteCapacity(0, 7, 1);
}

}  // namespace
}  // namespace warp::control
